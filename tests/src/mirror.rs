//! A mirror in the test's own process: database, simulated Close, and a sync service that can be stopped and started.

use crate::{Close, Database, SETTLED};
use anyhow::ensure;
use close_sim::SimulatorConfig;
use closegraph_sync::connect::Vault;
use closegraph_sync::reconcile::{CatchUp, Drift, VerifyOptions, catch_up, verify};
use closegraph_sync::{SyncError, SyncOptions, SyncService};
use secrecy::SecretString;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What keeps secrets in tests.
pub fn vault() -> anyhow::Result<Vault> {
    Ok(Vault::from_hex(&SecretString::from("11".repeat(32)))?)
}

/// A mirror whose service runs.
#[derive(Debug)]
pub struct Mirror {
    pub database: Database,
    pub close: Close,
    address: SocketAddr,
    options: SyncOptions,
    running: Option<(CancellationToken, JoinSet<()>)>,
}

impl Mirror {
    /// Connects an organization, with its webhook to us, and waits for the first full load.
    pub async fn start(config: SimulatorConfig, options: SyncOptions) -> anyhow::Result<Self> {
        let database = Database::start(&[]).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let close =
            Close::connect_at(&database, config, Some(format!("http://{address}/"))).await?;
        let mut mirror = Self {
            database,
            close,
            address,
            options,
            running: None,
        };
        mirror.serve(listener)?;
        mirror
            .wait("select exists (select from sync_run where kind = 'backfill' and status = 'succeeded')")
            .await?;
        Ok(mirror)
    }

    /// Starts the service again after a stop.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        self.serve(socket.listen(1024)?)
    }

    fn serve(&mut self, listener: TcpListener) -> anyhow::Result<()> {
        let service = SyncService::new(self.database.pool.clone(), vault()?, self.options);
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let (router, stopped) = (service.router(), stop.clone().cancelled_owned());
        tasks.spawn(async move {
            drop(
                axum::serve(listener, router)
                    .with_graceful_shutdown(stopped)
                    .await,
            );
        });
        let stopped = stop.clone();
        tasks.spawn(async move { service.run(stopped).await });
        self.running = Some((stop, tasks));
        Ok(())
    }

    /// Stops the service: deliveries are refused from here on.
    pub async fn stop(&mut self) {
        if let Some((stop, mut tasks)) = self.running.take() {
            stop.cancel();
            while tasks.join_next().await.is_some() {}
        }
    }

    /// Waits until a question to the database is answered with true.
    pub async fn wait(&self, question: &'static str) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            if sqlx::query_scalar(question)
                .fetch_one(&self.database.pool)
                .await?
            {
                return Ok(());
            }
            ensure!(
                start.elapsed() < Duration::from_secs(60),
                "never true: {question}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the traffic and waits until all that was delivered or read is worked off.
    pub async fn settle(&self) -> anyhow::Result<()> {
        self.close.simulator.set_traffic(0.0);
        self.close.idle().await?;
        self.wait(SETTLED).await
    }

    /// Reads the event log now, after the service if that is at it.
    pub async fn read_log(&self) -> anyhow::Result<CatchUp> {
        let (pool, stop) = (&self.database.pool, CancellationToken::new());
        let (connections, id) = (&self.close.connections, self.close.connection);
        loop {
            match catch_up(pool, connections, id, &stop).await {
                Err(SyncError::AlreadyRunning { .. }) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                report => return Ok(report?),
            }
        }
    }

    /// Compares with Close, after a comparison that is at its end still.
    pub async fn verify(&self, repair: bool) -> anyhow::Result<Vec<Drift>> {
        self.verify_within(Duration::ZERO, repair).await
    }

    /// Compares with Close, and gives what differs the time to go by itself.
    pub async fn verify_within(
        &self,
        patience: Duration,
        repair: bool,
    ) -> anyhow::Result<Vec<Drift>> {
        let (pool, stop) = (&self.database.pool, CancellationToken::new());
        let (connections, id) = (&self.close.connections, self.close.connection);
        let options = VerifyOptions { repair, patience };
        loop {
            match verify(pool, connections, id, &options, &stop).await {
                Err(SyncError::AlreadyRunning { .. }) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                drifts => return Ok(drifts?),
            }
        }
    }

    /// Fails where anything differs from Close.
    pub async fn ensure_true(&self) -> anyhow::Result<()> {
        for drift in self.verify(false).await? {
            ensure!(drift.found() == 0, "{drift:?}");
        }
        Ok(())
    }

    /// One number from the database.
    pub async fn count(&self, question: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(question)
            .fetch_one(&self.database.pool)
            .await?)
    }

    /// The subscriptions that Close has.
    pub async fn subscriptions(&self) -> anyhow::Result<Vec<Value>> {
        let hooks: Value = serde_json::from_str(&self.close.control("webhooks").await?)?;
        let list = hooks.get("data").and_then(Value::as_array).cloned();
        Ok(list.unwrap_or_default())
    }
}
