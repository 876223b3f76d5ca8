//! Objects whose truth can't be told from what arrived are read again from Close. The wish is an inbox row of its own
//! (action `read`), so that it survives a crash, is not made twice, and shows among the events. An event that is
//! replayed after its body was trimmed is such a wish, too.

use super::truth::{Truth, ask, told};
use super::work::tell_failed;
use crate::apply::{Outcome, apply};
use crate::change::{Change, Content};
use crate::close::ObjectType;
use crate::connect::Connections;
use crate::error::SyncError;
use chrono::{DateTime, Utc};
use closegraph_entity::record::Origin;
use futures::{StreamExt, stream};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tracing::Instrument;
use uuid::Uuid;

/// Attempts after which a re-read is dead.
const MAX_ATTEMPTS: i32 = 10;

/// What is noted of an event without a body, whose object was read instead.
pub(crate) const TRIMMED: &str = "its body was trimmed: the object was read again";

/// Objects that are read at the same time.
const AT_ONCE: usize = 4;

/// Wishes for objects to be read again; one that is waiting already is not repeated.
pub(crate) async fn request_rereads(
    transaction: &mut Transaction<'_, Postgres>,
    connection_id: Uuid,
    objects: &[(ObjectType, String, DateTime<Utc>)],
) -> Result<(), sqlx::Error> {
    for (object_type, close_id, version) in objects {
        let name = format!("reread/{close_id}/{}", version.timestamp_micros());
        sqlx::query(
            "insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type,
                                object_id, action, payload, state)
             values ($1, $2, 'reread', $3, $4, $5, $6, 'read', '{}', 'pending')
             on conflict (connection_id, close_event_id, event_updated_at) do nothing",
        )
        .bind(Uuid::new_v5(&connection_id, name.as_bytes()))
        .bind(connection_id)
        .bind(format!("reread/{close_id}"))
        .bind(version)
        .bind(object_type.as_str())
        .bind(close_id)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// The claim is a lease of a minute, since Close is asked while nothing is locked.
const CLAIM: &str = "
    update event set attempts = attempts + 1, next_attempt_at = now() + interval '1 minute'
     where seq in (
        select seq from event
         where state in ('pending', 'failed') and next_attempt_at <= now()
           and (action = 'read' or payload is null)
           and connection_id in (select id from connection where status in ('active', 'paused'))
         order by next_attempt_at, seq limit 20 for update skip locked)
    returning seq, id, connection_id, object_type, object_id, event_updated_at, attempts";

type Claimed = (i64, Uuid, Uuid, String, String, DateTime<Utc>, i32);

/// Reads again what waits for it, and answers how many objects that were.
pub(crate) async fn reread_all(
    pool: &PgPool,
    connections: &Connections,
) -> Result<usize, SyncError> {
    let claimed: Vec<Claimed> = sqlx::query_as(CLAIM).fetch_all(pool).await?;
    let count = claimed.len();
    let read = stream::iter(claimed).map(|claim| async move {
        let (seq, event, connection, attempts) = (claim.0, claim.1, claim.2, claim.6);
        let span = tracing::info_span!("reread", %connection, %event);
        match reread(pool, connections, claim).instrument(span).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let state = if attempts >= MAX_ATTEMPTS {
                    "dead"
                } else {
                    "failed"
                };
                tell_failed(connection, event, state, attempts, &error);
                fail(pool, seq, state, &error).await
            }
        }
    });
    let mut read = read.buffer_unordered(AT_ONCE);
    while let Some(done) = read.next().await {
        done?;
    }
    Ok(count)
}

/// Notes a failed attempt, with the time of the next or, after the last, none.
async fn fail(pool: &PgPool, seq: i64, state: &str, error: &SyncError) -> Result<(), SyncError> {
    sqlx::query(
        "update event set state = $2, error = $3,
                next_attempt_at = now() + least(power(2, attempts), 3600) * (0.5 + random()) * interval '1 second'
          where seq = $1",
    )
    .bind(seq)
    .bind(state)
    .bind(error.chain())
    .execute(pool)
    .await?;
    Ok(())
}

async fn reread(pool: &PgPool, connections: &Connections, claim: Claimed) -> Result<(), SyncError> {
    let (seq, event_id, connection_id, object_type, close_id, version, attempts) = claim;
    let Some(object_type) = ObjectType::of_event(&object_type) else {
        let mut session = pool.acquire().await?;
        return Ok(settle(&mut session, seq, "ignored", None).await?);
    };
    let truth = ask(connections, connection_id, object_type, &close_id, attempts);
    let content = match truth.await? {
        Truth::Is(object) => Content::Full(object),
        Truth::Gone => Content::Deleted { merged_into: None },
        Truth::Untold => {
            let told = told(pool, connection_id, object_type, &close_id).await?;
            if told.is_empty() {
                let note = "Close does not tell of the object, and no event is kept that does";
                let mut session = pool.acquire().await?;
                return Ok(settle(&mut session, seq, "dead", Some(note)).await?);
            }
            let note = "Close does not tell of the object: what the event says is taken";
            return take(pool, connections, connection_id, seq, told, Some(note)).await;
        }
    };
    let version = match &content {
        Content::Full(object) => object.timestamp("date_updated").unwrap_or(version),
        _ => version,
    };
    let origin = Origin::Reread;
    let change = Change {
        object_type,
        close_id,
        version,
        content,
        origin,
        event_id: Some(event_id),
        actor: None,
    };
    take(pool, connections, connection_id, seq, vec![change], None).await
}

/// Applies what is known of an object, and settles the wish.
async fn take(
    pool: &PgPool,
    connections: &Connections,
    connection_id: Uuid,
    seq: i64,
    changes: Vec<Change>,
    note: Option<&str>,
) -> Result<(), SyncError> {
    let context = connections.mapping(connection_id).await?;
    let mut transaction = pool.begin().await?;
    let outcomes = apply(&mut transaction, &context, None, changes).await?;
    let note = note.map(str::to_owned);
    let (state, error) = match outcomes.into_iter().next() {
        Some(Outcome::Created | Outcome::Updated | Outcome::Deleted) => ("applied", note),
        Some(Outcome::Invalid(reason)) => ("dead", Some(reason)),
        _ => ("unchanged", note),
    };
    settle(&mut transaction, seq, state, error.as_deref()).await?;
    transaction.commit().await?;
    Ok(())
}

async fn settle(
    session: &mut PgConnection,
    seq: i64,
    state: &'static str,
    error: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update event
            set state = $2, finished_at = now(),
                error = case when $3 is not null then $3 when action <> 'read' then $4 end
          where seq = $1",
    )
    .bind(seq)
    .bind(state)
    .bind(error)
    .bind(TRIMMED)
    .execute(session)
    .await?;
    metrics::counter!("closegraph_events_total", "outcome" => state).increment(1);
    Ok(())
}
