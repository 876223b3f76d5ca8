//! The inbox: every event that Close sent, as it came, and what became of it.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A delivery. `(connection_id, close_event_id, event_updated_at)` is unique: Close consolidates, so one event id may come again with new content.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// Order of arrival.
    #[sea_orm(primary_key)]
    pub seq: i64,
    #[sea_orm(unique)]
    pub id: Uuid,
    pub connection_id: Uuid,
    pub origin: super::record::Origin,
    /// Close's `ev_…`.
    pub close_event_id: String,
    pub event_updated_at: DateTimeUtc,
    /// `lead`, `contact`, `opportunity`, … as Close spells it.
    pub object_type: String,
    pub object_id: String,
    pub action: String,
    /// The event object, without its envelope; absent once it was trimmed.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub payload: Option<Json>,
    pub state: State,
    pub attempts: i32,
    pub next_attempt_at: DateTimeUtc,
    pub error: Option<String>,
    pub received_at: DateTimeUtc,
    /// When a webhook brought it; absent for what only the event log showed.
    pub delivered_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
}

/// Channel on which Postgres tells workers of all processes that events wait.
pub const CHANNEL: &str = "closegraph_event";

/// What follows SET to have events worked off once more. Those that wait already stay as they are. Where the body was
/// trimmed, the object is read again from Close instead.
pub const REPLAY: &str =
    "state = 'pending', attempts = 0, error = null, finished_at = null, next_attempt_at = now()";

/// What follows SET to give events up.
pub const DISCARD: &str = "state = 'discarded', finished_at = now()";

impl State {
    /// States from which an event can be replayed: it does not wait already.
    pub const REPLAYABLE: &str =
        "'applied', 'unchanged', 'stale', 'ignored', 'failed', 'dead', 'discarded'";
    /// States in which nothing is left to do and nobody to decide: the retention counts from here.
    pub const FINISHED: &str = "'applied', 'unchanged', 'stale', 'ignored', 'discarded'";
    /// States in which there is something to give up.
    pub const DISCARDABLE: &str = "'pending', 'failed', 'dead'";
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not tried yet.
    Pending,
    /// It changed the mirror.
    Applied,
    /// It was true already.
    Unchanged,
    /// Something newer had been applied.
    Stale,
    /// Of a type that is not modelled.
    Ignored,
    /// Tried without success; it will be tried again.
    Failed,
    /// Given up after the last attempt; a person decides.
    Dead,
    /// A person decided to drop it.
    Discarded,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
