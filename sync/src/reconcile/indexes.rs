//! Indexes during a first load: put aside while the tables are empty, and built when the rows are there.
//!
//! One load at a time has them aside. What it leaves behind when it is killed is built by whoever looks next.

use crate::error::SyncError;
use crate::turn::Turn;
use sqlx::error::DatabaseError;
use sqlx::{PgPool, Postgres, Transaction};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::task::JoinSet;
use uuid::Uuid;

/// The tables that a load fills and reads by nothing but the ids of rows meanwhile.
const FILLED: [&str; 6] = [
    "company",
    "person",
    "opportunity",
    "transaction",
    "receivable",
    "custom_record",
];
/// The same, but for the entries of members, who are there before.
const BESIDE: [&str; 1] = ["audit_entry"];
/// Who may put indexes aside, and build them.
const TURN: &str = "indexes";
/// Indexes that are built at the same time.
const LANES: usize = 2;

/// Which indexes are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// Those by which rows are ordered and related.
    Ordered,
    All,
}

/// The indexes that a load has put aside.
#[derive(Debug)]
pub(super) struct Aside(Turn);

impl Aside {
    /// Puts the indexes of tables without a row aside, or goes on without those that an earlier load has left so. `None`
    /// where rows are there, or somebody else is at it; then the load keeps them in order as it writes.
    pub(super) async fn put(pool: &PgPool) -> Result<Option<Self>, sqlx::Error> {
        let Some(turn) = Turn::take(pool, Uuid::nil(), TURN).await? else {
            return Ok(None);
        };
        let put = match any(pool).await? {
            true => true,
            false => put_aside(pool).await?,
        };
        if put {
            return Ok(Some(Self(turn)));
        }
        turn.release().await?;
        Ok(None)
    }

    /// Builds those that lists and figures need. Those of searches are left to [`build_indexes`], as they were filled
    /// behind a load before: that takes longer than all others together.
    pub(super) async fn build(self, pool: &PgPool) -> Result<(), SyncError> {
        build(pool, Which::Ordered).await?;
        Ok(self.0.release().await?)
    }
}

/// Builds the indexes that a load has put aside, unless it still goes on. Answers how many.
pub async fn build_indexes(pool: &PgPool) -> Result<usize, SyncError> {
    if !any(pool).await? {
        return Ok(0);
    }
    let Some(turn) = Turn::take(pool, Uuid::nil(), TURN).await? else {
        return Ok(0);
    };
    let built = build(pool, Which::All).await?;
    turn.release().await?;
    Ok(built)
}

async fn any(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from deferred_index)")
        .fetch_one(pool)
        .await
}

/// Where somebody holds a table for longer than a moment, or the account does not own it, nothing is put aside.
async fn put_aside(pool: &PgPool) -> Result<bool, sqlx::Error> {
    const NOT_NOW: [&str; 3] = [
        "55P03", // lock_not_available
        "40P01", // deadlock_detected
        "42501", // insufficient_privilege
    ];
    let mut transaction = pool.begin().await?;
    sqlx::query("set local lock_timeout = '1s'")
        .execute(&mut *transaction)
        .await?;
    let put: Result<i64, sqlx::Error> =
        sqlx::query_scalar("select closegraph_defer_indexes($1, $2)")
            .bind(FILLED)
            .bind(BESIDE)
            .fetch_one(&mut *transaction)
            .await;
    match put {
        Ok(count) => {
            transaction.commit().await?;
            if count > 0 {
                tracing::info!(count, "indexes are put aside until all is loaded");
            }
            Ok(count > 0)
        }
        Err(error) => {
            let code = error.as_database_error().and_then(DatabaseError::code);
            if !code.is_some_and(|code| NOT_NOW.contains(&&*code)) {
                return Err(error);
            }
            tracing::info!(%error, "indexes are kept in order while all is loaded");
            transaction.rollback().await?;
            Ok(false)
        }
    }
}

async fn build(pool: &PgPool, which: Which) -> Result<usize, SyncError> {
    let start = Instant::now();
    // The largest first, so that none of them is what everybody waits for in the end.
    let names: VecDeque<String> = sqlx::query_scalar(
        "select name from deferred_index where $1 or method = 'btree'
          order by method = 'btree', definition like '% person %' desc, name",
    )
    .bind(which == Which::All)
    .fetch_all(pool)
    .await?
    .into();
    let count = names.len();
    let names = Arc::new(Mutex::new(names));
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        lanes.spawn(build_next(pool.clone(), names.clone()));
    }
    while let Some(built) = lanes.join_next().await {
        match built {
            Ok(built) => built?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    if count > 0 {
        let seconds = start.elapsed().as_secs_f64();
        tracing::info!(count, seconds, "indexes are built");
    }
    Ok(count)
}

/// Builds one after the other, each in a transaction of its own: whoever writes meanwhile waits for one index, and none of
/// the writers for another.
async fn build_next(pool: PgPool, names: Arc<Mutex<VecDeque<String>>>) -> Result<(), sqlx::Error> {
    let next = || {
        let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
        names.pop_front()
    };
    while let Some(name) = next() {
        let mut transaction = pool.begin().await?;
        unhurried(&mut transaction).await?;
        sqlx::query("select closegraph_build_index($1)")
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// A large index takes longer than a statement may. What a crash takes back is built again. Workers are worth their start
/// for large tables only, and the lanes are at work already.
async fn unhurried(transaction: &mut Transaction<'_, Postgres>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select set_config('statement_timeout', '0', true), set_config('synchronous_commit', 'off', true),
                set_config('max_parallel_maintenance_workers', '0', true)",
    )
    .execute(&mut **transaction)
    .await
    .map(drop)
}
