//! A run: one at a time for each connection and kind, in whatever process, with its counts in `sync_run`.

use crate::apply::Outcome;
use crate::error::SyncError;
use crate::turn::Turn;
pub(crate) use closegraph_entity::sync_run::Kind;
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records seen.
    pub done: u64,
    /// Records expected, where Close said how many.
    pub total: Option<u64>,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunReport {
    pub created: i64,
    pub updated: i64,
    pub deleted: i64,
    pub unchanged: i64,
    pub stale: i64,
    /// Requests that it cost at Close.
    pub requests: i64,
}

impl RunReport {
    pub(super) fn count(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            match outcome {
                Outcome::Created => self.created += 1,
                Outcome::Updated => self.updated += 1,
                Outcome::Deleted => self.deleted += 1,
                Outcome::Unchanged => self.unchanged += 1,
                Outcome::Stale | Outcome::Tie | Outcome::Incomplete | Outcome::Invalid(_) => {
                    self.stale += 1;
                }
            }
        }
    }
}

/// The right to run one kind of task for a connection.
pub(super) async fn turn(
    pool: &PgPool,
    connection_id: Uuid,
    kind: Kind,
) -> Result<Turn, SyncError> {
    let kind = kind.as_str();
    let turn = Turn::take(pool, connection_id, kind).await?;
    turn.ok_or(SyncError::AlreadyRunning { kind })
}

/// A run that this process holds.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: Uuid,
    turn: Turn,
}

impl Run {
    /// Starts a run of a connection, unless one of its kind is running.
    pub(super) async fn start(
        pool: &PgPool,
        connection_id: Uuid,
        kind: Kind,
    ) -> Result<Self, SyncError> {
        let turn = turn(pool, connection_id, kind).await?;
        // It is our turn, so a run that still says "running" belongs to a process that is gone.
        sqlx::query(
            "update sync_run set status = 'interrupted', finished_at = now()
              where connection_id = $1 and kind = $2 and status = 'running'",
        )
        .bind(connection_id)
        .bind(kind.as_str())
        .execute(pool)
        .await?;
        let id = Uuid::new_v4();
        sqlx::query(
            "insert into sync_run (id, connection_id, kind, status) values ($1, $2, $3, 'running')",
        )
        .bind(id)
        .bind(connection_id)
        .bind(kind.as_str())
        .execute(pool)
        .await?;
        Ok(Self { id, turn })
    }

    /// Notes counts and progress in the transaction of the rows.
    pub(super) async fn note(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
        report: &RunReport,
        progress: &Progress,
    ) -> Result<(), sqlx::Error> {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        sqlx::query(
            "update sync_run
                set done = $2, total = $3, created = $4, updated = $5, deleted = $6, unchanged = $7,
                    stale = $8, requests = $9, heartbeat_at = now()
              where id = $1",
        )
        .bind(self.id)
        .bind(number(progress.done))
        .bind(progress.total.map(number))
        .bind(report.created)
        .bind(report.updated)
        .bind(report.deleted)
        .bind(report.unchanged)
        .bind(report.stale)
        .bind(report.requests)
        .execute(&mut **transaction)
        .await
        .map(drop)
    }

    /// Says in the transaction of the last rows that all is done: nothing that happens later can take it back.
    pub(super) async fn succeed(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update sync_run set status = 'succeeded', finished_at = clock_timestamp() where id = $1",
        )
        .bind(self.id)
        .execute(&mut **transaction)
        .await
        .map(drop)
    }

    /// Ends the run: it succeeded only when nothing went wrong.
    pub(super) async fn finish<T>(
        self,
        pool: &PgPool,
        result: &Result<T, SyncError>,
    ) -> Result<(), sqlx::Error> {
        let (status, error) = match result {
            Ok(_) => ("succeeded", None),
            Err(SyncError::Interrupted) => ("interrupted", None),
            Err(error) => ("failed", Some(error.chain())),
        };
        sqlx::query(
            "update sync_run set status = $2, error = $3, finished_at = now()
              where id = $1 and status = 'running'",
        )
        .bind(self.id)
        .bind(status)
        .bind(error)
        .execute(pool)
        .await?;
        self.turn.release().await
    }
}
