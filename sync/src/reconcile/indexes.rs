//! Indexes during a first load: put aside while the tables are empty, and built when the rows are there.
//!
//! One load at a time has them aside. What it leaves behind when it is killed is built by whoever looks next.
//!
//! Another load may be writing pages when indexes are built, several at once, and a page that holds a table waits for the
//! one before it, in this program: Postgres can't see that the build waits for both, and the earlier page for the build. So
//! a build waits for a table a moment only, lets the pages go by, and tries again.

use crate::error::SyncError;
use crate::inbox::refuses_content;
use crate::redact::chain;
use crate::turn::Turn;
use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
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
/// How often a table is waited for, two seconds each time, before its index is left to the next who looks.
const TRIES: usize = 15;
/// A table was in use: lock_not_available, deadlock_detected.
const IN_USE: [&str; 2] = ["55P03", "40P01"];

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
    pub(super) async fn build(
        self,
        pool: &PgPool,
        stop: &CancellationToken,
    ) -> Result<(), SyncError> {
        build(pool, Which::Ordered, stop).await?;
        Ok(self.0.release().await?)
    }
}

/// Builds the indexes that a load has put aside, unless it still goes on, or until told to stop. Answers how many.
pub async fn build_indexes(pool: &PgPool, stop: &CancellationToken) -> Result<usize, SyncError> {
    if !any(pool).await? {
        return Ok(0);
    }
    let Some(turn) = Turn::take(pool, Uuid::nil(), TURN).await? else {
        return Ok(0);
    };
    let built = build(pool, Which::All, stop).await?;
    if built > 0 {
        match analyze(pool).await {
            // Whoever has a table in use for longer is about to count it, too: a vacuum of Postgres.
            Err(error) if is_one_of(&error, &IN_USE) => {}
            done => done?,
        }
    }
    turn.release().await?;
    Ok(built)
}

/// What Postgres knows of expressions it has counted where they have an index.
async fn analyze(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    unhurried(&mut transaction).await?;
    let tables = FILLED.join(", ");
    sqlx::query(AssertSqlSafe(format!("analyze {tables}")))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

async fn any(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from deferred_index where deferred_at <= now())")
        .fetch_one(pool)
        .await
}

/// Where somebody holds a table for longer than a moment, or the account does not own it, nothing is put aside.
async fn put_aside(pool: &PgPool) -> Result<bool, sqlx::Error> {
    const NOT_OURS: &str = "42501";
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
            if !is_one_of(&error, &[IN_USE.as_slice(), &[NOT_OURS]].concat()) {
                return Err(error);
            }
            tracing::info!(%error, "indexes are kept in order while all is loaded");
            transaction.rollback().await?;
            Ok(false)
        }
    }
}

/// Answers how many were built; those whose table was always in use are left, and those that can't hold a row.
async fn build(pool: &PgPool, which: Which, stop: &CancellationToken) -> Result<usize, SyncError> {
    let start = Instant::now();
    // The largest first, so that none of them is what everybody waits for in the end.
    let names: Vec<String> = sqlx::query_scalar(
        "select name from deferred_index where ($1 or method = 'btree') and deferred_at <= now()
          order by method = 'btree', definition like '%.person USING %' desc, name",
    )
    .bind(which == Which::All)
    .fetch_all(pool)
    .await?;
    let all = names.len();
    let waiting = Waiting::new(names);
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        lanes.spawn(build_next(pool.clone(), waiting.clone(), stop.clone()));
    }
    let mut count = 0;
    while let Some(built) = lanes.join_next().await {
        match built {
            Ok(built) => count += built?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    if all > 0 {
        let (seconds, left) = (start.elapsed().as_secs_f64(), all - count);
        tracing::info!(
            count,
            left,
            seconds,
            "indexes that were put aside are built"
        );
    }
    Ok(count)
}

/// Indexes that are to be built, and how often each was tried.
#[derive(Clone)]
struct Waiting(Arc<Mutex<VecDeque<(String, usize)>>>);

impl Waiting {
    fn new(names: Vec<String>) -> Self {
        let names = names.into_iter().map(|name| (name, 0));
        Self(Arc::new(Mutex::new(names.collect())))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<(String, usize)> {
        self.lock().pop_front()
    }

    /// Puts one behind the others, unless it was tried often enough.
    fn again(&self, name: String, tries: usize) {
        if tries < TRIES {
            self.lock().push_back((name, tries));
        }
    }
}

/// Builds one after the other; how many.
async fn build_next(
    pool: PgPool,
    waiting: Waiting,
    stop: CancellationToken,
) -> Result<usize, sqlx::Error> {
    let mut count = 0;
    while !stop.is_cancelled()
        && let Some((name, tries)) = waiting.next()
    {
        match build_one(&pool, &name).await? {
            Tried::Built => count += 1,
            Tried::InUse => waiting.again(name, tries + 1),
            Tried::Refused => {}
        }
    }
    Ok(count)
}

/// Whatever is wrong with an index, trying again locks out those who write: it is not done each minute.
const LATER: &str =
    "update deferred_index set deferred_at = now() + interval '1 day' where name = $1";

/// What became of an index.
enum Tried {
    Built,
    /// Its table was in use for a moment.
    InUse,
    /// A row does not fit into it. None of ours is like that: it is an operator's own.
    Refused,
}

/// Builds an index in a transaction of its own.
async fn build_one(pool: &PgPool, name: &str) -> Result<Tried, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    unhurried(&mut transaction).await?;
    let built = sqlx::query("select closegraph_build_index($1)")
        .bind(name)
        .execute(&mut *transaction)
        .await;
    match built {
        Ok(_) => transaction.commit().await.map(|()| Tried::Built),
        Err(error) if is_one_of(&error, &IN_USE) => {
            transaction.rollback().await?;
            Ok(Tried::InUse)
        }
        Err(error) if refuses_content(&error) => {
            transaction.rollback().await?;
            let error = chain(&error);
            tracing::error!(
                index = name,
                error,
                "an index can't hold what is stored: change it in deferred_index, or delete it there"
            );
            sqlx::query(LATER).bind(name).execute(pool).await?;
            Ok(Tried::Refused)
        }
        Err(error) => Err(error),
    }
}

fn is_one_of(error: &sqlx::Error, codes: &[&str]) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| codes.contains(&&*code))
}

/// A large index takes longer than a statement may, but does not wait long for its table: a little longer than Postgres
/// takes to call off a vacuum of its own that somebody waits for. What a crash takes back is built again. Workers are worth
/// their start for large tables only, and the lanes are at work already.
async fn unhurried(transaction: &mut Transaction<'_, Postgres>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select set_config('statement_timeout', '0', true), set_config('lock_timeout', '2s', true),
                set_config('synchronous_commit', 'off', true), set_config('max_parallel_maintenance_workers', '0', true)",
    )
    .execute(&mut **transaction)
    .await
    .map(drop)
}
