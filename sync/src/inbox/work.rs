//! Works off the inbox: claims what is ready, folds it by object, and notes what became of each event in the
//! transaction that wrote the rows. A crash releases the claim with the transaction.

use super::store::refuses_content;
use super::{LISTED, overtaken, request_rereads};
use crate::apply::{Outcome, apply};
use crate::change::{Change, ChangeError, Content, changes_of_event};
use crate::close::{Object, ObjectType};
use crate::connect::Connections;
use crate::error::SyncError;
use crate::mapping::MappingContext;
use closegraph_entity::record::Origin;
use sqlx::{PgPool, Postgres, Transaction};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How a worker claims and gives up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkOptions {
    /// Events in one claim.
    pub(crate) batch: i64,
    /// Attempts after which an event is dead.
    pub(crate) max_attempts: i32,
    /// Pause after the first failure; it doubles up to `max_delay`, with jitter.
    pub(crate) min_delay: Duration,
    pub(crate) max_delay: Duration,
}

impl Default for WorkOptions {
    fn default() -> Self {
        Self {
            batch: 500,
            max_attempts: 10,
            min_delay: Duration::from_secs(2),
            max_delay: Duration::from_secs(3600),
        }
    }
}

const CLAIM: &str = "
    select seq, id, connection_id, origin, action, object_type, payload::text
      from event
     where state in ('pending', 'failed') and next_attempt_at <= now() and action <> 'read'
     order by next_attempt_at, seq
     limit $1
       for update skip locked";

const CLAIM_ONE: &str = "
    select seq, id, connection_id, origin, action, object_type, payload::text
      from event
     where seq = $1 and state in ('pending', 'failed')
       for update skip locked";

const SETTLE: &str = "
    update event
       set state = outcome.state, error = outcome.error, finished_at = now(), attempts = attempts + 1
      from unnest($1::bigint[], $2::text[], $3::text[]) as outcome (seq, state, error)
     where event.seq = outcome.seq";

#[derive(Debug, sqlx::FromRow)]
struct Claimed {
    seq: i64,
    id: Uuid,
    connection_id: Uuid,
    origin: String,
    action: String,
    object_type: String,
    payload: String,
}

impl Claimed {
    fn changes(&self) -> Result<Vec<Change>, ChangeError> {
        // An object that a list showed and that could not be taken then stands here as it is.
        if self.action == LISTED
            && let Some(object_type) = ObjectType::of_event(&self.object_type)
        {
            let change =
                Change::read(object_type, Object::parse(&self.payload)?, Origin::Backfill)?;
            return Ok(vec![Change {
                event_id: Some(self.id),
                ..change
            }]);
        }
        let origin = match self.origin.as_str() {
            "event_log" => Origin::EventLog,
            _ => Origin::Webhook,
        };
        changes_of_event(&self.payload, self.id, origin)
    }
}

/// Works off one batch and answers how many events it claimed.
pub(crate) async fn work_off(
    pool: &PgPool,
    connections: &Connections,
    options: &WorkOptions,
) -> Result<usize, SyncError> {
    let start = Instant::now();
    let mut transaction = pool.begin().await?;
    let claimed: Vec<Claimed> = sqlx::query_as(CLAIM)
        .bind(options.batch)
        .fetch_all(&mut *transaction)
        .await?;
    if claimed.is_empty() {
        return Ok(0);
    }
    let seqs: Vec<i64> = claimed.iter().map(|event| event.seq).collect();
    let worked = match settle(&mut transaction, connections, claimed).await {
        Ok(()) => transaction.commit().await.map_err(SyncError::from),
        Err(error) => {
            transaction.rollback().await?;
            Err(error)
        }
    };
    if let Err(error) = worked {
        tracing::warn!(error = %error.chain(), count = seqs.len(), "a batch failed: working it off one by one");
        for seq in &seqs {
            one(pool, connections, options, *seq).await?;
        }
    }
    metrics::histogram!("closegraph_apply_duration_seconds").record(start.elapsed().as_secs_f64());
    Ok(seqs.len())
}

/// Works off one event; should it fail, it waits for its next attempt and nobody waits for it.
async fn one(
    pool: &PgPool,
    connections: &Connections,
    options: &WorkOptions,
    seq: i64,
) -> Result<(), SyncError> {
    let mut transaction = pool.begin().await?;
    let claimed: Vec<Claimed> = sqlx::query_as(CLAIM_ONE)
        .bind(seq)
        .fetch_all(&mut *transaction)
        .await?;
    let failed = match settle(&mut transaction, connections, claimed).await {
        Ok(()) => transaction.commit().await.err().map(SyncError::from),
        Err(error) => {
            transaction.rollback().await?;
            Some(error)
        }
    };
    let Some(error) = failed else { return Ok(()) };
    fail(pool, options, seq, &error).await
}

