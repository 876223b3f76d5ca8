//! Events are written to the inbox here, whether a webhook brought them or the event log.

use super::bodies::Left;
use super::delivery::Delivery;
use chrono::{DateTime, Utc};
use sqlx::error::DatabaseError;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// The same event comes twice: `(connection, event id, its date_updated)` is unique, and later copies are dropped. An
/// event that was held back is let go by a copy that is not. Answers for each row that was written whether it was not
/// known.
const INSERT: &str = "
    insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id, action,
                       payload, state, error, finished_at, next_attempt_at, received_at, delivered_at, attempts)
    select id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id, action,
           payload::jsonb, state, error, case when state <> 'pending' then now() end,
           case when $13 then 'infinity' else now() end, coalesce(received_at, now()),
           case origin when 'webhook' then coalesce(received_at, now()) end, attempts
      from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
                  $9::text[], $10::text[], $11::text[], $12::timestamptz[], $14::int[])
        as new (id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id, action,
                payload, state, error, received_at, attempts)
    on conflict (connection_id, close_event_id, event_updated_at) do update
       set delivered_at = coalesce(event.delivered_at, excluded.delivered_at),
           next_attempt_at = case event.next_attempt_at when 'infinity' then now() else event.next_attempt_at end
        where not $13 and event.delivered_at is null
    returning id, xmax = 0";

const RELEASE: &str = "
    with released as (
        update event set next_attempt_at = least(event_updated_at, now())
         where connection_id = $1 and state = 'pending' and next_attempt_at = 'infinity'
        returning seq)
    select pg_notify($2, '') from released limit 1";

/// An event as it is written: where it stands, and what was found on the way there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) delivery: &'a Delivery,
    /// When a webhook brought it; now, where it is not said.
    pub(super) received_at: Option<DateTime<Utc>>,
    pub(super) state: &'a str,
    pub(super) error: Option<&'a str>,
    pub(super) attempts: i32,
}

impl<'a> Row<'a> {
    /// An event that nobody has looked at yet.
    pub(super) fn new(delivery: &'a Delivery, received_at: Option<DateTime<Utc>>) -> Self {
        Self {
            delivery,
            received_at,
            state: delivery.state(),
            error: delivery.refused.as_deref(),
            attempts: 0,
        }
    }
}

/// How many events became what when they were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) stored: u64,
    ignored: u64,
    dead: u64,
    duplicate: u64,
}

impl Received {
    /// Counts them, once they are durable.
    pub(super) fn tell(self, origin: &'static str) {
        let Self {
            stored,
            ignored,
            dead,
            duplicate,
        } = self;
        for (outcome, count) in [
            ("stored", stored),
            ("ignored", ignored),
            ("dead", dead),
            ("duplicate", duplicate),
        ] {
            metrics::counter!("closegraph_events_received_total", "origin" => origin, "outcome" => outcome)
                .increment(count);
        }
    }

    /// As many more that were known.
    pub(super) fn and_known(self, known: usize) -> Self {
        let duplicate = self.duplicate + known as u64;
        Self { duplicate, ..self }
    }
}

/// Stores events that wait until they are [released](release); how many were not known. What a webhook has brought and
/// is not taken into the inbox yet is known.
pub(crate) async fn hold(pool: &PgPool, events: &[Delivery]) -> Result<u64, sqlx::Error> {
    let ids: Vec<Uuid> = events.iter().map(Delivery::id).collect();
    let mut session = pool.begin().await?;
    let logged: Vec<Uuid> = sqlx::query_scalar("select id from delivery where id = any($1)")
        .bind(ids)
        .fetch_all(&mut *session)
        .await?;
    let logged: HashSet<Uuid> = logged.into_iter().collect();
    let events = events.iter();
    let new = events.filter(|event| !logged.contains(&event.id()));
    let rows: Vec<Row<'_>> = new.map(|event| Row::new(event, None)).collect();
    let received = insert(&mut session, &rows, true).await?;
    session.commit().await?;
    received.and_known(logged.len()).tell("event_log");
    Ok(received.stored)
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

/// Writes events, each of which is there once. The session is in a transaction.
pub(super) async fn insert(
    session: &mut PgConnection,
    rows: &[Row<'_>],
    held: bool,
) -> Result<Received, sqlx::Error> {
    if rows.is_empty() {
        return Ok(Received::default());
    }
    let left = Left::of(&mut *session, rows).await?;
    let written: Vec<(Uuid, bool)> = sqlx::query_as(INSERT)
        .bind(each(rows, |row| row.delivery.id()))
        .bind(each(rows, |row| row.delivery.connection_id))
        .bind(each(rows, |row| row.delivery.origin.as_str()))
        .bind(each(rows, |row| row.delivery.close_event_id.as_str()))
        .bind(each(rows, |row| row.delivery.event_updated_at))
        .bind(each(rows, |row| row.delivery.object_type.as_str()))
        .bind(each(rows, |row| row.delivery.object_id.as_str()))
        .bind(each(rows, |row| row.delivery.action.as_str()))
        .bind(each(rows, |row| left.body(row)))
        .bind(each(rows, |row| left.state(row)))
        .bind(each(rows, |row| left.error(row)))
        .bind(each(rows, |row| row.received_at))
        .bind(held)
        .bind(each(rows, |row| row.attempts))
        .fetch_all(session)
        .await?;
    let new: HashMap<Uuid, bool> = written.into_iter().collect();
    let mut received = Received::default();
    for Row { delivery, .. } in rows {
        let is_new = new.get(&delivery.id()).copied().unwrap_or(false);
        let count = match (is_new, delivery.state()) {
            (false, _) => &mut received.duplicate,
            (true, "dead") => &mut received.dead,
            (true, "ignored") => &mut received.ignored,
            (true, _) => &mut received.stored,
        };
        *count += 1;
    }
    Ok(received)
}

fn each<'a, T>(rows: &'a [Row<'a>], column: impl Fn(&Row<'a>) -> T) -> Vec<T> {
    rows.iter().map(column).collect()
}

/// Whether the server ended the session: a shutdown or a crash (57P01 to 57P03), or a broken connection (class 08).
pub(super) fn ends_session(error: &dyn DatabaseError) -> bool {
    error
        .code()
        .is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
}

/// Whether Postgres said that it will never take this: bad data (class 22), or more than its limits (class 54).
pub(crate) fn refuses_content(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("54"))
}
