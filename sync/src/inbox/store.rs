//! The inbox's front: deliveries that arrive together are stored by one statement, so that the disk's flush rate is
//! not the ceiling.

use super::delivery::Delivery;
use crate::redact::chain;
use sqlx::error::DatabaseError;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Deliveries in one statement.
const BATCH: usize = 256;
/// Deliveries that may wait to be stored; above it receivers wait.
const QUEUE: usize = 4096;

/// Pause between two calls of the workers.
const BETWEEN_CALLS: Duration = Duration::from_millis(20);

/// The same event comes twice: `(connection, event id, its date_updated)` is unique, and later copies are dropped. An
/// event that was held back is let go by a copy that is not. Answers for each row that was written whether it was not
/// known, and its state where it may be worked off.
const STORE: &str = "
    insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type,
                       object_id, action, payload, state, error, finished_at, next_attempt_at, delivered_at)
    select id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id, action,
           payload::jsonb, state, error, case when state in ('ignored', 'dead') then now() end,
           case when $11 then 'infinity' else now() end, case origin when 'webhook' then now() end
      from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[],
                  $7::text[], $8::text[], $9::text[], $10::text[], $12::text[])
        as new (id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id,
                action, payload, state, error)
    on conflict (connection_id, close_event_id, event_updated_at) do update
       set delivered_at = coalesce(event.delivered_at, excluded.delivered_at),
           next_attempt_at = case event.next_attempt_at when 'infinity' then now() else event.next_attempt_at end
        where not $11 and event.delivered_at is null
    returning xmax = 0, case when xmax = 0 or next_attempt_at <= now() then state end";

const RELEASE: &str = "
    with released as (
        update event set next_attempt_at = least(event_updated_at, now())
         where connection_id = $1 and state = 'pending' and next_attempt_at = 'infinity'
        returning seq)
    select pg_notify($2, '') from released limit 1";

type Answer = oneshot::Sender<Result<(), sqlx::Error>>;

/// Stores deliveries. Clones share one queue.
#[derive(Clone, Debug)]
pub struct Inbox {
    pool: PgPool,
    queue: mpsc::Sender<(Delivery, Answer)>,
}

impl Inbox {
    /// An inbox over the pool. Its tasks end when the last clone is dropped and the queue is empty.
    pub fn new(pool: PgPool) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (stored, news) = mpsc::channel(1);
        tokio::spawn(announce(pool.clone(), news));
        let writer = Writer {
            pool: pool.clone(),
            connection: None,
            stored,
        };
        tokio::spawn(writer.run(waiting));
        Self { pool, queue }
    }

    /// Whether the delivery is stored already.
    pub(super) async fn knows(&self, delivery: &Delivery) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("select exists (select from event where id = $1)")
            .bind(delivery.id())
            .fetch_one(&self.pool)
            .await
    }

    /// Answers once the delivery is durable, or was durable already.
    pub async fn store(&self, delivery: Delivery) -> Result<(), sqlx::Error> {
        let (answer, stored) = oneshot::channel();
        self.queue
            .send((delivery, answer))
            .await
            .map_err(|_| sqlx::Error::WorkerCrashed)?;
        stored.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }
}

/// Calls the workers of all processes when something was stored: at once, and then as often as is of use. Storing does
/// not wait for it, and workers look by themselves, too.
async fn announce(pool: PgPool, mut news: mpsc::Receiver<()>) {
    while news.recv().await.is_some() {
        let called = sqlx::query("select pg_notify($1, '')").bind(super::CHANNEL);
        if let Err(error) = called.execute(&pool).await {
            tracing::debug!(error = chain(&error), "the workers can't be called");
        }
        tokio::time::sleep(BETWEEN_CALLS).await;
    }
}

/// Writes what is queued, all that is there at once, over a session of its own.
struct Writer {
    pool: PgPool,
    connection: Option<PoolConnection<Postgres>>,
    stored: mpsc::Sender<()>,
}

impl Writer {
    async fn run(mut self, mut waiting: mpsc::Receiver<(Delivery, Answer)>) {
        let mut batch = Vec::with_capacity(BATCH);
        while waiting.recv_many(&mut batch, BATCH).await > 0 {
            let (deliveries, answers): (Vec<Delivery>, Vec<Answer>) = batch.drain(..).unzip();
            match self.store(&deliveries).await {
                Ok(()) => {
                    for answer in answers {
                        drop(answer.send(Ok(())));
                    }
                }
                // One delivery that Postgres refuses must not take its neighbours along.
                Err(error) if deliveries.len() > 1 => {
                    tracing::warn!(
                        error = chain(&error),
                        count = deliveries.len(),
                        "storing deliveries one by one"
                    );
                    for (delivery, answer) in deliveries.iter().zip(answers) {
                        drop(answer.send(self.store_one(delivery).await));
                    }
                }
                Err(error) => {
                    let single = deliveries.first().zip(answers.into_iter().next());
                    if let Some((delivery, answer)) = single {
                        drop(answer.send(self.bury(delivery, error).await));
                    }
                }
            }
        }
    }

