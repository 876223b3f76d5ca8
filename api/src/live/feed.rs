//! Reading the feed by itself, without what its records are like.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::position::Position;
use crate::error::{ApiError, Result};
use crate::query::run::STATEMENTS;
use crate::query::sessions::Reader;

/// Entries in one reading.
pub(crate) const PAGE: i64 = 500;

/// An entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    pub(crate) connection: Uuid,
    pub(crate) record_type: String,
    pub(crate) record_id: Uuid,
    pub(crate) close_id: String,
    pub(crate) action: String,
    pub(crate) changed_fields: Vec<String>,
    pub(crate) at: DateTime<Utc>,
}

/// Entries in their order.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// Whether entries stand above that wait for an older transaction.
    pub(crate) held: bool,
}

/// All connections. One range of the index `change_feed_position`.
const READ: &str = "
    select f.xid::text, f.seq, f.connection_id, f.record_type, f.record_id, f.close_id, f.action, f.changed_fields, f.at
      from change_feed f
     where (f.xid, f.seq) > ($1::text::xid8, $2) and f.xid < pg_snapshot_xmin(pg_current_snapshot())
     order by f.xid, f.seq limit $3";

/// Some connections, up to a place.
const READ_SCOPE: &str = "
    select f.xid::text, f.seq, f.connection_id, f.record_type, f.record_id, f.close_id, f.action, f.changed_fields, f.at
      from unnest($4::uuid[]) c (id)
     cross join lateral (select * from change_feed f
                          where f.connection_id = c.id and (f.xid, f.seq) > ($1::text::xid8, $2)
                            and (f.xid, f.seq) <= ($5::text::xid8, $6)
                            and f.xid < pg_snapshot_xmin(pg_current_snapshot())
                          order by f.xid, f.seq limit $3) f
     order by f.xid, f.seq limit $3";

/// The oldest running transaction, and whether entries wait for it.
const EDGE: &str = "
    select pg_snapshot_xmin(pg_current_snapshot())::text,
           exists (select from change_feed where xid >= pg_snapshot_xmin(pg_current_snapshot()))";

/// A transaction that is still to come was one of another server, from whose dump this one was restored.
const EXPIRED: &str = "
    select $2::text::xid8 > pg_snapshot_xmax(pg_current_snapshot())
        or exists (select from feed_horizon
                    where connection_id = any($1) and (xid, seq) > ($2::text::xid8, $3))";

type Row = (
    String,
    i64,
    Uuid,
    String,
    Uuid,
    String,
    String,
    Vec<String>,
    DateTime<Utc>,
);

/// A transaction's number, as Postgres spells it.
pub(crate) fn xid(text: &str) -> Result<u64> {
    text.parse()
        .map_err(|_| ApiError::Defect("a transaction without a number"))
}

fn entry(row: Row) -> Result<Entry> {
    let (number, seq, connection, record_type, record_id, close_id, action, changed_fields, at) =
        row;
    Ok(Entry {
        position: Position {
            xid: xid(&number)?,
            seq,
        },
        connection,
        record_type,
        record_id,
        close_id,
        action,
        changed_fields,
        at,
    })
}

/// What follows a place in all connections. The edge is read first: what is held then may be settled a moment later, and
/// is looked for once more.
pub(crate) async fn read(pool: &PgPool, after: Position) -> Result<Page> {
    let (_, held) = edge(pool).await?;
    metrics::counter!(STATEMENTS).increment(1);
    let rows: Vec<Row> = sqlx::query_as(READ)
        .bind(after.xid.to_string())
        .bind(after.seq)
        .bind(PAGE)
        .fetch_all(pool)
        .await?;
    let entries = rows.into_iter().map(entry).collect::<Result<_>>()?;
    Ok(Page { entries, held })
}

/// What follows a place in these connections, up to another place.
pub(crate) async fn read_scope(
    reader: Reader<'_>,
    connections: Vec<Uuid>,
    after: Position,
    upto: Position,
) -> Result<Vec<Entry>> {
    metrics::counter!(STATEMENTS).increment(1);
    let query = sqlx::query_as(READ_SCOPE)
        .bind(after.xid.to_string())
        .bind(after.seq)
        .bind(PAGE)
        .bind(connections)
        .bind(upto.xid.to_string())
        .bind(upto.seq);
    let rows = reader.run(async |session| query.fetch_all(session).await);
    let rows: Vec<Row> = rows.await?;
    rows.into_iter().map(entry).collect()
}

/// The place behind all that is settled, and whether anything stands above it.
pub(crate) async fn edge(pool: &PgPool) -> Result<(Position, bool)> {
    metrics::counter!(STATEMENTS).increment(1);
    let (oldest, held): (String, bool) = sqlx::query_as(EDGE).fetch_one(pool).await?;
    Ok((Position::before(xid(&oldest)?), held))
}

/// Refuses a place behind which entries were let go.
pub(crate) async fn check_kept(
    reader: Reader<'_>,
    connections: Vec<Uuid>,
    after: Position,
) -> Result<()> {
    metrics::counter!(STATEMENTS).increment(1);
    let query = sqlx::query_scalar(EXPIRED)
        .bind(connections)
        .bind(after.xid.to_string())
        .bind(after.seq);
    let expired = reader.run(async |session| query.fetch_one(session).await);
    if expired.await? {
        return Err(ApiError::CursorExpired);
    }
    Ok(())
}
