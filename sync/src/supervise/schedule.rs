//! What runs by itself, and when. Postgres remembers when each task last ran, so that any number of processes together
//! run it as often as one would, and a start after a long stop catches up at once.

use super::SyncService;
use crate::connect::{reread_settings, watch_subscription};
use crate::error::SyncError;
use crate::reconcile::{Progress, catch_up, is_backfilled, is_mapped, remap, sweep, verify};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often each task of a connection runs.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Reading the event log.
    pub catch_up: Duration,
    /// Searching for what changed.
    pub sweep: Duration,
    /// Comparing every id and version, and repairing what differs.
    pub verify: Duration,
    /// Reading the organization, its users and its custom fields.
    pub settings: Duration,
    /// Comparing the webhook subscription with what it should be.
    pub subscription: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            catch_up: Duration::from_secs(30),
            sweep: Duration::from_secs(3_600),
            verify: Duration::from_secs(86_400),
            settings: Duration::from_secs(900),
            subscription: Duration::from_secs(300),
        }
    }
}

/// A task of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Subscription,
    CatchUp,
    Settings,
    Remap,
    Sweep,
    Verify,
}

/// Seconds since each task of a connection last ran. Behind a run that did not succeed time counts 60 times: it is tried
/// again after a sixtieth of the pause.
const LAST: &str = "
    select extract(epoch from now() - c.webhook_checked_at)::float8,
           extract(epoch from now() - (select updated_at from sync_checkpoint s
                                        where s.connection_id = c.id and s.stream = 'event_log'))::float8,
           extract(epoch from now() - c.settings_read_at)::float8,
           (select extract(epoch from now() - r.started_at)::float8 * case r.status when 'succeeded' then 1 else 60 end
              from sync_run r where r.connection_id = c.id and r.kind = 'sweep'
             order by r.started_at desc, r.id desc limit 1),
           (select extract(epoch from now() - r.started_at)::float8 * case r.status when 'succeeded' then 1 else 60 end
              from sync_run r where r.connection_id = c.id and r.kind in ('verify', 'backfill')
             order by r.started_at desc, r.id desc limit 1)
      from connection c where c.id = $1";

type Ages = (
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
);

impl SyncService {
    /// Runs what is due, one connection after the other. `first` is the first look after a start.
    pub(super) async fn run_due(
        &self,
        first: bool,
        stop: &CancellationToken,
    ) -> Result<(), SyncError> {
        for id in self.connections.active().await? {
            for task in self.due(id, first).await? {
                if stop.is_cancelled() {
                    return Ok(());
                }
                // A task that fails must not keep the others, or other connections, from running.
                match self.run_task(id, task, stop).await {
                    Ok(()) | Err(SyncError::AlreadyRunning { .. } | SyncError::Interrupted) => {}
                    Err(error) => {
                        tracing::warn!(connection = %id, ?task, error = %error.chain(), "a task failed; it will be tried again");
                    }
                }
            }
        }
        Ok(())
    }

    async fn due(&self, id: Uuid, first: bool) -> Result<Vec<Task>, SyncError> {
        let ages: Ages = sqlx::query_as(LAST).bind(id).fetch_one(&self.pool).await?;
        let schedule = &self.options.schedule;
        let is_due =
            |age: Option<f64>, every: Duration| age.is_none_or(|age| age >= every.as_secs_f64());
        let mut due = Vec::new();
        if is_due(ages.0, schedule.subscription) {
            due.push(Task::Subscription);
        }
        if first || is_due(ages.1, schedule.catch_up) {
            due.push(Task::CatchUp);
        }
        if is_due(ages.2, schedule.settings) {
            due.push(Task::Settings);
        }
        // Until the first full load is complete, everything is missing anyway.
        if is_backfilled(&self.pool, id).await? {
            let mapping = self.connections.mapping(id).await?;
            if !is_mapped(&self.pool, &mapping).await? {
                due.push(Task::Remap);
            }
            if is_due(ages.3, schedule.sweep) {
                due.push(Task::Sweep);
            }
            if is_due(ages.4, schedule.verify) {
                due.push(Task::Verify);
            }
        }
        Ok(due)
    }

    async fn run_task(
        &self,
        id: Uuid,
        task: Task,
        stop: &CancellationToken,
    ) -> Result<(), SyncError> {
        match task {
            Task::Subscription => watch_subscription(&self.connections, id).await.map(drop),
            Task::Settings => reread_settings(&self.connections, id).await,
            Task::Remap => {
                let (progress, _) = watch::channel(Progress::default());
                remap(&self.pool, &self.connections, id, &progress, stop)
                    .await
                    .map(drop)
            }
            Task::Sweep => sweep(&self.pool, &self.connections, id, stop)
                .await
                .map(drop),
            Task::Verify => self.verify(id, stop).await,
            Task::CatchUp => {
                let report = catch_up(&self.pool, &self.connections, id, stop).await?;
                if report.gap {
                    metrics::counter!("closegraph_event_log_gaps_total").increment(1);
                    tracing::error!(connection = %id, "the event log was last read so long ago that it may have a gap: everything is compared");
                    self.verify(id, stop).await?;
                }
                Ok(())
            }
        }
    }

    async fn verify(&self, id: Uuid, stop: &CancellationToken) -> Result<(), SyncError> {
        let drifts = verify(&self.pool, &self.connections, id, true, stop).await?;
        for drift in drifts.iter().filter(|drift| drift.found() > 0) {
            tracing::warn!(connection = %id, record_type = drift.record_type, missing = drift.missing,
                extra = drift.extra, stale = drift.stale, repaired = drift.repaired, "the mirror had drifted");
        }
        Ok(())
    }
}
