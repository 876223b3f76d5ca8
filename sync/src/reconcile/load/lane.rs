//! The rows of a page, written by a session of their own while other pages are read, written and committed.

use crate::apply::{Outcome, Turn, apply_beside, hold, note};
use crate::change::{Change, Content};
use crate::close::{Object, ObjectType};
use crate::error::SyncError;
use crate::inbox::refuses_content;
use crate::mapping::MappingContext;
use chrono::{DateTime, Utc};
use sqlx::error::DatabaseError;
use sqlx::{PgPool, Postgres, Transaction};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// What the pages of one load are written with.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) pool: PgPool,
    pub(super) context: Arc<MappingContext>,
    pub(super) run_id: Uuid,
    pub(super) turn: Turn,
}

/// Rows that are written and not committed.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) transaction: Transaction<'static, Postgres>,
    pub(super) outcomes: Vec<Outcome>,
    /// Objects that have to be read again.
    pub(super) ties: Vec<(ObjectType, String, DateTime<Utc>)>,
    /// Objects that can't become rows, with the reason.
    pub(super) refused: Vec<(ObjectType, Object, String)>,
    /// The settings that rows are mapped by, where they have to be noted before it is committed.
    mapped_by: Option<Uuid>,
}

/// A page that is being written. It is written to its end even when nobody waits for it any more, and then rolled back.
pub(super) type Writing = JoinHandle<Result<Written, SyncError>>;

impl Lane {
    /// Starts to write a page. Its locks are taken after those of the page before: who holds locks and waits for pages
    /// before it is never waited for by them. Answers what tells the next page that they are taken.
    pub(super) fn start(
        &self,
        changes: Vec<Change>,
        before: Option<oneshot::Receiver<()>>,
    ) -> (Writing, oneshot::Receiver<()>) {
        let (held, next) = oneshot::channel();
        let lane = self.clone();
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // It fails where that page did, and then nothing of this one is committed either.
                before.await.ok();
            }
            lane.write(changes, held).await
        });
        (task, next)
    }

    async fn write(
        &self,
        changes: Vec<Change>,
        held: oneshot::Sender<()>,
    ) -> Result<Written, SyncError> {
        let mut written = Written {
            transaction: self.pool.begin().await?,
            outcomes: Vec::new(),
            ties: Vec::new(),
            refused: Vec::new(),
            mapped_by: None,
        };
        let id = self.context.connection_id;
        hold(&mut written.transaction, id, self.turn, &changes).await?;
        held.send(()).ok();
        written.savepoint("savepoint page").await?;
        match self.batch(&mut written, changes.clone()).await {
            Ok(()) => {}
            // One row that Postgres refuses must not hold up its page.
            Err(error) if error.as_database_error().is_some() => {
                written.savepoint("rollback to savepoint page").await?;
                self.singly(&mut written, changes).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(written)
    }

    async fn batch(&self, written: &mut Written, changes: Vec<Change>) -> Result<(), sqlx::Error> {
        let kept = changes.clone();
        let run = Some(self.run_id);
        let applied = apply_beside(&mut written.transaction, &self.context, run, changes).await?;
        written.mapped_by = applied.mapped_by.or(written.mapped_by);
        for (outcome, change) in applied.outcomes.iter().zip(kept) {
            match (outcome, change.content) {
                (Outcome::Tie, _) => {
                    let tie = (change.object_type, change.close_id, change.version);
                    written.ties.push(tie);
                }
                (Outcome::Invalid(reason), Content::Full(object)) => {
                    let refused = (change.object_type, object, reason.clone());
                    written.refused.push(refused);
                }
                _ => {}
            }
        }
        written.outcomes.extend(applied.outcomes);
        Ok(())
    }

    /// Applies changes one by one, each under a savepoint of its own. What is no fault of one of them ends them all: the page
    /// is read again later.
    async fn singly(&self, written: &mut Written, changes: Vec<Change>) -> Result<(), sqlx::Error> {
        for change in changes {
            written.savepoint("savepoint one").await?;
            if let Err(error) = self.batch(written, vec![change.clone()]).await {
                if !is_of_the_object(&error) {
                    return Err(error);
                }
                written.savepoint("rollback to savepoint one").await?;
                let reason = SyncError::from(error).chain();
                if let Content::Full(object) = change.content {
                    let refused = (change.object_type, object, reason.clone());
                    written.refused.push(refused);
                }
                written.outcomes.push(Outcome::Invalid(reason));
            }
        }
        Ok(())
    }
}

/// Whether Postgres will never take the object: its content, or a rule of the tables (class 23). That somebody else has
/// just stored it is no fault of it.
fn is_of_the_object(error: &sqlx::Error) -> bool {
    const STORED: &str = "23505";
    let code = error.as_database_error().and_then(DatabaseError::code);
    refuses_content(error) || code.is_some_and(|code| code.starts_with("23") && code != STORED)
}

impl Written {
    pub(super) async fn commit(mut self, connection_id: Uuid) -> Result<(), SyncError> {
        if let Some(settings) = self.mapped_by {
            note(&mut self.transaction, connection_id, settings).await?;
        }
        Ok(self.transaction.commit().await?)
    }

    async fn savepoint(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let statement = sqlx::query(statement).execute(&mut *self.transaction);
        statement.await.map(drop)
    }
}