/// Notes a failed attempt, with the time of the next or, after the last, none.
async fn fail(
    pool: &PgPool,
    options: &WorkOptions,
    seq: i64,
    error: &SyncError,
) -> Result<(), SyncError> {
    let message = error.chain();
    // Trying again what Postgres will never take would only put off that a person sees it.
    let hopeless = matches!(error, SyncError::Database(error) if refuses_content(error));
    let max_attempts = if hopeless { 0 } else { options.max_attempts };
    tracing::warn!(seq, error = %message, "an event failed");
    metrics::counter!("closegraph_events_total", "outcome" => "failed").increment(1);
    sqlx::query(
        "update event
            set attempts = attempts + 1,
                state = case when attempts + 1 >= $2 then 'dead' else 'failed' end,
                finished_at = case when attempts + 1 >= $2 then now() end,
                error = $3,
                next_attempt_at = now() + least($4 * power(2, least(attempts, 20)), $5)
                                          * (0.5 + random()) * interval '1 second'
          where seq = $1",
    )
    .bind(seq)
    .bind(max_attempts)
    .bind(message)
    .bind(options.min_delay.as_secs_f64())
    .bind(options.max_delay.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}

/// Applies claimed events and notes what became of each.
async fn settle(
    transaction: &mut Transaction<'_, Postgres>,
    connections: &Connections,
    claimed: Vec<Claimed>,
) -> Result<(), SyncError> {
    let mut settled = Settled::default();
    let mut by_connection: HashMap<Uuid, Vec<(i64, Change)>> = HashMap::new();
    for event in claimed {
        let (seq, connection_id) = (event.seq, event.connection_id);
        match event.changes() {
            Ok(changes) if changes.is_empty() => settled.push(seq, "ignored", None),
            Ok(changes) => by_connection
                .entry(connection_id)
                .or_default()
                .extend(changes.into_iter().map(|change| (seq, change))),
            Err(ChangeError::Hidden {
                object_type,
                close_id,
                version,
            }) => {
                let note = "Close hid what it is about: the object is read again".to_owned();
                settled.push(seq, "stale", Some(note));
                let wanted = [(object_type, close_id, version)];
                request_rereads(transaction, connection_id, &wanted).await?;
            }
            Err(error) => settled.push(seq, "dead", Some(error.to_string())),
        }
    }
    for (connection_id, changes) in by_connection {
        let context = connections.mapping(connection_id).await?;
        apply_claimed(transaction, &context, changes, &mut settled).await?;
    }
    sqlx::query(SETTLE)
        .bind(settled.seqs)
        .bind(settled.states)
        .bind(settled.errors)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn apply_claimed(
    transaction: &mut Transaction<'_, Postgres>,
    context: &MappingContext,
    changes: Vec<(i64, Change)>,
    settled: &mut Settled,
) -> Result<(), SyncError> {
    let (seqs, changes): (Vec<i64>, Vec<Change>) = changes.into_iter().unzip();
    let named: Vec<_> = changes
        .iter()
        .map(|change| {
            let died = matches!(change.content, Content::Deleted { .. });
            let object = (change.object_type, change.close_id.clone(), change.version);
            (died, object)
        })
        .collect();
    let outcomes = apply(transaction, context, None, changes).await?;
    let overtaken: Vec<i64> = seqs
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| **outcome == Outcome::Stale)
        .map(|(seq, _)| *seq)
        .collect();
    let untold = overtaken::untold(transaction, &overtaken).await?;
    let mut unclear = Vec::new();
    let mut by_event: HashMap<i64, Outcome> = HashMap::new();
    for ((seq, outcome), (died, object)) in seqs.into_iter().zip(outcomes).zip(named) {
        match outcome {
            Outcome::Tie | Outcome::Incomplete => unclear.push(object),
            Outcome::Stale if died || untold.contains(&seq) => unclear.push(object),
            _ => {}
        }
        // Of the several changes of one event, the one that matters most decides how the event is shown.
        let shown = by_event.entry(seq).or_insert_with(|| outcome.clone());
        if weight(&outcome) > weight(shown) {
            *shown = outcome;
        }
    }
    for (seq, outcome) in by_event {
        let (state, error) = match outcome {
            Outcome::Created | Outcome::Updated | Outcome::Deleted => ("applied", None),
            Outcome::Unchanged => ("unchanged", None),
            Outcome::Stale => ("stale", None),
            Outcome::Tie => {
                let note =
                    "another content of the same version is stored: the object is read again";
                ("stale", Some(note.to_owned()))
            }
            Outcome::Incomplete => {
                let note = "too little of an object that is not known: the object is read again";
                ("stale", Some(note.to_owned()))
            }
            Outcome::Invalid(reason) => ("dead", Some(reason)),
        };
        settled.push(seq, state, error);
    }
    request_rereads(transaction, context.connection_id, &unclear).await?;
    Ok(())
}

const fn weight(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Unchanged => 0,
        Outcome::Stale => 1,
        Outcome::Tie | Outcome::Incomplete => 2,
        Outcome::Created | Outcome::Updated | Outcome::Deleted => 3,
        Outcome::Invalid(_) => 4,
    }
}

/// The new states of events, as columns.
#[derive(Debug, Default)]
struct Settled {
    seqs: Vec<i64>,
    states: Vec<&'static str>,
    errors: Vec<Option<String>>,
}

impl Settled {
    fn push(&mut self, seq: i64, state: &'static str, error: Option<String>) {
        metrics::counter!("closegraph_events_total", "outcome" => state).increment(1);
        self.seqs.push(seq);
        self.states.push(state);
        self.errors.push(error);
    }
}
