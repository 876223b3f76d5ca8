//! One page: what of it can't become a row, and the commit of one that no walker has read.

use super::broken;
use super::lane::Lane;
use crate::apply::Turn;
use crate::close::{Object, ObjectType};
use crate::error::SyncError;
use crate::inbox::LISTED;
use crate::mapping::MappingContext;
use crate::privacy::Forgotten;
use crate::reconcile::run::{Progress, Run, RunReport};
use crate::reconcile::walk::Page;
use sqlx::{PgPool, Postgres, Transaction};
use std::sync::Arc;
use uuid::Uuid;

/// Writes and commits a page with the counts of its run. Of two contents with one version the stored one stays.
pub(in crate::reconcile) async fn commit_page(
    pool: &PgPool,
    context: &MappingContext,
    run: &Run,
    page: Page,
    report: &mut RunReport,
    progress: &mut Progress,
) -> Result<(), SyncError> {
    let lane = Lane {
        pool: pool.clone(),
        context: Arc::new(context.clone()),
        run_id: run.id,
        turn: Turn::Alone,
    };
    let count = page.changes.len() as u64;
    let (writing, _held) = lane.start(page.changes, None);
    let mut written = writing.await.unwrap_or_else(broken)?;
    written.refused.extend(page.unreadable);
    let transaction = &mut written.transaction;
    for (object_type, object, reason) in std::mem::take(&mut written.refused) {
        quarantine(transaction, context, run, object_type, &object, &reason).await?;
    }
    report.count(&written.outcomes);
    progress.done += count;
    run.note(transaction, report, progress).await?;
    written.commit(context.connection_id).await
}

/// Keeps an object that can't become a row among the dead letters, without what it tells of people who are forgotten.
pub(super) async fn quarantine(
    transaction: &mut Transaction<'_, Postgres>,
    context: &MappingContext,
    run: &Run,
    object_type: ObjectType,
    object: &Object,
    reason: &str,
) -> Result<(), SyncError> {
    let close_id = object.text("id").unwrap_or_default();
    let kept = object.to_json();
    let named = std::iter::once(kept.as_str());
    let forgotten = Forgotten::named_in(transaction, context.connection_id, named).await?;
    let kept = match forgotten.strip_event(object_type.as_str(), &kept) {
        None => kept,
        Some(part) => match part.left {
            Some(left) => left,
            None => return Ok(()),
        },
    };
    tracing::warn!(
        connection = %context.connection_id,
        object = object_type.as_str(),
        close_id,
        reason = crate::redact::without_values(reason),
        "an object goes to the dead letters"
    );
    let name = format!("backfill/{}/{close_id}", run.id);
    sqlx::query(
        "insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type,
                            object_id, action, payload, state, error, finished_at)
         values ($1, $2, 'backfill', $3, coalesce($4, now()), $5, $6, $9, $7::jsonb, 'dead', $8, now())
         on conflict (connection_id, close_event_id, event_updated_at) do nothing",
    )
    .bind(Uuid::new_v5(&context.connection_id, name.as_bytes()))
    .bind(context.connection_id)
    .bind(format!("backfill/{close_id}"))
    .bind(object.timestamp("date_updated"))
    .bind(object_type.as_str())
    .bind(&close_id)
    .bind(kept)
    .bind(reason)
    .bind(LISTED)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
