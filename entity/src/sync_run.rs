//! One run of a sync task and what it did.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A run. It is "succeeded" only when all its pages are committed.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_run")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    pub kind: Kind,
    pub status: Status,
    pub started_at: DateTimeUtc,
    /// Last sign of life of the process that runs it.
    pub heartbeat_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
    /// Records seen so far.
    pub done: i64,
    /// Records expected, where Close said how many.
    pub total: Option<i64>,
    pub created: i64,
    pub updated: i64,
    pub deleted: i64,
    pub unchanged: i64,
    pub stale: i64,
    /// Requests that it cost at Close.
    pub requests: i64,
    pub error: Option<String>,
}

/// The task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The first full load.
    Backfill,
    /// Reading Close's event log.
    CatchUp,
    /// Searching for what changed.
    Sweep,
    /// Comparing every id and version.
    Verify,
    /// Computing the columns again from the kept objects.
    Remap,
}

impl Kind {
    /// The word stored in Postgres.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::CatchUp => "catch_up",
            Self::Sweep => "sweep",
            Self::Verify => "verify",
            Self::Remap => "remap",
        }
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Running,
    Succeeded,
    Failed,
    /// Stopped before its end by a shutdown or a crash; a later run resumes at its checkpoint.
    Interrupted,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
