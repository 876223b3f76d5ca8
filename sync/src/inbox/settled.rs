//! What became of claimed events: written in the transaction of their rows, counted and logged once that is committed.

use crate::redact::without_values;
use sqlx::{Postgres, Transaction};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use uuid::Uuid;

const SETTLE: &str = "
    update event
       set state = outcome.state, error = outcome.error, finished_at = now(), attempts = attempts + 1
      from unnest($1::uuid[], $2::text[], $3::text[]) as outcome (id, state, error)
     where event.id = outcome.id";

/// The new states of events, as columns.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The connection of each event.
    connections: HashMap<Uuid, Uuid>,
    events: Vec<Uuid>,
    states: Vec<&'static str>,
    errors: Vec<Option<String>>,
}

impl Settled {
    /// Nothing yet of these events: `(event, connection)`.
    pub(super) fn of(events: impl Iterator<Item = (Uuid, Uuid)>) -> Self {
        Self {
            connections: events.collect(),
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, event: Uuid, state: &'static str, error: Option<String>) {
        self.events.push(event);
        self.states.push(state);
        self.errors.push(error);
    }

    /// The state of each event, with what there is to say about it.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (Uuid, (&'static str, Option<&str>))> {
        let states = self.states.iter().copied();
        let outcomes = states.zip(self.errors.iter().map(Option::as_deref));
        self.events.iter().copied().zip(outcomes)
    }

    /// Writes the states of events that stand in the inbox.
    pub(super) async fn write(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(SETTLE)
            .bind(&self.events)
            .bind(&self.states)
            .bind(&self.errors)
            .execute(&mut **transaction)
            .await
            .map(drop)
    }

    /// Counts and logs, after the commit.
    pub(super) fn tell(&self, took: Duration) {
        let mut counts: BTreeMap<(Uuid, &'static str), u64> = BTreeMap::new();
        for ((event, state), error) in self.events.iter().zip(&self.states).zip(&self.errors) {
            let connection = self.connections.get(event).copied().unwrap_or_default();
            if *state == "dead" {
                let error = without_values(error.as_deref().unwrap_or_default());
                tracing::warn!(%connection, %event, error, "an event is dead: a person decides");
            } else {
                tracing::debug!(%connection, %event, state, "an event is settled");
            }
            *counts.entry((connection, state)).or_default() += 1;
        }
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        for ((connection, state), count) in counts {
            metrics::counter!("closegraph_events_total", "outcome" => state).increment(count);
            tracing::debug!(%connection, state, count, duration_ms, "a batch is worked off");
        }
    }
}
