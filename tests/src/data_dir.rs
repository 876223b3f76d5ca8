//! A temporary data directory of the embedded Postgres, and the server that runs on it.

use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A server, as its pid file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Postmaster {
    pub pid: i32,
    pub port: u16,
    /// Whether it accepts connections.
    pub ready: bool,
}

impl Postmaster {
    /// Whether the process lives. A zombie, whose parent has not asked after it yet, does not.
    pub fn is_alive(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid));
        let zombie = stat.is_ok_and(|stat| stat.contains(") Z "));
        kill(Pid::from_raw(self.pid), None).is_ok() && !zombie
    }

    /// Sends a signal to it.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill(Pid::from_raw(self.pid), signal).with_context(|| format!("{signal} to {}", self.pid))
    }

    /// Waits until the process is gone, for at most 30 seconds.
    pub fn wait_until_gone(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        while self.is_alive() {
            ensure!(
                start.elapsed() < Duration::from_secs(30),
                "Postgres {} still runs",
                self.pid
            );
            pause();
        }
        Ok(())
    }
}

/// A data directory. When it is dropped, a server that still runs on it is stopped, and the directory removed. A secret that
/// stands in what was written there fails the test.
#[derive(Debug)]
pub struct DataDir {
    folder: TempDir,
}

impl DataDir {
    /// An empty one.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("closegraph-").tempdir()?;
        Ok(Self { folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the cluster.
    pub fn cluster(&self) -> PathBuf {
        self.path().join("postgres")
    }

    /// The server that runs on it.
    pub fn postmaster(&self) -> Option<Postmaster> {
        let text = fs::read_to_string(self.cluster().join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let found = Postmaster {
            pid: lines.first()?.parse().ok()?,
            port: lines.get(3)?.parse().ok()?,
            ready: lines.get(7).is_some_and(|state| *state == "ready"),
        };
        found.is_alive().then_some(found)
    }

    /// A connection to the database of the running server; waits until there is one, for at most 30 seconds.
    pub async fn connect(&self) -> anyhow::Result<PgPool> {
        let start = Instant::now();
        loop {
            match self.try_connect().await {
                Ok(pool) => return Ok(pool),
                Err(error) if start.elapsed() > Duration::from_secs(30) => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn try_connect(&self) -> anyhow::Result<PgPool> {
        let server = self.postmaster().filter(|server| server.ready);
        let server = server.context("no Postgres runs")?;
        let password = fs::read_to_string(self.path().join("postgres.password"))?;
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(server.port)
            .username("closegraph")
            .password(password.trim())
            .database("closegraph");
        let pool = PgPoolOptions::new().max_connections(2);
        Ok(pool.connect_with(options).await?)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Some(server) = self.postmaster() {
            drop(server.signal(Signal::SIGQUIT));
            drop(server.wait_until_gone());
        }
        if !std::thread::panicking() {
            let found = crate::secrets::found(self.path());
            assert!(found.is_empty(), "written down: {found:#?}");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "waits for another process, in tests and when they end"
)]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}
