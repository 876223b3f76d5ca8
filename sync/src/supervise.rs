//! What runs while a process syncs: workers of the inbox, re-reads, and the tasks of each connection.

mod gauges;
mod schedule;
mod tasks;
mod upkeep;

pub use schedule::Schedule;

use crate::connect::{Connections, Vault};
use crate::error::SyncError;
use crate::inbox::{
    CHANNEL, Inbox, Receiver, ReceiverOptions, Retention, WorkOptions, reread_all, router, take,
    work_off,
};
use crate::reconcile::Strategy;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How a process syncs.
#[derive(Clone, Copy, Debug)]
pub struct SyncOptions {
    /// Workers of the inbox.
    pub workers: usize,
    /// Events that a worker claims at once.
    pub batch: u16,
    /// How often the inbox and the connections are looked at without being woken.
    pub poll: Duration,
    pub receiver: ReceiverOptions,
    pub strategy: Strategy,
    pub schedule: Schedule,
    pub retention: Retention,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            workers: 2,
            batch: 500,
            poll: Duration::from_secs(2),
            receiver: ReceiverOptions::default(),
            strategy: Strategy::Auto,
            schedule: Schedule::default(),
            retention: Retention::default(),
        }
    }
}

/// The sync side of a process.
#[derive(Clone, Debug)]
pub struct SyncService {
    pool: PgPool,
    connections: Connections,
    receiver: Receiver,
    options: SyncOptions,
}

impl SyncService {
    /// A service over the pool.
    pub fn new(pool: PgPool, vault: Vault, options: SyncOptions) -> Self {
        let inbox = Inbox::new(pool.clone());
        let receiver = Receiver::new(pool.clone(), vault.clone(), inbox, options.receiver);
        Self {
            connections: Connections::new(pool.clone(), vault),
            pool,
            receiver,
            options,
        }
    }

    /// `POST /webhooks/close/{connectionId}`.
    pub fn router(&self) -> axum::Router {
        router(self.receiver.clone())
    }

    /// Credentials and settings.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Works until `stop` is cancelled; what was begun is finished first.
    pub async fn run(&self, stop: CancellationToken) {
        let wake = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(
            self.pool.clone(),
            wake.clone(),
            self.options.poll,
            stop.clone(),
        ));
        for _ in 0..self.options.workers.max(1) {
            let (service, wake, stop) = (self.clone(), wake.clone(), stop.clone());
            tasks.spawn(async move { service.work(&wake, &stop).await });
        }
        let (service, rereads) = (self.clone(), stop.clone());
        tasks.spawn(async move { service.reread(&rereads).await });
        upkeep::spawn(self, &mut tasks, &stop);
        tasks.spawn(self.clone().run_tasks(stop));
        while tasks.join_next().await.is_some() {}
    }

    async fn work(&self, wake: &Notify, stop: &CancellationToken) {
        let options = WorkOptions {
            batch: i64::from(self.options.batch),
            ..WorkOptions::default()
        };
        while !stop.is_cancelled() {
            let woken = wake.notified();
            // Whatever keeps deliveries from being taken does not keep events waiting, nor the other way round.
            let taken = take(&self.pool, &options).await;
            let claimed = work_off(&self.pool, &options).await;
            let mut found = false;
            for done in [taken, claimed] {
                match done {
                    Ok(count) => found |= count > 0,
                    Err(error) => {
                        tracing::error!(error = error.logged(), "the inbox can't be worked off");
                    }
                }
            }
            if found {
                continue;
            }
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(self.options.poll) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Reads again what waits for it.
    async fn reread(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match reread_all(&self.pool, &self.connections).await {
                Ok(count) if count > 0 => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = error.logged(), "objects can't be read again");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(self.options.poll) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// Wakes workers when a delivery is stored, by this process or another.
async fn listen(pool: PgPool, wake: Arc<Notify>, pause: Duration, stop: CancellationToken) {
    let listening = async || {
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        loop {
            listener.recv().await?;
            wake.notify_waiters();
        }
    };
    loop {
        let ended: Option<Result<(), sqlx::Error>> = stop.run_until_cancelled(listening()).await;
        let Some(ended) = ended else { return };
        if let Err(error) = ended {
            tracing::warn!(%error, "no wake-up calls from Postgres: the inbox is polled until there are");
        }
        if stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return;
        }
    }
}

/// Repeats a task until told to stop; a failure is logged and the task is tried again.
async fn every<F, Fut>(pause: Duration, stop: &CancellationToken, task: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), SyncError>>,
{
    while !stop.is_cancelled() {
        if let Err(error) = task().await {
            tracing::warn!(
                error = error.logged(),
                "a sync task failed; it will be tried again"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}
