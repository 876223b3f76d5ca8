//! Reading Close's event log: what a webhook did not bring, or could not.
//!
//! The log is read from its newest event back to the mark of the last reading. Events are stored held back, and let go
//! together with the new mark once all are there: the inbox then works them off oldest first, and a crash on the way
//! costs nothing but reading again.

use super::load::keep_position;
use super::run::{Kind, turn};
use crate::close::{CloseClient, CloseError};
use crate::connect::Connections;
use crate::error::SyncError;
use crate::inbox::{Delivery, hold, release};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Name of the checkpoint.
const STREAM: &str = "event_log";
/// Events become visible out of order: what is younger than this is read again.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);
/// The log goes back 30 days. Above this age of the last reading, it is no longer trusted to have no gap.
const TRUSTED: TimeDelta = TimeDelta::days(25);

/// How far the log was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Time of the newest event, by Close's clock; `None` while the log has none.
    newest: Option<DateTime<Utc>>,
    /// When it was read to its end, by ours.
    read_at: DateTime<Utc>,
    /// The log was not asked: another answer of Close told the time.
    #[serde(default)]
    unasked: bool,
}

/// What a reading brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// Events that were read, those included that are not modelled.
    pub read: u64,
    /// Events that no webhook had brought.
    pub new: u64,
    /// Requests that it cost.
    pub requests: u64,
    /// The last reading was so long ago that events may have left the log unread: everything has to be compared.
    pub gap: bool,
}

