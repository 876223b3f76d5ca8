//! Runs what is due. Connections don't wait for each other, and what is short never waits for what is long.

use super::SyncService;
use super::schedule::{Task, due};
use crate::connect::{Watched, reread_settings, watch_subscription};
use crate::error::SyncError;
use crate::matching::match_invoices;
use crate::reconcile::{
    BackfillOptions, Progress, VerifyOptions, backfill, build_indexes, catch_up, remap, sweep,
    verify,
};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

/// Tasks of a kind that run at once in a process.
const AT_ONCE: usize = 4;

/// The longest pause before a task that failed is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Pause before a look whether another process is done.
const OTHER_PROCESS: Duration = Duration::from_secs(15);

type Named = (Uuid, Task);

/// The tasks of a process: which run, and which must not run before an instant.
struct Tasks {
    service: SyncService,
    stop: CancellationToken,
    running: HashMap<Id, (Named, CancellationToken)>,
    handles: JoinSet<Result<(), SyncError>>,
    waiting: HashMap<Named, Pause>,
}

struct Pause {
    until: Instant,
    /// Failures in a row.
    failures: u32,
}

impl SyncService {
    /// Runs what is due until `stop` is cancelled; what was begun is finished first.
    pub(super) async fn run_tasks(self, stop: CancellationToken) {
        let mut tasks = Tasks {
            service: self,
            stop,
            running: HashMap::new(),
            handles: JoinSet::new(),
            waiting: HashMap::new(),
        };
        let mut first = true;
        let mut tick = tokio::time::interval(tasks.service.options.poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = tasks.stop.cancelled() => break,
                _ = tick.tick() => match tasks.start_due(first).await {
                    Ok(()) => first = false,
                    Err(error) => {
                        tracing::warn!(error = error.logged(), "what is due can't be seen");
                    }
                },
                Some(ended) = tasks.handles.join_next_with_id() => tasks.ended(ended),
            }
        }
        while tasks.handles.join_next().await.is_some() {}
    }

    async fn run_checked(
        &self,
        id: Uuid,
        task: Task,
        stop: &CancellationToken,
    ) -> Result<(), SyncError> {
        let span = tracing::info_span!("task", connection = %id, task = task.word());
        let result = self.run_task(id, task, stop).instrument(span).await;
        if result.as_ref().is_err_and(SyncError::is_unauthorized) {
            self.connections.check_credential(id).await?;
        }
        result
    }

    async fn run_task(
        &self,
        id: Uuid,
        task: Task,
        stop: &CancellationToken,
    ) -> Result<(), SyncError> {
        let (pool, connections) = (&self.pool, &self.connections);
        match task {
            Task::Subscription => match watch_subscription(connections, id).await? {
                // What it did not deliver meanwhile is in the log.
                Watched::Repaired(_) => self.catch_up(id, stop).await,
                Watched::Healthy | Watched::None => Ok(()),
            },
            Task::Settings => reread_settings(connections, id).await,
            Task::Backfill => {
                let options = BackfillOptions {
                    strategy: self.options.strategy,
                    restart: false,
                };
                let (progress, _) = watch::channel(Progress::default());
                backfill(pool, connections, id, &options, &progress, stop).await?;
                build_indexes(pool, stop).await.map(drop)
            }
            Task::Remap => {
                let (progress, _) = watch::channel(Progress::default());
                let report = remap(pool, connections, id, &progress, stop);
                report.await.map(drop)
            }
            Task::Match => match_invoices(pool, id).await.map(drop),
            Task::Sweep | Task::Poll => sweep(pool, connections, id, stop).await.map(drop),
            Task::Verify => self.verify(id, stop).await,
            Task::CatchUp => self.catch_up(id, stop).await,
        }
    }

    async fn catch_up(&self, id: Uuid, stop: &CancellationToken) -> Result<(), SyncError> {
        let report = catch_up(&self.pool, &self.connections, id, stop).await?;
        if report.gap {
            metrics::counter!("closegraph_event_log_gaps_total").increment(1);
            tracing::error!(connection = %id, "the event log was last read so long ago that it may have a gap: everything is compared");
            self.verify(id, stop).await?;
        }
        Ok(())
    }

    async fn verify(&self, id: Uuid, stop: &CancellationToken) -> Result<(), SyncError> {
        let options = VerifyOptions {
            repair: true,
            ..VerifyOptions::default()
        };
        let drifts = verify(&self.pool, &self.connections, id, &options, stop).await?;
        for drift in drifts.iter().filter(|drift| drift.found() > 0) {
            tracing::warn!(connection = %id, record_type = drift.record_type, missing = drift.missing,
                extra = drift.extra, stale = drift.stale, repaired = drift.repaired, "the mirror had drifted");
        }
        Ok(())
    }
}

