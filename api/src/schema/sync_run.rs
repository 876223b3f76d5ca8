//! Sync run.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::inputs;
use super::page::page_types;
use crate::error::Result;
use crate::query::operators::{DateTimeFilter, word_enum};
use crate::query::selection::Arguments;
use crate::query::table::{Composite, Field, ID as KEY, Table};
use crate::query::window::PageRequest;
use crate::query::written::composite;

pub(crate) static TABLE: Table = Table {
    name: "sync_run",
    graphql: "SyncRun",
    connection: "connection_id",
    key: KEY,
    fields: &[
        Field("id", "{t}.id"),
        Field("kind", "{t}.kind"),
        Field("status", "{t}.status"),
        Field("startedAt", "{t}.started_at"),
        Field("finishedAt", "{t}.finished_at"),
        Field("created", "{t}.created"),
        Field("updated", "{t}.updated"),
        Field("deleted", "{t}.deleted"),
        Field("unchanged", "{t}.unchanged"),
        Field("stale", "{t}.stale"),
        Field("requests", "{t}.requests"),
        Field("error", "{t}.error"),
    ],
    composites: &[Composite(
        "progress",
        "json_build_object('done', {t}.done, 'total', {t}.total)",
        composite::<RunProgress>,
    )],
    amounts: &[],
    one: &[],
    many: &[],
    lists: &[],
    money: None,
    record_id: closegraph_entity::record::record_id,
    columns: None,
    part_of: None,
};

word_enum! {
    /// The task of a run.
    RunKind, RunKindFilter {
        /// The first full load.
        Backfill = "backfill",
        /// Reading Close's event log.
        CatchUp = "catch_up",
        /// Searching for what changed.
        Sweep = "sweep",
        /// Comparing every id and version.
        Verify = "verify",
        /// Computing the columns again from the kept objects.
        Remap = "remap",
    }
}

word_enum! {
    /// How a run stands.
    RunStatus, RunStatusFilter {
        /// It is at work.
        Running = "running",
        /// All its pages are committed.
        Succeeded = "succeeded",
        /// It ended with an error.
        Failed = "failed",
        /// Stopped before its end; a later run resumes at its checkpoint.
        Interrupted = "interrupted",
    }
}

/// How far a run is, in records.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default)]
pub(crate) struct RunProgress {
    /// Records that are through.
    done: i64,
    /// Null where Close did not say.
    total: Option<i64>,
}

/// One run of a sync task.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SyncRun {
    /// Id in this deployment, a UUID.
    pub id: ID,
    /// The task.
    pub kind: RunKind,
    /// How it stands.
    pub status: RunStatus,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended; null while it runs.
    pub finished_at: Option<DateTime<Utc>>,
    /// How far it is.
    pub progress: RunProgress,
    /// Records that were new.
    pub created: i64,
    /// Records that were changed.
    pub updated: i64,
    /// Records that were gone.
    pub deleted: i64,
    /// Records that the mirror held already.
    pub unchanged: i64,
    /// Records that were older than the mirror, or could not be read.
    pub stale: i64,
    /// Requests that the run cost at Close.
    pub requests: i64,
    /// Why it failed.
    pub error: Option<String>,
}

page_types!(SyncRunConnection, SyncRunEdge, SyncRun, "runs");

inputs! {
    SyncRunFilter, SyncRunOrder, SyncRunOrderField;
    close_id {}
    columns {
        /// What it is.
        kind: RunKindFilter => "kind" Text false;
        /// Where it stands.
        status: RunStatusFilter => "status" Text false;
        /// When it started.
        started_at: DateTimeFilter => "started_at" Instant false;
    }
    one {}
    many {}
    order {
        /// By when it started.
        StartedAt => "started_at" Instant false;
    }
}

/// The newest first, unless an order is asked for.
pub(crate) fn page(arguments: &Arguments) -> Result<PageRequest> {
    let newest = SyncRunOrder {
        field: SyncRunOrderField::StartedAt,
        direction: super::Direction::Desc,
    };
    super::page::<SyncRunFilter, SyncRunOrder>(arguments).map(|request| request.or_order(newest))
}
