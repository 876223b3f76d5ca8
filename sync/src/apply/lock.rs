//! Writers of the same object take turns.

use closegraph_entity::record::record_id;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Objects of a connection share this many locks: enough for workers to pass each other, few enough for the lock table
/// when a page of a backfill takes them all.
const BUCKETS: u64 = 32;

/// Holds the objects until the transaction ends. Locks are taken in one order, so two writers can't wait for each other.
pub(super) async fn lock(
    connection: &mut PgConnection,
    connection_id: Uuid,
    close_ids: impl Iterator<Item = &String>,
) -> Result<(), sqlx::Error> {
    let bucket = |id: &String| record_id(connection_id, id).as_u64_pair().1 % BUCKETS;
    let buckets: BTreeSet<u64> = close_ids.map(bucket).collect();
    let base = connection_id.as_u64_pair().0 & !(BUCKETS - 1);
    let keys: Vec<i64> = buckets
        .iter()
        .map(|bucket| (base | bucket).cast_signed())
        .collect();
    sqlx::query("select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key")
        .bind(keys)
        .execute(connection)
        .await
        .map(drop)
}
