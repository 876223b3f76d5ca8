//! Applies the pages of a walk. Pages are read ahead and written side by side; they commit one after the other, each
//! with its checkpoint, so that a stop, a crash or an error resumes where it was.

mod lane;
mod page;

use super::run::{Progress, Run, RunReport};
use super::walk::{Page, Position, Walker};
use crate::apply::Turn;
use crate::close::CloseClient;
use crate::error::SyncError;
use crate::inbox::request_rereads;
use crate::mapping::MappingContext;
use closegraph_entity::match_queue::QUEUE_ALL;
use lane::{Lane, Writing, Written};
pub(super) use page::commit_page;
use page::quarantine;
use serde::de::DeserializeOwned;
use sqlx::{PgConnection, PgPool};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
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
    /// Pages that are written at the same time, each by a session of its own. Of the loads of a connection that run
    /// side by side, one may have more than one.
    pub(super) lanes: usize,
}

/// A page on its way into the mirror.
struct InHand {
    page: Page,
    /// Where to go on once it is committed.
    next: Position,
    /// Requests sent until it was read.
    requests: i64,
    ids: HashSet<String>,
    writing: Writing,
}

/// The pages on their way, in their order.
struct InHands {
    lane: Lane,
    pages: VecDeque<InHand>,
    /// Tells that the newest of them has its locks.
    held: Option<oneshot::Receiver<()>>,
}

impl InHands {
    fn push(&mut self, page: Page, next: Position, requests: i64) {
        let ids = page.changes.iter().map(|change| change.close_id.clone());
        let ids = ids.collect();
        let (writing, held) = self.lane.start(page.changes.clone(), self.held.take());
        self.held = Some(held);
        self.pages.push_back(InHand {
            page,
            next,
            requests,
            ids,
            writing,
        });
    }

    /// Whether one of them has an object of the page, too.
    fn share(&self, page: &Page) -> bool {
        let mut ids = page.changes.iter().map(|change| &change.close_id);
        ids.any(|id| self.pages.iter().any(|other| other.ids.contains(id)))
    }

    /// The first of them once it is written, which is left where it is.
    async fn first_written(&mut self) -> Result<Written, SyncError> {
        match self.pages.front_mut() {
            Some(first) => (&mut first.writing).await.unwrap_or_else(broken),
            None => std::future::pending().await,
        }
    }

    /// Undoes what was written of them.
    fn stop(&mut self) -> Vec<(Page, Position, i64)> {
        self.held = None;
        let pages = std::mem::take(&mut self.pages).into_iter();
        pages
            .map(|page| (page.page, page.next, page.requests))
            .collect()
    }
}

fn broken(error: JoinError) -> Result<Written, SyncError> {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Err(SyncError::Interrupted),
    }
}

/// What to do next.
enum Step {
    Commit(Written),
    Write(Option<Result<Page, SyncError>>),
}

impl Load<'_> {
    /// Walks to the end. `kept` says where to go on once a page is committed.
    pub(super) async fn run(
        &self,
        walker: Walker,
        report: &mut RunReport,
        mut kept: impl FnMut(&Page) -> Position,
    ) -> Result<(), SyncError> {
        let (requests_before, requests_earlier) = (self.client.requests(), report.requests);
        let (send, mut pages) = mpsc::channel(READ_AHEAD);
        // Ends by itself, or is dropped with this future.
        let _reader = AbortOnDropHandle::new(tokio::spawn(read_ahead(walker, send)));
        let mut in_hands = InHands {
            lane: self.lane(),
            pages: VecDeque::new(),
            held: None,
        };
        let mut progress = Progress::default();
        let mut at_end = false;
        while !at_end || !in_hands.pages.is_empty() {
            let free = in_hands.pages.len() < self.lanes;
            let step = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(SyncError::Interrupted),
                written = in_hands.first_written() => Step::Commit(written?),
                page = pages.recv(), if free && !at_end => Step::Write(page),
            };
            match step {
                Step::Commit(written) => {
                    self.commit_first(&mut in_hands, written, report, &mut progress)
                        .await?;
                }
                Step::Write(None) => at_end = true,
                Step::Write(Some(page)) => {
                    let page = page?;
                    while in_hands.share(&page) {
                        let written = in_hands.first_written().await?;
                        self.commit_first(&mut in_hands, written, report, &mut progress)
                            .await?;
                    }
                    let spent = self.client.requests() - requests_before;
                    let requests = requests_earlier + i64::try_from(spent).unwrap_or(i64::MAX);
                    let next = kept(&page);
                    in_hands.push(page, next, requests);
                }
            }
        }
        Ok(())
    }

    fn lane(&self) -> Lane {
        Lane {
            pool: self.pool.clone(),
            context: Arc::new(self.context.clone()),
            run_id: self.run.id,
            turn: if self.lanes > 1 {
                Turn::Together
            } else {
                Turn::Alone
            },
        }
    }

    /// Commits the first page with its checkpoint.
    async fn commit_first(
        &self,
        in_hands: &mut InHands,
        mut written: Written,
        report: &mut RunReport,
        progress: &mut Progress,
    ) -> Result<(), SyncError> {
        let Some(first) = in_hands.pages.pop_front() else {
            return Ok(());
        };
        let InHand { page, next, .. } = first;
        let (id, run) = (self.context.connection_id, Some(self.run.id));
        let changes = page.changes.len() as u64;
        written.refused.extend(page.unreadable);
        // Here a writer of the inbox may be waited for. It must not wait for the locks of a later page: those begin anew.
        let tells_inbox = !written.refused.is_empty() || !written.ties.is_empty();
        let later = if tells_inbox {
            in_hands.stop()
        } else {
            Vec::new()
        };
        let transaction = &mut written.transaction;
        for (object_type, object, reason) in std::mem::take(&mut written.refused) {
            quarantine(
                transaction,
                self.context,
                self.run,
                object_type,
                &object,
                &reason,
            )
            .await?;
        }
        request_rereads(transaction, id, &written.ties).await?;
        report.requests = first.requests;
        report.count(&written.outcomes);
        progress.done += changes;
        progress.total = page
            .announced
            .or(progress.total)
            .map(|total| total.max(progress.done));
        keep_position(transaction, id, self.stream, run, &next).await?;
        self.run.note(transaction, report, progress).await?;
        if next == Position::Done {
            self.run.succeed(transaction).await?;
            // Pages that are written side by side queue no company; with the last one, all are there.
            sqlx::query(QUEUE_ALL)
                .bind(id)
                .execute(&mut **transaction)
                .await?;
        }
        written.commit(id).await?;
        self.progress.send_replace(*progress);
        for (page, next, requests) in later {
            in_hands.push(page, next, requests);
        }
        Ok(())
    }
}

/// Sends pages until the end, or until nobody takes them any more.
async fn read_ahead(mut walker: Walker, send: mpsc::Sender<Result<Page, SyncError>>) {
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
}
