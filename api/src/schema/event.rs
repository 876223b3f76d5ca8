//! Event.

use async_graphql::{ID, Json, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::connection::{self, Connection};
use super::inputs;
use super::page::page_types;
use crate::error::Result;
use crate::query::operators::{DateTimeFilter, IdFilter, TextFilter, word_enum};
use crate::query::selection::Arguments;
use crate::query::table::{Composite, Field, One, SEQ, Table};
use crate::query::window::PageRequest;
use crate::query::written::composite;

pub(crate) static TABLE: Table = Table {
    name: "event",
    graphql: "Event",
    connection: "connection_id",
    key: SEQ,
    fields: &[
        Field("id", "{t}.id"),
        Field("closeEventId", "{t}.close_event_id"),
        Field("objectType", "{t}.object_type"),
        Field("objectId", "{t}.object_id"),
        Field("action", "{t}.action"),
        Field("origin", "{t}.origin"),
        Field("receivedAt", "{t}.received_at"),
        Field("deliveredAt", "{t}.delivered_at"),
        Field("finishedAt", "{t}.finished_at"),
        Field("state", "{t}.state"),
        Field("attempts", "{t}.attempts"),
        Field("error", "{t}.error"),
    ],
    composites: &[Composite(
        "payload",
        "{t}.payload",
        composite::<Option<Json<serde_json::Value>>>,
    )],
    amounts: &[],
    one: &[One {
        field: "connection",
        table: &connection::TABLE,
        on: "{x}.id = {t}.connection_id",
    }],
    many: &[],
    lists: &[],
    money: None,
    record_id: closegraph_entity::record::record_id,
    columns: None,
    part_of: None,
};

word_enum! {
    /// Where an event stands.
    EventState, EventStateFilter {
        /// Not tried yet.
        Pending = "pending",
        /// It changed the mirror.
        Applied = "applied",
        /// It was true already.
        Unchanged = "unchanged",
        /// Something newer had been applied.
        Stale = "stale",
        /// Of a type that is not modelled.
        Ignored = "ignored",
        /// Tried without success; it will be tried again.
        Failed = "failed",
        /// Given up; a person decides.
        Dead = "dead",
        /// A person dropped it.
        Discarded = "discarded",
    }
}

word_enum! {
    /// The way by which something reached us.
    Origin, OriginFilter {
        /// A signed delivery.
        Webhook = "webhook",
        /// A page of Close's event log.
        EventLog = "event_log",
        /// A page of the first full load.
        Backfill = "backfill",
        /// A changed-since search or a full comparison.
        Sweep = "sweep",
        /// One object read again by id.
        Reread = "reread",
        /// The kept object, mapped anew.
        Remap = "remap",
        /// A person decided it here.
        Person = "person",
    }
}

/// What Close sent, as it came, and what became of it.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Event {
    /// Id in this deployment, a UUID.
    pub id: ID,
    /// Id in Close, `ev_…`; it may come again with newer content.
    pub close_event_id: String,
    /// As Close spells it: lead, contact, opportunity and so on.
    pub object_type: String,
    /// Id of the object in Close.
    pub object_id: String,
    /// As Close spells it: created, updated, deleted, merged and so on.
    pub action: String,
    /// The way by which it reached us.
    pub origin: Origin,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// When a webhook brought it; null for what only the event log showed.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was settled; null while it waits.
    pub finished_at: Option<DateTime<Utc>>,
    /// Where it stands.
    pub state: EventState,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it failed, or a note on its outcome.
    pub error: Option<String>,
    /// The event as Close sent it; null once it was trimmed.
    pub payload: Option<Json<serde_json::Value>>,
    /// The organization that it is of.
    pub connection: Connection,
}

page_types!(EventConnection, EventEdge, Event, "events");

inputs! {
    EventFilter, EventOrder, EventOrderField;
    close_id {}
    columns {
        /// The id here.
        id: IdFilter => "id" Uuid false;
        /// Where it stands.
        state: EventStateFilter => "state" Text false;
        /// How it came here.
        origin: OriginFilter => "origin" Text false;
        /// The id of the object in Close.
        object_id: TextFilter => "object_id" Text false;
        /// The type of the object in Close, such as lead.
        object_type: TextFilter => "object_type" Text false;
        /// When it arrived.
        received_at: DateTimeFilter => "received_at" Instant false;
    }
    one {}
    many {}
    order {
        /// By when it arrived.
        ReceivedAt => "received_at" Instant false;
    }
}

/// The newest first, unless an order is asked for.
pub(crate) fn page(arguments: &Arguments) -> Result<PageRequest> {
    let newest = EventOrder {
        field: EventOrderField::ReceivedAt,
        direction: super::Direction::Desc,
    };
    super::page::<EventFilter, EventOrder>(arguments).map(|request| request.or_order(newest))
}
