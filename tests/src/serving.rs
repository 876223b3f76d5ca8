//! `closegraph serve` as a process that a test stops, kills and starts again.

use crate::data_dir::{DataDir, pause};
use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::RngExt;
use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A loopback port that is free. It lies below the ports that the system hands out, so that no other process is given
/// it while a server is being started again.
pub fn free_port() -> anyhow::Result<u16> {
    for _ in 0..100 {
        let port = rand::rng().random_range(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no port is free")
}

/// A running `closegraph serve`. Dropping it kills it; a Postgres of its own is then left to the [`DataDir`].
#[derive(Debug)]
pub struct Serving {
    child: Child,
    /// Where it serves HTTP.
    pub address: String,
}

impl Serving {
    /// Starts the program with an embedded Postgres in the data directory; what it logs goes to `serve.log` there.
    pub fn start(
        data_dir: &DataDir,
        port: u16,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(crate::program()?);
        command
            .env("CLOSEGRAPH_POSTGRES_DATA_DIR", data_dir.path())
            .env("CLOSEGRAPH_HTTP_LISTEN", format!("127.0.0.1:{port}"));
        Self::spawn(command, data_dir, port, variables)
    }

    /// Starts `serve` by a command that is complete but for `serve` itself and the further variables.
    pub fn spawn(
        command: Command,
        data_dir: &DataDir,
        port: u16,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::spawn_role(command, data_dir, port, variables, "all")
    }

    /// The same in one of the roles that a process can have.
    pub fn spawn_role(
        mut command: Command,
        data_dir: &DataDir,
        port: u16,
        variables: &[(&str, &str)],
        role: &str,
    ) -> anyhow::Result<Self> {
        let log = data_dir.path().join("serve.log");
        let log = File::options().create(true).append(true).open(log)?;
        let own = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect::<Vec<_>>();
        let child = command
            .args(["serve", "--role", role])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(own)
            .envs(variables.iter().copied())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self {
            child,
            address: format!("http://127.0.0.1:{port}"),
        })
    }

    /// Waits until it is ready, for at most 60 seconds; an end before that is an error.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        let url = format!("{}/readyz", self.address);
        loop {
            let answer = reqwest::get(&url).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("closegraph serve ended with {status}");
            }
            ensure!(start.elapsed() < Duration::from_secs(60), "{url} not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as a crash would: nothing in it is told.
    pub fn kill(mut self) -> anyhow::Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(
            ended.is_none(),
            "closegraph serve had ended by itself: {ended:?}"
        );
        self.child.kill()?;
        self.child.wait().context("it can't be waited for")?;
        Ok(())
    }

    /// Sends a signal and waits for the end, for at most 30 seconds.
    pub fn stop(mut self, signal: Signal) -> anyhow::Result<ExitStatus> {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal)?;
        self.wait()
    }

    /// Waits for the end, for at most 30 seconds.
    pub fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                start.elapsed() < Duration::from_secs(30),
                "closegraph serve does not end"
            );
            pause();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
