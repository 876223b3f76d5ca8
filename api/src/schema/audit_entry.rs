//! Audit entry.

use async_graphql::{Json, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::event::{self, Event, Origin, OriginFilter};
use super::inputs;
use super::member::{self, Member};
use super::page::page_types;
use super::record::RecordType;
use crate::error::Result;
use crate::query::operators::{DateTimeFilter, word_enum};
use crate::query::selection::Arguments;
use crate::query::table::{Composite, Field, One, SEQ, Table};
use crate::query::window::PageRequest;
use crate::query::written::composite;

pub(crate) static TABLE: Table = Table {
    name: "audit_entry",
    graphql: "AuditEntry",
    connection: "connection_id",
    key: SEQ,
    fields: &[
        Field("id", "{t}.seq::text"),
        Field("at", "{t}.at"),
        Field("recordedAt", "{t}.recorded_at"),
        Field("action", "{t}.action"),
        Field("origin", "{t}.origin"),
        Field("recordType", "{t}.record_type"),
        Field("closeId", "{t}.close_id"),
    ],
    composites: &[
        Composite(
            "changedFields",
            "{t}.changed_fields",
            composite::<Vec<String>>,
        ),
        Composite(
            "changes",
            "{t}.changes",
            composite::<Option<Json<serde_json::Value>>>,
        ),
    ],
    amounts: &[],
    one: &[
        One {
            field: "event",
            table: &event::TABLE,
            on: "{x}.id = {t}.event_id",
        },
        One {
            field: "actor",
            table: &member::TABLE,
            on: "{x}.id = {t}.actor_id",
        },
    ],
    many: &[],
    lists: &[],
    money: None,
    record_id: closegraph_entity::record::record_id,
    columns: None,
    part_of: None,
};

word_enum! {
    /// What a write did.
    ChangeAction, ChangeActionFilter {
        /// It was new.
        Created = "created",
        /// It was changed.
        Updated = "updated",
        /// It is gone.
        Deleted = "deleted",
    }
}

/// One write to one record.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AuditEntry {
    /// Id of the entry, ascending within a deployment.
    pub id: String,
    /// When it happened in Close: the version that was written.
    pub at: DateTime<Utc>,
    /// When the mirror recorded it.
    pub recorded_at: DateTime<Utc>,
    /// What was done.
    pub action: ChangeAction,
    /// The way by which it reached us.
    pub origin: Origin,
    /// The type of the record.
    pub record_type: RecordType,
    /// Id of the record in Close.
    pub close_id: String,
    /// Columns that changed; empty for created and deleted.
    pub changed_fields: Vec<String>,
    /// For each changed column its old and new value: {"name": {"from": …, "to": …}}. Null where there are none, and where
    /// they were of a person whose data was removed.
    pub changes: Option<Json<serde_json::Value>>,
    /// The event that said so, if one did.
    pub event: Option<Box<Event>>,
    /// Who did it in Close, where Close says so.
    pub actor: Option<Box<Member>>,
}

page_types!(
    AuditEntryConnection,
    AuditEntryEdge,
    AuditEntry,
    "audit entries"
);

inputs! {
    AuditEntryFilter, AuditEntryOrder, AuditEntryOrderField;
    close_id {}
    columns {
        /// What was done.
        action: ChangeActionFilter => "action" Text false;
        /// How it came here.
        origin: OriginFilter => "origin" Text false;
        /// When it happened in Close.
        at: DateTimeFilter => "at" Instant false;
    }
    one {}
    many {}
    order {
        /// By when the mirror recorded it.
        RecordedAt => "seq" Int false;
    }
}

/// The newest first, unless an order is asked for.
pub(crate) fn page(arguments: &Arguments) -> Result<PageRequest> {
    let newest = AuditEntryOrder {
        field: AuditEntryOrderField::RecordedAt,
        direction: super::Direction::Desc,
    };
    super::page::<AuditEntryFilter, AuditEntryOrder>(arguments)
        .map(|request| request.or_order(newest))
}
