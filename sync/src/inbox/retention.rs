//! How long finished events and entries of the feed are kept: bodies of events first, then rows, in small batches that
//! wait for nobody.
//!
//! What waits, is held back or is dead stays whatever its age: a person decides about the dead.

use closegraph_entity::event::State;
use sqlx::{AssertSqlSafe, PgPool};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Events in one statement.
const BATCH: i64 = 1_000;
/// Between two statements, so that the rest of the database gets its turn.
const PAUSE: Duration = Duration::from_millis(100);

/// Days after which a finished event loses its body, and its row, an entry of the feed is let go, and the personal data of
/// people who were deleted in Close is removed; 0 is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub body_days: u16,
    pub row_days: u16,
    pub feed_days: u16,
    pub purge_days: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            body_days: 35,
            row_days: 90,
            feed_days: 30,
            purge_days: 30,
        }
    }
}

/// What was let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retained {
    /// Bodies.
    pub(crate) trimmed: u64,
    /// Rows.
    pub(crate) deleted: u64,
    /// Entries of the feed.
    pub(crate) forgotten: u64,
}

/// Bodies older than `$1` days, by the index `event_body`.
const TRIM: &str = "
    with old as (
        select seq from event
         where payload is not null and state in (FINISHED) and finished_at < now() - make_interval(days => $1)
         order by finished_at limit $2 for update skip locked)
    update event set payload = null from old where event.seq = old.seq";

/// Rows of the connection `$3`, by the index `event_received`. One that a person replayed lately is young again.
const DELETE: &str = "
    with old as (
        select seq from event
         where connection_id = $3 and received_at < now() - make_interval(days => $1)
           and state in (FINISHED) and finished_at < now() - make_interval(days => $1)
         order by received_at, seq limit $2 for update skip locked)
    delete from event using old where event.seq = old.seq";

/// The oldest entries of the connection `$3`, by the index `change_feed_connection`. Readers that stand before the newest of
/// those that go are told so.
const FORGET: &str = "
    with oldest as (
        select seq, recorded_at from change_feed where connection_id = $3 order by xid, seq limit $2
    ), gone as (
        delete from change_feed f using oldest o
         where f.seq = o.seq and o.recorded_at < now() - make_interval(days => $1)
        returning f.xid, f.seq
    ), told as (
        insert into feed_horizon as known (connection_id, xid, seq)
        select $3, xid, seq from gone order by xid desc, seq desc limit 1
        on conflict (connection_id) do update set xid = excluded.xid, seq = excluded.seq
         where (known.xid, known.seq) < (excluded.xid, excluded.seq)
    )
    select from gone";

/// What no transaction of this server can have written: the feed was restored from a dump of another one, whose numbers
/// mean nothing here. All who followed it are told so.
const FORGET_FOREIGN: &str = "
    with gone as (
        delete from change_feed where xid >= pg_snapshot_xmax(pg_current_snapshot()) returning connection_id
    ), told as (
        insert into feed_horizon as known (connection_id, xid, seq)
        select distinct connection_id, pg_snapshot_xmax(pg_current_snapshot()), 0 from gone
        on conflict (connection_id) do update set xid = excluded.xid, seq = excluded.seq
    )
    select from gone";

/// Lets go of all that is older than it has to be.
pub(crate) async fn retain(
    pool: &PgPool,
    retention: Retention,
    stop: &CancellationToken,
) -> Result<Retained, sqlx::Error> {
    let mut retained = Retained::default();
    if retention.body_days > 0 {
        retained.trimmed = repeat(pool, TRIM, retention.body_days, None, stop).await?;
    }
    let foreign = sqlx::query(FORGET_FOREIGN).execute(pool).await?;
    retained.forgotten += foreign.rows_affected();
    let connections: Vec<Uuid> = sqlx::query_scalar("select id from connection")
        .fetch_all(pool)
        .await?;
    for id in connections {
        if retention.row_days > 0 {
            retained.deleted += repeat(pool, DELETE, retention.row_days, Some(id), stop).await?;
        }
        if retention.feed_days > 0 {
            retained.forgotten += repeat(pool, FORGET, retention.feed_days, Some(id), stop).await?;
        }
    }
    metrics::counter!("closegraph_events_trimmed_total").increment(retained.trimmed);
    metrics::counter!("closegraph_events_deleted_total").increment(retained.deleted);
    metrics::counter!("closegraph_feed_deleted_total").increment(retained.forgotten);
    if retained != Retained::default() {
        let Retained {
            trimmed,
            deleted,
            forgotten,
        } = retained;
        tracing::info!(
            trimmed,
            deleted,
            forgotten,
            "old events and entries of the feed were let go"
        );
    }
    Ok(retained)
}

/// Repeats a statement until it finds less than a batch, and answers how many rows it found.
async fn repeat(
    pool: &PgPool,
    statement: &str,
    days: u16,
    connection_id: Option<Uuid>,
    stop: &CancellationToken,
) -> Result<u64, sqlx::Error> {
    let sql = statement.replace("FINISHED", State::FINISHED);
    let mut found = 0;
    while !stop.is_cancelled() {
        let query = sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(i32::from(days))
            .bind(BATCH);
        let query = match connection_id {
            Some(id) => query.bind(id),
            None => query,
        };
        let rows = query.execute(pool).await?.rows_affected();
        found += rows;
        if rows < BATCH.unsigned_abs() {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(found)
}
