//! Writers of the same object take turns.

use closegraph_entity::record::record_id;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Objects of a connection share this many locks: enough for workers to pass each other, few enough for the lock table
/// when a page of a backfill takes them all.
const BUCKETS: u64 = 32;

/// Who else may write while the locks are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nobody, in these buckets.
    Alone,
    /// Those who write together with this one, and see to it themselves that no two of them have the same object.
    Together,
}

/// Holds the objects until the transaction ends. Locks are taken in one order, so two writers can't wait for each other.
pub(super) async fn lock(
    connection: &mut PgConnection,
    connection_id: Uuid,
    turn: Turn,
    close_ids: impl Iterator<Item = &String>,
) -> Result<(), sqlx::Error> {
    let bucket = |id: &String| record_id(connection_id, id).as_u64_pair().1 % BUCKETS;
    let buckets: BTreeSet<u64> = close_ids.map(bucket).collect();
    hold(connection, connection_id, turn, buckets.into_iter()).await
}

/// Holds all objects of a connection until the transaction ends.
pub(super) async fn hold_objects(
    connection: &mut PgConnection,
    connection_id: Uuid,
) -> Result<(), sqlx::Error> {
    hold(connection, connection_id, Turn::Alone, 0..BUCKETS).await
}

async fn hold(
    connection: &mut PgConnection,
    connection_id: Uuid,
    turn: Turn,
    buckets: impl Iterator<Item = u64>,
) -> Result<(), sqlx::Error> {
    let base = connection_id.as_u64_pair().0 & !(BUCKETS - 1);
    let keys: Vec<i64> = buckets
        .map(|bucket| (base | bucket).cast_signed())
        .collect();
    let statement = match turn {
        Turn::Alone => "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key",
        Turn::Together => {
            "select pg_advisory_xact_lock_shared(key) from unnest($1::bigint[]) as key"
        }
    };
    sqlx::query(statement)
        .bind(keys)
        .execute(connection)
        .await
        .map(drop)
}

/// Holds all objects of a connection, and then the bodies of its events, until the transaction ends.
pub(crate) async fn hold_all(
    connection: &mut PgConnection,
    connection_id: Uuid,
) -> Result<(), sqlx::Error> {
    hold_objects(connection, connection_id).await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('closegraph:bodies:' || $1, 0))")
        .bind(connection_id.to_string())
        .execute(connection)
        .await
        .map(drop)
}

/// Keeps others from holding the bodies of events of these connections until the transaction ends. It is always the last
/// of the locks.
pub(crate) async fn share_bodies(
    connection: &mut PgConnection,
    connections: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select pg_advisory_xact_lock_shared(hashtextextended('closegraph:bodies:' || id, 0))
           from unnest($1::uuid[]) as c (id)",
    )
    .bind(connections)
    .execute(connection)
    .await
    .map(drop)
}
