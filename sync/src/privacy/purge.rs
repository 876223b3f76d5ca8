//! A while after a person was deleted in Close, what is held on it goes as well. Its tombstone stays, and a return in Close
//! brings the person back.

use super::Person;
use super::erase::{Why, erase};
use sqlx::PgPool;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// People in one transaction, which holds up what is applied meanwhile.
const BATCH: i64 = 100;
/// Between two transactions, so that others get their turn.
const PAUSE: Duration = Duration::from_millis(100);

/// People of the connection `$1` who were gone for `$2` days, by the index `tombstone_unpurged`.
const DUE: &str = "
    select record_id as id, connection_id, close_id from tombstone
     where connection_id = $1 and record_type = 'person' and purged_at is null and forgotten_at is null
       and recorded_at < now() - make_interval(days => $2)
       and not exists (select from person p where p.id = record_id)
     order by recorded_at limit $3";

/// Removes the personal data of people who were deleted in Close `days` ago, or earlier; how many that were.
pub(crate) async fn purge(
    pool: &PgPool,
    days: u16,
    stop: &CancellationToken,
) -> Result<u64, sqlx::Error> {
    if days == 0 {
        return Ok(0);
    }
    let connections: Vec<Uuid> = sqlx::query_scalar("select id from connection")
        .fetch_all(pool)
        .await?;
    let mut purged = 0;
    for id in connections {
        while !stop.is_cancelled() {
            let due: Vec<Person> = sqlx::query_as(DUE)
                .bind(id)
                .bind(i32::from(days))
                .bind(BATCH)
                .fetch_all(pool)
                .await?;
            if due.is_empty() {
                break;
            }
            erase(pool, id, &due, Why::Purge).await?;
            purged += due.len() as u64;
            stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
    }
    metrics::counter!("closegraph_people_purged_total").increment(purged);
    if purged > 0 {
        tracing::info!(purged, "personal data of deleted people was removed");
    }
    Ok(purged)
}
