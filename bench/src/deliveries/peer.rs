//! pgbench, inserting the same body row by row into a table of the same columns and indexes as one of ours.

use super::event::Events;
use crate::pgbench;
use anyhow::Context;
use closegraph_tests::Database;
use serde_json::Value;
use std::time::Duration;
use tempfile::NamedTempFile;

/// What the table is like.
#[derive(Clone, Copy)]
pub(super) enum Like {
    /// The queryable inbox, with all its indexes.
    Inbox,
    /// The log that our receiver writes.
    Log,
}

pub(super) struct Peer {
    url: String,
    inbox: NamedTempFile,
    log: NamedTempFile,
}

impl Peer {
    pub(super) async fn start(database: &Database, events: &Events) -> anyhow::Result<Self> {
        for create in [
            "create table event_of_pgbench (like event including all)",
            "create table delivery_of_pgbench (like delivery including all)",
        ] {
            sqlx::query(create).execute(&database.pool).await?;
        }
        // What Closegraph stores: the event without its envelope.
        let delivery: Value = serde_json::from_str(&events.body(0)?)?;
        let event = literal(delivery.get("event").context("no event")?)?;
        let inbox = format!(
            "insert into event_of_pgbench (id, connection_id, origin, close_event_id, event_updated_at, object_type,
                                           object_id, action, payload, state)
             values (gen_random_uuid(), '00000000-0000-0000-0000-000000000000', 'webhook', gen_random_uuid()::text,
                     now(), 'lead', 'lead_bench', 'updated', '{event}', 'pending');"
        );
        let log = format!(
            "insert into delivery_of_pgbench (id, connection_id, payload)
             values (gen_random_uuid(), '00000000-0000-0000-0000-000000000000', '{event}');"
        );
        Ok(Self {
            url: database.url().to_owned(),
            inbox: pgbench::script(&inbox)?,
            log: pgbench::script(&log)?,
        })
    }

    /// Rows a second that so many clients insert, each in a transaction of its own.
    pub(super) fn insert(&self, like: Like, clients: usize, span: Duration) -> anyhow::Result<f64> {
        let script = match like {
            Like::Inbox => &self.inbox,
            Like::Log => &self.log,
        };
        pgbench::rate(&self.url, script.path(), clients, span)
    }
}

/// JSON in an SQL literal, without what pgbench would take for variables: colons that are followed by a word.
fn literal(value: &Value) -> anyhow::Result<String> {
    let spaced = serde_json::to_string_pretty(value)?.replace('\'', "''");
    let mut text = String::with_capacity(spaced.len());
    let mut rest = spaced.as_str();
    while let Some((before, after)) = rest.split_once(':') {
        text.push_str(before);
        text.push_str(if after.starts_with(' ') {
            ":"
        } else {
            "\\u003a"
        });
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}
