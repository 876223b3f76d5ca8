//! Applies the pages of a walk: they are read ahead while the page before is applied, and each commits with its
//! checkpoint, so that a stop, a crash or an error resumes where it was.

use super::run::{Progress, Run, RunReport};
use super::walk::{Page, Position, Walker};
use crate::apply::{Outcome, apply};
use crate::change::{Change, Content};
use crate::close::{CloseClient, Object, ObjectType};
use crate::error::SyncError;
use crate::inbox::{LISTED, request_rereads};
use crate::mapping::MappingContext;
use serde::de::DeserializeOwned;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Pages that are read ahead.
const READ_AHEAD: usize = 2;

/// Where a stream of a connection stands.
pub(super) async fn position<P: DeserializeOwned>(
    pool: &PgPool,
    connection_id: Uuid,
    stream: &'static str,
) -> Result<Option<P>, SyncError> {
    let kept: Option<serde_json::Value> = sqlx::query_scalar(
        "select position from sync_checkpoint where connection_id = $1 and stream = $2",
    )
    .bind(connection_id)
    .bind(stream)
    .fetch_optional(pool)
    .await?;
    kept.map(serde_json::from_value)
        .transpose()
        .map_err(|source| SyncError::Checkpoint { stream, source })
}

/// Keeps where a stream stands, in the transaction of what it covers.
pub(super) async fn keep_position(
    connection: &mut PgConnection,
    connection_id: Uuid,
    stream: &'static str,
    run_id: Option<Uuid>,
    position: &impl serde::Serialize,
) -> Result<(), SyncError> {
    let value = serde_json::to_value(position)
        .map_err(|source| SyncError::Checkpoint { stream, source })?;
    sqlx::query(
        "insert into sync_checkpoint (connection_id, stream, position, run_id) values ($1, $2, $3, $4)
         on conflict (connection_id, stream) do update
            set position = excluded.position, run_id = excluded.run_id, updated_at = now()",
    )
    .bind(connection_id)
    .bind(stream)
    .bind(value)
    .bind(run_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// What the steps of one run share.
pub(super) struct Load<'a> {
    pub(super) pool: &'a PgPool,
    pub(super) context: &'a MappingContext,
    pub(super) run: &'a Run,
    pub(super) client: &'a CloseClient,
    pub(super) progress: &'a watch::Sender<Progress>,
    pub(super) stop: &'a CancellationToken,
    /// Name of the checkpoint.
    pub(super) stream: &'static str,
}

impl Load<'_> {
    /// Walks to the end. `kept` says where to go on once a page is committed.
    pub(super) async fn run(
        &self,
        mut walker: Walker,
        report: &mut RunReport,
        mut kept: impl FnMut(&Page) -> Position,
    ) -> Result<(), SyncError> {
        let requests_before = self.client.requests();
        let requests_earlier = report.requests;
        let (send, mut pages) = mpsc::channel::<Result<Page, SyncError>>(READ_AHEAD);
        let read_ahead = async move {
            loop {
                let page = match walker.next().await {
                    Ok(Some(page)) => Ok(page),
                    Ok(None) => return,
                    Err(error) => Err(error),
                };
                let failed = page.is_err();
                if send.send(page).await.is_err() || failed {
                    return;
                }
            }
        };
        let apply_all = async {
            let mut progress = Progress::default();
            loop {
                let page = tokio::select! {
                    biased;
                    page = pages.recv() => page,
                    () = self.stop.cancelled() => return Err(SyncError::Interrupted),
                };
                let Some(page) = page else { return Ok(()) };
                if self.stop.is_cancelled() {
                    return Err(SyncError::Interrupted);
                }
                let spent = self.client.requests() - requests_before;
                report.requests = requests_earlier + i64::try_from(spent).unwrap_or(i64::MAX);
                let page = page?;
                let next = kept(&page);
                self.apply_page(page, &next, report, &mut progress).await?;
            }
        };
        // Reading ahead ends by itself, or is dropped with this future when applying ends first.
        let (reader, applied) = (tokio::task::spawn(read_ahead), apply_all.await);
        reader.abort();
        applied
    }

    async fn apply_page(
        &self,
        page: Page,
        next: &Position,
        report: &mut RunReport,
        progress: &mut Progress,
    ) -> Result<(), SyncError> {
        let changes = page.changes.len() as u64;
        let mut transaction = self.pool.begin().await?;
        let outcomes = match self
            .apply_batch(&mut transaction, page.changes.clone())
            .await
        {
            Ok(outcomes) => outcomes,
            // One row that Postgres refuses must not hold up its page.
            Err(SyncError::Database(error)) if error.as_database_error().is_some() => {
                transaction.rollback().await?;
                transaction = self.pool.begin().await?;
                self.apply_singly(&mut transaction, page.changes).await?
            }
            Err(error) => return Err(error),
        };
        for (object_type, object, reason) in page.unreadable {
            self.quarantine(&mut transaction, object_type, &object, &reason)
                .await?;
        }
        report.count(&outcomes);
        progress.done += changes;
        progress.total = page
            .announced
            .or(progress.total)
            .map(|total| total.max(progress.done));
        let (id, run) = (self.context.connection_id, Some(self.run.id));
        keep_position(&mut transaction, id, self.stream, run, next).await?;
        self.run.note(&mut transaction, report, progress).await?;
        if *next == Position::Done {
            self.run.succeed(&mut transaction).await?;
        }
        transaction.commit().await?;
        self.progress.send_replace(*progress);
        Ok(())
    }

    async fn apply_batch(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
        changes: Vec<Change>,
    ) -> Result<Vec<Outcome>, SyncError> {
        let named: Vec<_> = changes
            .iter()
            .map(|change| (change.object_type, change.close_id.clone(), change.version))
            .collect();
        let kept = changes.clone();
        let outcomes = apply(transaction, self.context, Some(self.run.id), changes).await?;
        let mut ties = Vec::new();
        for ((outcome, named), change) in outcomes.iter().zip(named).zip(kept) {
            match (outcome, change.content) {
                (Outcome::Tie, _) => ties.push(named),
                (Outcome::Invalid(reason), Content::Full(object)) => {
                    self.quarantine(transaction, change.object_type, &object, reason)
                        .await?;
                }
                _ => {}
            }
        }
        request_rereads(transaction, self.context.connection_id, &ties).await?;
        Ok(outcomes)
    }

    /// Applies changes one by one, each under a savepoint of its own; what fails goes to the dead letters.
    async fn apply_singly(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
        changes: Vec<Change>,
    ) -> Result<Vec<Outcome>, SyncError> {
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            sqlx::query("savepoint one")
                .execute(&mut **transaction)
                .await?;
            match self.apply_batch(transaction, vec![change.clone()]).await {
                Ok(applied) => outcomes.extend(applied),
                Err(error) => {
                    sqlx::query("rollback to savepoint one")
                        .execute(&mut **transaction)
                        .await?;
                    let reason = error.chain();
                    if let Content::Full(object) = &change.content {
                        self.quarantine(transaction, change.object_type, object, &reason)
                            .await?;
                    }
                    outcomes.push(Outcome::Invalid(reason));
                }
            }
        }
        Ok(outcomes)
    }

    /// Keeps an object that can't become a row among the dead letters.
    async fn quarantine(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
        object_type: ObjectType,
        object: &Object,
        reason: &str,
    ) -> Result<(), SyncError> {
        let close_id = object.text("id").unwrap_or_default();
        tracing::warn!(
            connection = %self.context.connection_id,
            object = object_type.as_str(),
            close_id,
            reason = crate::redact::without_values(reason),
            "an object goes to the dead letters"
        );
        let name = format!("backfill/{}/{close_id}", self.run.id);
        sqlx::query(
            "insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type,
                                object_id, action, payload, state, error, finished_at)
             values ($1, $2, 'backfill', $3, coalesce($4, now()), $5, $6, $9, $7::jsonb, 'dead', $8, now())
             on conflict (connection_id, close_event_id, event_updated_at) do nothing",
        )
        .bind(Uuid::new_v5(&self.context.connection_id, name.as_bytes()))
        .bind(self.context.connection_id)
        .bind(format!("backfill/{close_id}"))
        .bind(object.timestamp("date_updated"))
        .bind(object_type.as_str())
        .bind(&close_id)
        .bind(object.to_json())
        .bind(reason)
        .bind(LISTED)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }
}
