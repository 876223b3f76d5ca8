//! What became of claimed events: written in the transaction of their rows, counted and logged once that is committed.

use crate::redact::without_values;
use sqlx::{Postgres, Transaction};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use uuid::Uuid;

const SETTLE: &str = "
    update event
       set state = outcome.state, error = outcome.error, finished_at = now(), attempts = attempts + 1
      from unnest($1::bigint[], $2::text[], $3::text[]) as outcome (seq, state, error)
     where event.seq = outcome.seq";

/// The new states of events, as columns.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Event and connection, by `seq`.
    names: HashMap<i64, (Uuid, Uuid)>,
    seqs: Vec<i64>,
    states: Vec<&'static str>,
    errors: Vec<Option<String>>,
}

impl Settled {
    /// Nothing yet of these events: `(seq, event, connection)`.
    pub(super) fn of(claimed: impl Iterator<Item = (i64, Uuid, Uuid)>) -> Self {
        Self {
            names: claimed
                .map(|(seq, event, connection)| (seq, (event, connection)))
                .collect(),
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, seq: i64, state: &'static str, error: Option<String>) {
        self.seqs.push(seq);
        self.states.push(state);
        self.errors.push(error);
    }

    pub(super) async fn write(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(SETTLE)
            .bind(&self.seqs)
            .bind(&self.states)
            .bind(&self.errors)
            .execute(&mut **transaction)
            .await
            .map(drop)
    }

    /// Counts and logs, after the commit.
    pub(super) fn tell(&self, took: Duration) {
        let mut counts: BTreeMap<(Uuid, &'static str), u64> = BTreeMap::new();
        for ((seq, state), error) in self.seqs.iter().zip(&self.states).zip(&self.errors) {
            let (event, connection) = self.names.get(seq).copied().unwrap_or_default();
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
