//! Rebuilds mirrored columns from the kept objects, after the mapping, or a setting that it follows, has changed. Close
//! is not asked.

use super::load::{keep_position, position};
use super::run::{Kind, Progress, Run, RunReport};
use crate::apply::{
    After, Remapped, TABLES, begin_remap, finish_remap, remap_page, remove_orphans,
};
use crate::connect::Connections;
use crate::error::SyncError;
use crate::mapping::MappingContext;
use closegraph_entity::record::RecordType;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Checkpoint of a run that was stopped.
const STREAM: &str = "remap";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Position {
    /// A run that was stopped under another mapping starts anew.
    fingerprint: Uuid,
    table: RecordType,
    after: Option<After>,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemapReport {
    /// Rows looked at.
    pub seen: i64,
    pub updated: i64,
    /// Transactions that were missing.
    pub created: i64,
    /// Transactions without a won opportunity.
    pub deleted: i64,
    /// Objects that can't become a row now; their rows stay as they were.
    pub unmappable: i64,
}

impl RemapReport {
    fn add(&mut self, page: Remapped) {
        self.seen += page.seen;
        self.updated += page.updated;
        self.created += page.created;
        self.deleted += page.deleted;
        self.unmappable += page.unmappable;
    }

    fn run(&self) -> RunReport {
        RunReport {
            created: self.created,
            updated: self.updated,
            deleted: self.deleted,
            unchanged: (self.seen - self.updated - self.unmappable).max(0),
            stale: self.unmappable,
            requests: 0,
        }
    }
}

/// Maps all kept objects of a connection again; resumes where an earlier run of the same mapping stopped.
pub async fn remap(
    pool: &PgPool,
    connections: &Connections,
    connection_id: Uuid,
    progress: &watch::Sender<Progress>,
    stop: &CancellationToken,
) -> Result<RemapReport, SyncError> {
    let run = Run::start(pool, connection_id, Kind::Remap).await?;
    let result = async {
        let context = connections.mapping(connection_id).await?;
        remap_all(pool, &context, &run, progress, stop).await
    }
    .await;
    run.finish(pool, &result).await?;
    if let Ok(report) = &result {
        tracing::info!(connection = %connection_id, seen = report.seen, updated = report.updated,
            created = report.created, deleted = report.deleted, unmappable = report.unmappable,
            "kept objects are mapped again");
    }
    result
}

async fn remap_all(
    pool: &PgPool,
    context: &MappingContext,
    run: &Run,
    progress: &watch::Sender<Progress>,
    stop: &CancellationToken,
) -> Result<RemapReport, SyncError> {
    let (id, fingerprint) = (context.connection_id, context.fingerprint());
    let total = Some(count(pool, id).await?);
    let mut report = RemapReport::default();
    let kept: Option<Position> = position(pool, id, STREAM).await?;
    let is_resumable = begin_remap(pool, context, run.id).await?;
    let mut resumed = kept.filter(|kept| is_resumable && kept.fingerprint == fingerprint);
    for table in TABLES {
        let mut after = None;
        if let Some(kept) = &resumed {
            if kept.table != table {
                continue;
            }
            after = kept.after;
            resumed = None;
        }
        loop {
            if stop.is_cancelled() {
                return Err(SyncError::Interrupted);
            }
            let mut transaction = pool.begin().await?;
            let (page, next) = remap_page(&mut transaction, context, run.id, table, after).await?;
            let Some(next) = next else { break };
            after = Some(next);
            report.add(page);
            let position = Position {
                fingerprint,
                table,
                after,
            };
            keep_position(&mut transaction, id, STREAM, Some(run.id), &position).await?;
            let done = u64::try_from(report.seen).unwrap_or_default();
            let now = Progress { done, total };
            run.note(&mut transaction, &report.run(), &now).await?;
            transaction.commit().await?;
            progress.send_replace(now);
        }
    }
    let mut transaction = pool.begin().await?;
    report.add(remove_orphans(&mut transaction, context, run.id).await?);
    finish(&mut transaction, context, run).await?;
    let (done, total) = (u64::try_from(report.seen).unwrap_or_default(), None);
    run.note(&mut transaction, &report.run(), &Progress { done, total })
        .await?;
    transaction.commit().await?;
    Ok(report)
}

async fn finish(
    transaction: &mut Transaction<'_, Postgres>,
    context: &MappingContext,
    run: &Run,
) -> Result<(), SyncError> {
    finish_remap(transaction, context, run.id).await?;
    sqlx::query("delete from sync_checkpoint where connection_id = $1 and stream = $2")
        .bind(context.connection_id)
        .bind(STREAM)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn count(pool: &PgPool, connection_id: Uuid) -> Result<u64, SyncError> {
    let mut total = 0;
    for table in TABLES {
        // Put together from our own names only.
        let count = format!(
            "select count(*) from {} where connection_id = $1",
            table.as_str()
        );
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(connection_id)
            .fetch_one(pool)
            .await?;
        total += count.unsigned_abs();
    }
    Ok(total)
}
