//! Works off the inbox: claims what is ready, folds it by object, and notes what became of each event in the
//! transaction that wrote the rows. A crash releases the claim with the transaction.

use super::settled::Settled;
use super::{LISTED, request_rereads};
use crate::apply::{Outcome, apply};
use crate::change::{Change, ChangeError, changes_of_event};
use crate::close::{Object, ObjectType};
use crate::connect::mapping;
use crate::error::SyncError;
use crate::mapping::MappingContext;
use closegraph_entity::record::Origin;
use sqlx::{PgPool, Postgres, Transaction};
use std::collections::{BTreeMap, HashMap};
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
       and payload is not null
     order by next_attempt_at, seq
     limit $1
       for update skip locked";

const CLAIM_ONE: &str = "
    select seq, id, connection_id, origin, action, object_type, payload::text
      from event
     where seq = $1 and state in ('pending', 'failed') and payload is not null
       for update skip locked";

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
pub(crate) async fn work_off(pool: &PgPool, options: &WorkOptions) -> Result<usize, SyncError> {
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
    let worked = match settle(&mut transaction, claimed).await {
        Ok(settled) => transaction
            .commit()
            .await
            .map(|()| settled)
            .map_err(SyncError::from),
        Err(error) => {
            transaction.rollback().await?;
            Err(error)
        }
    };
    match worked {
        Ok(settled) => settled.tell(start.elapsed()),
        Err(error) => {
            tracing::warn!(
                error = error.logged(),
                count = seqs.len(),
                "a batch failed: working it off one by one"
            );
            for seq in &seqs {
                one(pool, options, *seq).await?;
            }
        }
    }
    metrics::histogram!("closegraph_apply_duration_seconds").record(start.elapsed().as_secs_f64());
    Ok(seqs.len())
}

/// Works off one event; should it fail, it waits for its next attempt and nobody waits for it.
async fn one(pool: &PgPool, options: &WorkOptions, seq: i64) -> Result<(), SyncError> {
    let start = Instant::now();
    let mut transaction = pool.begin().await?;
    let claimed: Vec<Claimed> = sqlx::query_as(CLAIM_ONE)
        .bind(seq)
        .fetch_all(&mut *transaction)
        .await?;
    let error = match settle(&mut transaction, claimed).await {
        Ok(settled) => match transaction.commit().await {
            Ok(()) => {
                settled.tell(start.elapsed());
                return Ok(());
            }
            Err(error) => error.into(),
        },
        Err(error) => {
            transaction.rollback().await?;
            error
        }
    };
    fail(pool, options, seq, &error).await
}

/// Notes a failed attempt, with the time of the next or, after the last, none.
async fn fail(
    pool: &PgPool,
    options: &WorkOptions,
    seq: i64,
    error: &SyncError,
) -> Result<(), SyncError> {
    let noted: Option<(Uuid, Uuid, String, i32)> = sqlx::query_as(
        "update event
            set attempts = attempts + 1,
                state = case when attempts + 1 >= $2 then 'dead' else 'failed' end,
                finished_at = case when attempts + 1 >= $2 then now() end,
                error = $3,
                next_attempt_at = now() + least($4 * power(2, least(attempts, 20)), $5)
                                          * (0.5 + random()) * interval '1 second'
          where seq = $1
      returning id, connection_id, state, attempts",
    )
    .bind(seq)
    .bind(options.max_attempts)
    .bind(error.chain())
    .bind(options.min_delay.as_secs_f64())
    .bind(options.max_delay.as_secs_f64())
    .fetch_optional(pool)
    .await?;
    if let Some((event, connection, state, attempts)) = noted {
        tell_failed(connection, event, &state, attempts, error);
    }
    Ok(())
}

/// Counts and logs an attempt that failed, of whatever kind.
pub(super) fn tell_failed(
    connection: Uuid,
    event: Uuid,
    state: &str,
    attempts: i32,
    error: &SyncError,
) {
    let outcome = if state == "dead" { "dead" } else { "failed" };
    metrics::counter!("closegraph_events_total", "outcome" => outcome).increment(1);
    tracing::warn!(%connection, %event, state, attempts, error = error.logged(), "an event failed");
}

/// Applies claimed events and notes what became of each.
async fn settle(
    transaction: &mut Transaction<'_, Postgres>,
    claimed: Vec<Claimed>,
) -> Result<Settled, SyncError> {
    let names = claimed.iter();
    let mut settled = Settled::of(names.map(|event| (event.seq, event.id, event.connection_id)));
    // In one order, so that two workers can't wait for each other.
    let mut by_connection: BTreeMap<Uuid, Vec<(i64, Change)>> = BTreeMap::new();
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
        let context = mapping(&mut **transaction, connection_id).await?;
        apply_claimed(transaction, &context, changes, &mut settled).await?;
    }
    settled.write(transaction).await?;
    Ok(settled)
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
        .map(|change| (change.object_type, change.close_id.clone(), change.version))
        .collect();
    let outcomes = apply(transaction, context, None, changes).await?;
    let mut ties = Vec::new();
    let mut by_event: HashMap<i64, Outcome> = HashMap::new();
    for ((seq, outcome), named) in seqs.into_iter().zip(outcomes).zip(named) {
        if outcome == Outcome::Tie {
            ties.push(named);
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
            Outcome::Invalid(reason) => ("dead", Some(reason)),
        };
        settled.push(seq, state, error);
    }
    request_rereads(transaction, context.connection_id, &ties).await?;
    Ok(())
}

const fn weight(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Unchanged => 0,
        Outcome::Stale => 1,
        Outcome::Tie => 2,
        Outcome::Created | Outcome::Updated | Outcome::Deleted => 3,
        Outcome::Invalid(_) => 4,
    }
}