impl Tasks {
    async fn start_due(&mut self, first: bool) -> Result<(), SyncError> {
        self.stop_ended().await?;
        let service = &self.service;
        let schedule = &service.options.schedule;
        let due = due(&service.pool, &service.connections, schedule, first).await?;
        let now = Instant::now();
        for named in due {
            let (id, task) = named;
            let running = || self.running.values().map(|(named, _)| named);
            let alike = running().filter(|(_, other)| other.is_long() == task.is_long());
            let waits = self
                .waiting
                .get(&named)
                .is_some_and(|pause| pause.until > now);
            if waits || alike.count() >= AT_ONCE || running().any(|other| *other == named) {
                continue;
            }
            let (service, stop) = (self.service.clone(), self.stop.child_token());
            let stopped = stop.clone();
            let run = self
                .handles
                .spawn(async move { service.run_checked(id, task, &stop).await });
            self.running.insert(run.id(), (named, stopped));
        }
        Ok(())
    }

    /// Stops what runs for connections that are to be read no more, such as those that a person has disconnected.
    async fn stop_ended(&self) -> Result<(), SyncError> {
        let active = self.service.connections.active().await?;
        self.service.connections.forget_others(&active);
        for ((id, _), stop) in self.running.values() {
            if !active.contains(id) {
                stop.cancel();
            }
        }
        Ok(())
    }

    /// Says when a task may run again. A task that fails keeps neither the others nor other connections from running.
    fn ended(&mut self, ended: Result<(Id, Result<(), SyncError>), JoinError>) {
        let (run, result) = match ended {
            Ok((run, result)) => (run, Ok(result)),
            Err(error) => (error.id(), Err(error)),
        };
        let Some((named, _)) = self.running.remove(&run) else {
            return;
        };
        let (id, task) = named;
        let options = &self.service.options;
        let period = task.period(&options.schedule);
        let failures = self.waiting.get(&named).map_or(0, |pause| pause.failures);
        let count = |outcome: &'static str| {
            metrics::counter!("closegraph_tasks_total", "task" => task.word(), "outcome" => outcome)
                .increment(1);
        };
        let failed = |error: String| {
            count("failed");
            tracing::warn!(connection = %id, task = task.word(), error, "a task failed; it will be tried again");
            let pause = options.poll.saturating_mul(1 << failures.min(10));
            (pause.min(LONGEST_PAUSE), failures + 1)
        };
        let (pause, failures) = match result {
            Ok(Ok(())) => {
                count("succeeded");
                (period.unwrap_or_default() / 2, 0)
            }
            Ok(Err(SyncError::AlreadyRunning { .. })) => {
                (period.unwrap_or(OTHER_PROCESS).min(OTHER_PROCESS), failures)
            }
            Ok(Err(SyncError::Interrupted)) => (Duration::ZERO, failures),
            Ok(Err(error)) => failed(error.logged()),
            Err(broken_off) => failed(broken_off.to_string()),
        };
        let until = Instant::now() + pause;
        self.waiting.insert(named, Pause { until, failures });
    }
}