/// Notes where the log stands: at `answered_at`, which Close told with another answer, or at its newest event.
pub(super) async fn mark(
    pool: &PgPool,
    client: &CloseClient,
    connection_id: Uuid,
    answered_at: Option<DateTime<Utc>>,
) -> Result<(), SyncError> {
    let read_at = Utc::now();
    let newest = match answered_at {
        // A proxy may have set it: of two clocks, the one that is behind makes us read more, not less.
        Some(at) => Some(at.min(read_at)),
        None => match client.events(None, None).await {
            Ok(page) => page.data.first().and_then(|event| time_of(event.get())),
            Err(error) if is_hidden(&error) => {
                warn_of_hidden(connection_id, &error);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        },
    };
    let mark = Mark {
        newest,
        read_at,
        unasked: answered_at.is_some(),
    };
    let mut connection = pool.acquire().await?;
    keep_position(&mut connection, connection_id, STREAM, None, &mark).await
}

/// Whether Close shows its log to admins only.
fn is_hidden(error: &CloseError) -> bool {
    matches!(error.status(), Some(400 | 403))
}

fn warn_of_hidden(connection_id: Uuid, error: &CloseError) {
    tracing::warn!(connection = %connection_id, error = crate::redact::chain(error), "Close does not show its event log to this credential: an admin's key is needed to catch up on what webhooks miss");
}

async fn forget(pool: &PgPool, connection_id: Uuid) -> Result<(), SyncError> {
    sqlx::query("delete from sync_checkpoint where connection_id = $1 and stream = $2")
        .bind(connection_id)
        .bind(STREAM)
        .execute(pool)
        .await?;
    Ok(())
}

/// Reads what the log has since the last reading into the inbox.
pub async fn catch_up(
    pool: &PgPool,
    connections: &Connections,
    connection_id: Uuid,
    stop: &CancellationToken,
) -> Result<CatchUp, SyncError> {
    let turn = turn(pool, connection_id, Kind::CatchUp).await?;
    let started_at = Utc::now();
    let client = connections.client(connection_id).await?;
    let before = client.requests();
    let mut report = CatchUp::default();
    let result = read(pool, &client, connection_id, stop, &mut report).await;
    report.requests = client.requests() - before;
    note(pool, connection_id, started_at, &report, &result).await?;
    turn.release().await?;
    result.map(|()| report)
}

async fn read(
    pool: &PgPool,
    client: &CloseClient,
    connection_id: Uuid,
    stop: &CancellationToken,
    report: &mut CatchUp,
) -> Result<(), SyncError> {
    let Some(mark) = known(pool, connection_id).await? else {
        return self::mark(pool, client, connection_id, None).await;
    };
    report.gap = Utc::now() - mark.read_at > TRUSTED;
    let since = mark.newest.map(|at| at - OVERLAP);
    let read_at = Utc::now();
    let mut newest = mark.newest;
    let mut cursor: Option<String> = None;
    loop {
        if stop.is_cancelled() {
            return Err(SyncError::Interrupted);
        }
        let page = match client.events(since, cursor.as_deref()).await {
            // What is held already is not stored twice.
            Err(error) if error.is_expired_cursor() && cursor.is_some() => {
                cursor = None;
                continue;
            }
            Err(error) if mark.unasked && is_hidden(&error) => {
                warn_of_hidden(connection_id, &error);
                return forget(pool, connection_id).await;
            }
            page => page?,
        };
        report.read += page.data.len() as u64;
        newest = newest.max(
            page.data
                .iter()
                .filter_map(|event| time_of(event.get()))
                .max(),
        );
        let events: Vec<Delivery> = page
            .data
            .iter()
            .filter_map(|event| readable(connection_id, event.get()))
            .filter(Delivery::is_modelled)
            .collect();
        report.new += hold(pool, &events).await?;
        cursor = page.cursor_next.filter(|_| !page.data.is_empty());
        if cursor.is_none() {
            break;
        }
    }
    let mut transaction = pool.begin().await?;
    release(&mut transaction, connection_id).await?;
    let mark = Mark {
        newest,
        read_at,
        unasked: false,
    };
    keep_position(&mut transaction, connection_id, STREAM, None, &mark).await?;
    transaction.commit().await?;
    Ok(())
}

fn readable(connection_id: Uuid, event: &str) -> Option<Delivery> {
    Delivery::from_event(
        connection_id,
        closegraph_entity::record::Origin::EventLog,
        event,
    )
    .inspect_err(|error| tracing::warn!(connection = %connection_id, error = crate::redact::chain(error), "an event of the log can't be read"))
    .ok()
}

fn time_of(event: &str) -> Option<DateTime<Utc>> {
    #[derive(Deserialize)]
    struct Times {
        date_updated: String,
    }

    let times: Times = serde_json::from_str(event).ok()?;
    crate::close::parse_timestamp(&times.date_updated)
}

/// How far the log was read, if it ever was.
pub(super) async fn known(pool: &PgPool, connection_id: Uuid) -> Result<Option<Mark>, SyncError> {
    let kept: Option<serde_json::Value> = sqlx::query_scalar(
        "select position from sync_checkpoint where connection_id = $1 and stream = $2",
    )
    .bind(connection_id)
    .bind(STREAM)
    .fetch_optional(pool)
    .await?;
    kept.map(serde_json::from_value)
        .transpose()
        .map_err(|source| SyncError::Checkpoint {
            stream: STREAM,
            source,
        })
}

/// Keeps a run of a reading that brought something or failed. The log is read twice a minute: the many readings that
/// find nothing leave no run, and failures in a row are one.
async fn note(
    pool: &PgPool,
    connection_id: Uuid,
    started_at: DateTime<Utc>,
    report: &CatchUp,
    result: &Result<(), SyncError>,
) -> Result<(), SyncError> {
    let (status, error) = match result {
        Ok(()) if report.new == 0 => return Ok(()),
        Ok(()) => ("succeeded", None),
        Err(SyncError::Interrupted) => ("interrupted", None),
        Err(error) => ("failed", Some(error.chain())),
    };
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "with repeated as (
             update sync_run set finished_at = now(), heartbeat_at = now(), error = $6, requests = requests + $5
              where $3 = 'failed' and id = (
                    select id from sync_run where connection_id = $1 and kind = 'catch_up'
                     order by started_at desc, id desc limit 1)
                and status = 'failed'
          returning id)
         insert into sync_run (id, connection_id, kind, status, started_at, finished_at, done, created, requests, error)
         select gen_random_uuid(), $1, 'catch_up', $3, $2, now(), $4, 0, $5, $6
          where not exists (select from repeated)",
    )
    .bind(connection_id)
    .bind(started_at)
    .bind(status)
    .bind(number(report.read))
    .bind(number(report.requests))
    .bind(error)
    .execute(pool)
    .await?;
    Ok(())
}
