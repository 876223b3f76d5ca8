//! Revenue by day: what writers added is folded into one row a day, so that a long time stays cheap to sum.

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// Rows in one statement.
const BATCH: i64 = 5_000;

/// One process folds at a time, so that a day never has two folded rows.
const ALONE: &str =
    "select pg_try_advisory_xact_lock(hashtextextended('closegraph:revenue_day', 0))";

/// Folds the days of `$1` added rows.
const FOLD: &str = "
    with days as (
        select distinct connection_id, kind, occurred_on, currency
          from (select connection_id, kind, occurred_on, currency from revenue_day where not folded limit $1) a),
    taken as (
        delete from revenue_day d using days
         where d.connection_id = days.connection_id and d.kind = days.kind and d.occurred_on = days.occurred_on
           and d.currency = days.currency
        returning d.*),
    put as (
        insert into revenue_day (connection_id, kind, occurred_on, currency, total_minor, deals, known, folded)
        select connection_id, kind, occurred_on, currency, sum(total_minor), sum(deals), sum(known), true
          from taken group by 1, 2, 3, 4
        having sum(total_minor) <> 0 or sum(deals) <> 0 or sum(known) <> 0)
    select count(*) from taken where not folded";

/// Folds all that was added, unless another process is at it; how many rows that were.
pub async fn fold_revenue(pool: &PgPool, stop: &CancellationToken) -> Result<i64, sqlx::Error> {
    let mut folded = 0;
    while !stop.is_cancelled() {
        let mut transaction = pool.begin().await?;
        let alone: bool = sqlx::query_scalar(ALONE)
            .fetch_one(&mut *transaction)
            .await?;
        if !alone {
            break;
        }
        let taken: i64 = sqlx::query_scalar(FOLD)
            .bind(BATCH)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        folded += taken;
        if taken < BATCH {
            break;
        }
    }
    Ok(folded)
}
