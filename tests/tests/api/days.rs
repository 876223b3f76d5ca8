//! Revenue by day is what the transactions add up to, whoever writes and folds at the same time.

use crate::world::{ONE, OTHER, World};
use closegraph_sync::fold_revenue;
use closegraph_tests::WRONG_DAYS;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

async fn count(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

async fn fold(pool: &PgPool) -> i64 {
    fold_revenue(pool, &CancellationToken::new()).await.unwrap()
}

/// Writes that touch many rows and few, their days, currencies and amounts, and take rows away and bring them back.
const WRITES: [&str; 8] = [
    "update transaction set amount_minor = least(amount_minor, 1000000) + 7 where mod(hashtext(close_id) + $1, 5) = 0",
    "update transaction set amount_minor = null where mod(hashtext(close_id) + $1, 11) = 0",
    "update transaction set amount_minor = 9223372036854775807 where mod(hashtext(close_id) + $1, 7) = 0",
    "update transaction set currency = 'JPY', amount_minor = 5 where mod(hashtext(close_id) + $1, 13) = 0",
    "update transaction set occurred_on = occurred_on + 1 where mod(hashtext(close_id) + $1, 3) = 0",
    "update transaction set occurred_on = null where mod(hashtext(close_id) + $1, 17) = 0",
    "update transaction set synced_at = now() where $1 >= 0",
    "with gone as (delete from transaction where mod(hashtext(close_id) + $1, 4) = 0 returning *)
     insert into transaction (id, connection_id, close_id, kind, occurred_on, amount_minor, currency, billing_period,
                              source_updated_at)
     select gen_random_uuid(), connection_id, close_id, 'invoice_payment', current_date, amount_minor, currency,
            billing_period, now() from gone where mod(hashtext(close_id) + $1, 8) <> 0",
];

#[tokio::test]
async fn days_add_up_to_the_transactions_while_many_write_and_fold() {
    let world = World::new().await;
    world.seed(ONE, 300).await;
    world.seed(OTHER, 90).await;
    assert_eq!(count(&world.pool, WRONG_DAYS).await, 0);
    let writers = (0..4_i32).map(|writer| {
        let pool = world.pool.clone();
        tokio::spawn(async move {
            for round in 0..12_i32 {
                let write = WRITES[usize::try_from(writer * 3 + round).unwrap() % WRITES.len()];
                let mut transaction = pool.begin().await.unwrap();
                // One writer at a time: they'd wait for each other's rows in different orders.
                sqlx::query("select pg_advisory_xact_lock(1)")
                    .execute(&mut *transaction)
                    .await
                    .unwrap();
                sqlx::query(write)
                    .bind(writer * 100 + round)
                    .execute(&mut *transaction)
                    .await
                    .unwrap();
                if round % 5 == 4 {
                    transaction.rollback().await.unwrap();
                } else {
                    transaction.commit().await.unwrap();
                }
            }
        })
    });
    let folders = (0..2).map(|_| {
        let pool = world.pool.clone();
        tokio::spawn(async move {
            for _ in 0..40 {
                fold(&pool).await;
                assert_eq!(count(&pool, WRONG_DAYS).await, 0, "in every snapshot");
            }
        })
    });
    let all: Vec<_> = writers.chain(folders).collect();
    for task in all {
        task.await.unwrap();
    }
    assert_eq!(count(&world.pool, WRONG_DAYS).await, 0);
    fold(&world.pool).await;
    assert_eq!(count(&world.pool, WRONG_DAYS).await, 0);
    assert_eq!(fold(&world.pool).await, 0, "nothing is left to fold");
    // Once more than a fold, and each day that was touched has one row again.
    sqlx::query("update transaction set occurred_on = occurred_on - 2")
        .execute(&world.pool)
        .await
        .unwrap();
    assert!(fold(&world.pool).await > 0);
    let days = "select count(distinct (connection_id, kind, occurred_on, currency)) - count(*) from revenue_day";
    assert_eq!(count(&world.pool, days).await, 0);
    assert_eq!(count(&world.pool, WRONG_DAYS).await, 0);
}