    async fn store(&mut self, deliveries: &[Delivery]) -> Result<(), sqlx::Error> {
        let kept = self.connection.is_some();
        let mut stored = self.insert(deliveries).await;
        // The session may have ended since it was last used. What was stored nevertheless is known the second time.
        if kept
            && matches!(&stored, Err(error) if error.as_database_error().is_none_or(ends_session))
        {
            stored = self.insert(deliveries).await;
        }
        if stored? > 0 {
            // One call that waits to be made says it all.
            let _waits_already = self.stored.try_send(());
        }
        Ok(())
    }

    async fn insert(&mut self, deliveries: &[Delivery]) -> Result<usize, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.pool.acquire().await?,
        };
        let stored = insert(&mut connection, deliveries, false).await;
        match &stored {
            Err(error) if error.as_database_error().is_none_or(ends_session) => {
                // Not back to the pool, where the next would meet it.
                drop(connection.detach());
            }
            _ => self.connection = Some(connection),
        }
        stored
    }

    async fn store_one(&mut self, delivery: &Delivery) -> Result<(), sqlx::Error> {
        match self.store(std::slice::from_ref(delivery)).await {
            Ok(()) => Ok(()),
            Err(error) => self.bury(delivery, error).await,
        }
    }

    /// Keeps what Postgres refuses for what it is among the dead letters; another error stays one.
    async fn bury(&mut self, delivery: &Delivery, error: sqlx::Error) -> Result<(), sqlx::Error> {
        if !refuses_content(&error) {
            return Err(error);
        }
        tracing::warn!(event = %delivery.id(), error = chain(&error), "an event goes to the dead letters");
        let letter = delivery.as_dead_letter(error.to_string());
        self.store(&[letter]).await
    }
}

/// Whether the server ended the session: a shutdown or a crash (57P01 to 57P03), or a broken connection (class 08).
fn ends_session(error: &dyn DatabaseError) -> bool {
    error
        .code()
        .is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
}

/// Whether Postgres said that it will never take this: bad data (class 22), or more than its limits (class 54).
pub(super) fn refuses_content(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("54"))
}

/// Stores events that wait until they are [released](release); how many were not known.
pub(crate) async fn hold(pool: &PgPool, events: &[Delivery]) -> Result<u64, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let written = insert(&mut connection, events, true).await?;
    Ok(written as u64)
}

/// Lets go what is held of a connection, oldest first.
pub(crate) async fn release(
    transaction: &mut Transaction<'_, Postgres>,
    connection_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query(RELEASE)
        .bind(connection_id)
        .bind(super::CHANNEL)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

/// Writes events, and answers how many wait to be worked off.
async fn insert(
    connection: &mut PgConnection,
    deliveries: &[Delivery],
    held: bool,
) -> Result<usize, sqlx::Error> {
    let each = deliveries;
    let written: Vec<(bool, Option<String>)> = sqlx::query_as(STORE)
        .bind(each.iter().map(Delivery::id).collect::<Vec<_>>())
        .bind(
            each.iter()
                .map(|delivery| delivery.connection_id)
                .collect::<Vec<_>>(),
        )
        .bind(
            each.iter()
                .map(|delivery| delivery.origin.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            each.iter()
                .map(|delivery| delivery.close_event_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            each.iter()
                .map(|delivery| delivery.event_updated_at)
                .collect::<Vec<_>>(),
        )
        .bind(
            each.iter()
                .map(|delivery| delivery.object_type.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            each.iter()
                .map(|delivery| delivery.object_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            each.iter()
                .map(|delivery| delivery.action.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            each.iter()
                .map(|delivery| delivery.payload.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(each.iter().map(Delivery::state).collect::<Vec<_>>())
        .bind(held)
        .bind(
            each.iter()
                .map(|delivery| delivery.refused.as_deref())
                .collect::<Vec<_>>(),
        )
        .fetch_all(connection)
        .await?;
    let count = |state: &str| {
        let new = written.iter().filter(|(new, _)| *new);
        new.filter(|(_, is)| is.as_deref() == Some(state)).count()
    };
    let (stored, ignored, dead) = (count("pending"), count("ignored"), count("dead"));
    let known = each.len().saturating_sub(stored + ignored + dead);
    let origin = if held { "event_log" } else { "webhook" };
    for (outcome, count) in [
        ("stored", stored),
        ("ignored", ignored),
        ("dead", dead),
        ("duplicate", known),
    ] {
        metrics::counter!("closegraph_events_received_total", "origin" => origin, "outcome" => outcome)
            .increment(count as u64);
    }
    let waiting = written
        .iter()
        .filter(|(_, state)| state.as_deref() == Some("pending"));
    Ok(waiting.count())
}
