//! The inbox's front: deliveries that arrive together are stored by one statement, so that the disk's flush rate is
//! not the ceiling.

use crate::close::{ObjectType, parse_timestamp};
use crate::redact::chain;
use chrono::{DateTime, Utc};
use closegraph_entity::record::Origin;
use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Deliveries in one statement.
const BATCH: usize = 256;
/// Deliveries that may wait to be stored; above it receivers wait.
const QUEUE: usize = 4096;

/// Bytes of an id, a type or an action: what is indexed has to fit into an index.
const LONGEST_WORD: usize = 255;

/// The same event comes twice: `(connection, event id, its date_updated)` is unique, and later copies are dropped. An
/// event that was held back is let go by a copy that is not. Answers how many wait to be applied, and of those that were
/// not known, how many will be applied, how many are ignored and how many are dead.
const STORE: &str = "
    with stored as (
        insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type,
                           object_id, action, payload, state, error, finished_at, next_attempt_at, delivered_at)
        select id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id, action,
               payload::jsonb, state, error, case when state in ('ignored', 'dead') then now() end,
               case when $12 then 'infinity' else now() end, case origin when 'webhook' then now() end
          from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[],
                      $7::text[], $8::text[], $9::text[], $10::text[], $13::text[])
            as new (id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id,
                    action, payload, state, error)
        on conflict (connection_id, close_event_id, event_updated_at) do update
           set delivered_at = coalesce(event.delivered_at, excluded.delivered_at),
               next_attempt_at = case event.next_attempt_at when 'infinity' then now() else event.next_attempt_at end
            where not $12 and event.delivered_at is null
        returning xmax = 0 as new, case when xmax = 0 or next_attempt_at <= now() then state end as state
    ),
    counts as (
        select count(*) filter (where state = 'pending') as waiting,
               count(*) filter (where new and state = 'pending') as stored,
               count(*) filter (where new and state = 'ignored') as ignored,
               count(*) filter (where new and state = 'dead') as dead
          from stored)
    select waiting, stored, ignored, dead, case when waiting > 0 and not $12 then pg_notify($11, '') is null end
      from counts";

const RELEASE: &str = "
    with released as (
        update event set next_attempt_at = least(event_updated_at, now())
         where connection_id = $1 and state = 'pending' and next_attempt_at = 'infinity'
        returning seq)
    select pg_notify($2, '') from released limit 1";

/// An event as it was delivered.
#[derive(Clone, Debug)]
pub struct Delivery {
    connection_id: Uuid,
    origin: Origin,
    close_event_id: String,
    event_updated_at: DateTime<Utc>,
    object_type: String,
    object_id: String,
    action: String,
    payload: String,
    /// Why Postgres refused it.
    refused: Option<String>,
}

/// Why a body is no event.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error("the body is no event: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("event.date_updated is no timestamp: {0:?}")]
    Timestamp(String),
    #[error("{0} is longer than {LONGEST_WORD} bytes")]
    Long(&'static str),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    object_type: String,
    action: String,
    #[serde(default)]
    object_id: Option<String>,
    date_updated: Option<String>,
    #[serde(default)]
    date_created: Option<String>,
}

impl Delivery {
    /// Reads `{"subscription_id", "event": {…}}`.
    pub fn from_envelope(
        connection_id: Uuid,
        origin: Origin,
        body: &str,
    ) -> Result<Self, DeliveryError> {
        let envelope: Envelope<'_> = serde_json::from_str(body)?;
        Self::from_event(connection_id, origin, envelope.event.get())
    }

    /// Reads the event itself, as the event log sends it.
    pub fn from_event(
        connection_id: Uuid,
        origin: Origin,
        event: &str,
    ) -> Result<Self, DeliveryError> {
        let payload = crate::close::storable(event).into_owned();
        let head: Head = serde_json::from_str(&payload)?;
        let at = head.date_updated.or(head.date_created).unwrap_or_default();
        let event_updated_at = parse_timestamp(&at).ok_or(DeliveryError::Timestamp(at))?;
        for (name, word) in [
            ("event.id", Some(&head.id)),
            ("event.object_type", Some(&head.object_type)),
            ("event.object_id", head.object_id.as_ref()),
            ("event.action", Some(&head.action)),
        ] {
            if word.is_some_and(|word| word.len() > LONGEST_WORD) {
                return Err(DeliveryError::Long(name));
            }
        }
        Ok(Self {
            connection_id,
            origin,
            close_event_id: head.id,
            event_updated_at,
            object_type: head.object_type,
            object_id: head.object_id.unwrap_or_default(),
            action: head.action,
            payload,
            refused: None,
        })
    }

    /// The event as it is stored: JSON text without what Postgres refuses in one.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// The same event as a dead letter: Postgres can't hold it as JSON, so it is kept as text.
    fn as_dead_letter(&self, reason: String) -> Self {
        Self {
            payload: serde_json::Value::from(self.payload.as_str()).to_string(),
            refused: Some(reason),
            ..self.clone()
        }
    }

