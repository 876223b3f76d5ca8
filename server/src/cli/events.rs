//! `closegraph events`.

use super::{Output, values};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Events {
    /// List events, the newest first.
    #[command(after_help = "Example: closegraph events list --state dead")]
    List(ListEvents),
    /// Show an event as Close sent it. Once its body was trimmed, its payload is null.
    #[command(after_help = "Example: closegraph events show 0d0f6c1e-6c1b-5d6a-9f0e-0a8f3f6f7d11")]
    Show {
        /// Its id, as events list shows it.
        id: Uuid,
    },
    /// Have events worked off once more. A running server does it. Where the body was trimmed, it reads the object again
    /// from Close instead.
    #[command(
        after_help = "Example: closegraph events replay --state dead --since 2026-11-20T00:00:00Z"
    )]
    Replay(EventSelection),
    /// Give events up that wait, failed or are dead.
    #[command(after_help = "Example: closegraph events discard --state dead --object-type lead")]
    Discard(EventSelection),
}

#[derive(Debug, Args)]
pub struct ListEvents {
    #[command(flatten)]
    pub selection: EventSelection,
    /// Events at most.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    #[command(flatten)]
    pub output: Output,
}

/// All that is given must hold.
#[derive(Debug, Args)]
pub struct EventSelection {
    /// Ids of events, as events list shows them.
    pub id: Vec<Uuid>,
    /// Where they stand.
    #[arg(long, value_enum)]
    pub state: Option<EventState>,
    /// Received at or after this instant, such as 2026-11-20T00:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = values::instant)]
    pub since: Option<DateTime<Utc>>,
    /// Received before this instant, such as 2026-11-21T00:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = values::instant)]
    pub until: Option<DateTime<Utc>>,
    /// Id of the object in Close.
    #[arg(long, value_name = "ID")]
    pub object_id: Option<String>,
    /// lead, contact, opportunity and so on, as Close spells it.
    #[arg(long, value_name = "TYPE")]
    pub object_type: Option<String>,
}

impl EventSelection {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
            && self.state.is_none()
            && self.since.is_none()
            && self.until.is_none()
            && self.object_id.is_none()
            && self.object_type.is_none()
    }
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum EventState {
    Pending,
    Applied,
    Unchanged,
    Stale,
    Ignored,
    Failed,
    Dead,
    Discarded,
}

impl EventState {
    /// The word stored in Postgres.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Stale => "stale",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }
}
