//! Takes deliveries from the log into the inbox and works them off, all in one transaction: an event is written once,
//! as what became of it. A crash leaves its delivery in the log.
//!
//! Where that fails, each delivery becomes an event that waits, and is worked off as such.

use super::delivery::Delivery;
use super::insert::{Received, Row, insert, refuses_content};
use super::judge::{Told, judge};
use super::settled::Settled;
use super::work::{WorkOptions, one};
use crate::change::changes_of_event;
use crate::error::SyncError;
use crate::redact::chain;
use chrono::{DateTime, Utc};
use closegraph_entity::record::Origin;
use sqlx::{PgPool, Postgres, Transaction};
use std::collections::{HashMap, HashSet};
use std::time::Instant;
use uuid::Uuid;

/// Nobody else takes what is locked, so that its place does not change.
const TAKE: &str = "
    delete from delivery
     where ctid = any (array (select ctid from delivery order by seq limit $1 for update skip locked))
    returning seq, connection_id, payload, received_at";

const TAKE_ONE: &str = "
    delete from delivery
     where ctid = any (array (select ctid from delivery where seq = $1 for update skip locked))
    returning seq, connection_id, payload, received_at";

#[derive(Debug, sqlx::FromRow)]
struct Logged {
    seq: i64,
    connection_id: Uuid,
    payload: String,
    received_at: DateTime<Utc>,
}

impl Logged {
    fn read(&self) -> Delivery {
        let (connection, seq) = (self.connection_id, self.seq);
        Delivery::from_event(connection, Origin::Webhook, &self.payload).unwrap_or_else(|error| {
            // It was an event to whoever acknowledged it.
            let at = self.received_at;
            Delivery::unreadable(connection, seq, at, &self.payload, error.to_string())
        })
    }
}

/// Takes one batch and answers how many deliveries it held.
pub(crate) async fn take(pool: &PgPool, options: &WorkOptions) -> Result<usize, SyncError> {
    let start = Instant::now();
    let mut transaction = pool.begin().await?;
    let mut logged: Vec<Logged> = sqlx::query_as(TAKE)
        .bind(options.batch)
        .fetch_all(&mut *transaction)
        .await?;
    if logged.is_empty() {
        return Ok(0);
    }
    logged.sort_unstable_by_key(|logged| logged.seq);
    let taken = match settle(&mut transaction, &logged).await {
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
    let count = logged.len();
    match taken {
        Ok((settled, received)) => {
            received.tell(Origin::Webhook.as_str());
            settled.tell(start.elapsed());
        }
        Err(error) => {
            tracing::warn!(
                error = error.logged(),
                count,
                "a batch of deliveries failed: taking them one by one"
            );
            take_one_by_one(pool, options, &logged).await?;
        }
    }
    metrics::histogram!("closegraph_apply_duration_seconds").record(start.elapsed().as_secs_f64());
    Ok(count)
}

/// Applies what is new of the deliveries, and writes all of them.
async fn settle(
    transaction: &mut Transaction<'_, Postgres>,
    logged: &[Logged],
) -> Result<(Settled, Received), SyncError> {
    let mut ids = HashSet::with_capacity(logged.len());
    let mut deliveries = Vec::with_capacity(logged.len());
    for logged in logged {
        let delivery = logged.read();
        if ids.insert(delivery.id()) {
            deliveries.push((delivery, logged.received_at));
        }
    }
    let known: Vec<Uuid> = sqlx::query_scalar("select id from event where id = any($1)")
        .bind(ids.iter().copied().collect::<Vec<_>>())
        .fetch_all(&mut **transaction)
        .await?;
    let known: HashSet<Uuid> = known.into_iter().collect();
    let waiting = deliveries.iter().map(|(delivery, _)| delivery);
    let new = waiting.filter(|new| new.state() == "pending" && !known.contains(&new.id()));
    let told = new.map(|delivery| Told {
        event: delivery.id(),
        connection: delivery.connection_id,
        changes: changes_of_event(delivery.payload(), delivery.id(), Origin::Webhook),
    });
    let (settled, unclear) = judge(transaction, told.collect()).await?;
    let outcomes: HashMap<Uuid, _> = settled.outcomes().collect();
    let rows: Vec<Row<'_>> = deliveries
        .iter()
        .map(|(delivery, received_at)| {
            let row = Row::new(delivery, Some(*received_at));
            match outcomes.get(&delivery.id()) {
                Some((state, error)) => Row {
                    state,
                    error: *error,
                    attempts: 1,
                    ..row
                },
                None => row,
            }
        })
        .collect();
    let received = insert(&mut *transaction, &rows, false).await?;
    unclear.ask(transaction).await?;
    let repeated = logged.len().saturating_sub(deliveries.len());
    Ok((settled, received.and_known(repeated)))
}

/// None of them holds up the others, whatever is wrong with it.
async fn take_one_by_one(
    pool: &PgPool,
    options: &WorkOptions,
    logged: &[Logged],
) -> Result<(), SyncError> {
    let mut failed = Ok(());
    for logged in logged {
        if let Err(error) = take_one(pool, options, logged.seq).await {
            failed = Err(error);
        }
    }
    failed
}

async fn take_one(pool: &PgPool, options: &WorkOptions, seq: i64) -> Result<(), SyncError> {
    let taken = match become_event(pool, seq, None).await {
        Err(error) if refuses_content(&error) => {
            tracing::warn!(
                error = chain(&error),
                "an event goes to the dead letters: Postgres can't hold it"
            );
            become_event(pool, seq, Some(error.to_string())).await?
        }
        taken => taken?,
    };
    match taken {
        Some(event) => one(pool, options, event).await,
        None => Ok(()),
    }
}

/// Takes a delivery as an event that waits or, refused, as a dead letter. Answers the id of one that is to be worked
/// off.
async fn become_event(
    pool: &PgPool,
    seq: i64,
    refused: Option<String>,
) -> Result<Option<Uuid>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let logged: Option<Logged> = sqlx::query_as(TAKE_ONE)
        .bind(seq)
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(logged) = logged else {
        return Ok(None);
    };
    let delivery = match refused {
        Some(reason) => logged.read().as_dead_letter(reason),
        None => logged.read(),
    };
    let row = Row::new(&delivery, Some(logged.received_at));
    let received = insert(&mut transaction, &[row], false).await?;
    transaction.commit().await?;
    received.tell(Origin::Webhook.as_str());
    Ok((received.stored > 0).then(|| delivery.id()))
}