    fn state(&self) -> &'static str {
        match (&self.refused, self.is_modelled()) {
            (Some(_), _) => "dead",
            (None, true) => "pending",
            (None, false) => "ignored",
        }
    }

    /// Whether we do something with it.
    pub fn is_modelled(&self) -> bool {
        let action = self.action.as_str();
        ObjectType::of_event(&self.object_type).is_some_and(|object_type| {
            matches!(action, "created" | "updated" | "deleted")
                || (action == "merged" && object_type == ObjectType::Lead)
        })
    }

    pub(super) fn close_event_id(&self) -> &str {
        &self.close_event_id
    }

    /// Whether this is the same event, in the same content or, consolidated, in a newer one.
    pub(super) fn is_as_new_as(&self, other: &Self) -> bool {
        self.close_event_id == other.close_event_id
            && self.event_updated_at >= other.event_updated_at
    }

    /// Id of its row.
    pub(super) fn id(&self) -> Uuid {
        let name = format!(
            "{}/{}",
            self.close_event_id,
            self.event_updated_at.timestamp_micros()
        );
        Uuid::new_v5(&self.connection_id, name.as_bytes())
    }
}

type Answer = oneshot::Sender<Result<(), sqlx::Error>>;

/// Stores deliveries. Clones share one queue.
#[derive(Clone, Debug)]
pub struct Inbox {
    pool: PgPool,
    queue: mpsc::Sender<(Delivery, Answer)>,
}

impl Inbox {
    /// An inbox over the pool. Its task ends when the last clone is dropped and the queue is empty.
    pub fn new(pool: PgPool) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(store_all(pool.clone(), waiting));
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

async fn store_all(pool: PgPool, mut waiting: mpsc::Receiver<(Delivery, Answer)>) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let (deliveries, answers): (Vec<Delivery>, Vec<Answer>) = batch.drain(..).unzip();
        match store(&pool, &deliveries).await {
            Ok(()) => answers
                .into_iter()
                .for_each(|answer| drop(answer.send(Ok(())))),
            // One delivery that Postgres refuses must not take its neighbours along.
            Err(error) if deliveries.len() > 1 => {
                tracing::warn!(
                    error = chain(&error),
                    count = deliveries.len(),
                    "storing deliveries one by one"
                );
                for (delivery, answer) in deliveries.iter().zip(answers) {
                    drop(answer.send(store_one(&pool, delivery).await));
                }
            }
            Err(error) => {
                if let Some((delivery, answer)) = deliveries.first().zip(answers.into_iter().next())
                {
                    drop(answer.send(bury(&pool, delivery, error).await));
                }
            }
        }
    }
}

async fn store_one(pool: &PgPool, delivery: &Delivery) -> Result<(), sqlx::Error> {
    match store(pool, std::slice::from_ref(delivery)).await {
        Ok(()) => Ok(()),
        Err(error) => bury(pool, delivery, error).await,
    }
}

/// Keeps what Postgres refuses for what it is among the dead letters; another error stays one.
async fn bury(pool: &PgPool, delivery: &Delivery, error: sqlx::Error) -> Result<(), sqlx::Error> {
    if !refuses_content(&error) {
        return Err(error);
    }
    tracing::warn!(event = delivery.close_event_id, %error, "an event goes to the dead letters");
    let letter = delivery.as_dead_letter(error.to_string());
    store(pool, &[letter]).await
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
    insert(pool, events, true).await
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

async fn store(pool: &PgPool, deliveries: &[Delivery]) -> Result<(), sqlx::Error> {
    insert(pool, deliveries, false).await.map(drop)
}

async fn insert(pool: &PgPool, deliveries: &[Delivery], held: bool) -> Result<u64, sqlx::Error> {
    let each = deliveries;
    let (waiting, stored, ignored, dead, _): (i64, i64, i64, i64, Option<bool>) =
        sqlx::query_as(STORE)
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
            .bind(super::CHANNEL)
            .bind(held)
            .bind(
                each.iter()
                    .map(|delivery| delivery.refused.as_deref())
                    .collect::<Vec<_>>(),
            )
            .fetch_one(pool)
            .await?;
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    let (stored, ignored, dead) = (number(stored), number(ignored), number(dead));
    let known = (each.len() as u64).saturating_sub(stored + ignored + dead);
    let origin = if held { "event_log" } else { "webhook" };
    for (outcome, count) in [
        ("stored", stored),
        ("ignored", ignored),
        ("dead", dead),
        ("duplicate", known),
    ] {
        metrics::counter!("closegraph_events_received_total", "origin" => origin, "outcome" => outcome)
            .increment(count);
    }
    Ok(number(waiting))
}
