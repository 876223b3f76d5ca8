//! Works off the inbox: claims what is ready, folds it by object, and notes what became of each event in the
//! transaction that wrote the rows. A crash releases the claim with the transaction.

use super::LISTED;
use super::insert::refuses_content;
use super::judge::{Told, judge};
use super::settled::Settled;
use crate::change::{Change, ChangeError, changes_of_event};
use crate::close::{Object, ObjectType};
use crate::error::SyncError;
use closegraph_entity::record::Origin;
use sqlx::{PgPool, Postgres, Transaction};
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
    select id, connection_id, origin, action, object_type, payload::text
      from event
     where state in ('pending', 'failed') and next_attempt_at <= now() and action <> 'read'
       and payload is not null
     order by next_attempt_at, seq
     limit $1
       for update skip locked";

const CLAIM_ONE: &str = "
    select id, connection_id, origin, action, object_type, payload::text
      from event
     where id = $1 and state in ('pending', 'failed') and payload is not null
       for update skip locked";

#[derive(Debug, sqlx::FromRow)]
struct Claimed {
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
    let ids: Vec<Uuid> = claimed.iter().map(|event| event.id).collect();
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
                count = ids.len(),
                "a batch failed: working it off one by one"
            );
            for id in &ids {
                one(pool, options, *id).await?;
            }
        }
    }
    metrics::histogram!("closegraph_apply_duration_seconds").record(start.elapsed().as_secs_f64());
    Ok(ids.len())
}

/// Works off one event; should it fail, it waits for its next attempt and nobody waits for it.
pub(super) async fn one(pool: &PgPool, options: &WorkOptions, id: Uuid) -> Result<(), SyncError> {
    let start = Instant::now();
    let mut transaction = pool.begin().await?;
    let claimed: Vec<Claimed> = sqlx::query_as(CLAIM_ONE)
        .bind(id)
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
    fail(pool, options, id, &error).await
}

/// Notes a failed attempt, with the time of the next or, after the last, none.
async fn fail(
    pool: &PgPool,
    options: &WorkOptions,
    id: Uuid,
    error: &SyncError,
) -> Result<(), SyncError> {
    // Trying again what Postgres will never take would only put off that a person sees it.
    let hopeless = matches!(error, SyncError::Database(error) if refuses_content(error));
    let max_attempts = if hopeless { 0 } else { options.max_attempts };
    let noted: Option<(Uuid, String, i32)> = sqlx::query_as(
        "update event
            set attempts = attempts + 1,
                state = case when attempts + 1 >= $2 then 'dead' else 'failed' end,
                finished_at = case when attempts + 1 >= $2 then now() end,
                error = $3,
                next_attempt_at = now() + least($4 * power(2, least(attempts, 20)), $5)
                                          * (0.5 + random()) * interval '1 second'
          where id = $1
      returning connection_id, state, attempts",
    )
    .bind(id)
    .bind(max_attempts)
    .bind(error.chain())
    .bind(options.min_delay.as_secs_f64())
    .bind(options.max_delay.as_secs_f64())
    .fetch_optional(pool)
    .await?;
    if let Some((connection, state, attempts)) = noted {
        tell_failed(connection, id, &state, attempts, error);
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
    let told = claimed.into_iter().map(|event| Told {
        changes: event.changes(),
        event: event.id,
        connection: event.connection_id,
    });
    let (settled, unclear) = judge(transaction, told.collect()).await?;
    settled.write(transaction).await?;
    unclear.ask(transaction).await?;
    Ok(settled)
}
