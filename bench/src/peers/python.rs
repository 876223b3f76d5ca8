//! A peer's Python: a virtual environment of its own with the packages that its requirements pin.

use anyhow::{Context, bail, ensure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// The scripts and the requirements.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
/// The virtual environments.
const ENVIRONMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers");
/// Kept of what a program that failed has printed.
const LAST_LINES: usize = 15;

pub(super) struct Python {
    folder: PathBuf,
    version: String,
}

/// How long a script took.
pub(super) struct Timing {
    /// Between its lines `reading` and `loaded`.
    pub(super) load: Duration,
    /// From its start to its end.
    pub(super) total: Duration,
}

impl Python {
    /// The environment of a package. It is made where the present requirements are not installed yet.
    pub(super) async fn prepare(package: &str) -> anyhow::Result<Self> {
        let pinned = Path::new(PEERS).join(format!("requirements-{package}.txt"));
        let requirements = std::fs::read_to_string(&pinned)
            .with_context(|| format!("{} can't be read", pinned.display()))?;
        let folder = Path::new(ENVIRONMENTS).join(package);
        let python = Self {
            version: version(&requirements).context("nothing is pinned")?,
            folder,
        };
        // Written last, so that a broken installation is made again.
        let installed = python.folder.join("installed.txt");
        if std::fs::read_to_string(&installed).ok().as_ref() == Some(&requirements) {
            return Ok(python);
        }
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&python.folder);
        succeed(make, "python3 -m venv").await?;
        let mut install = Command::new(python.program());
        install
            .args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(&pinned);
        succeed(install, "pip install").await?;
        std::fs::write(installed, requirements)?;
        Ok(python)
    }

    /// The interpreter.
    pub(super) fn program(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// Of the package that the environment is for.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Runs a script in an empty directory and times it by the lines that it prints.
    pub(super) async fn run(
        &self,
        script: &str,
        arguments: &[&str],
        environment: Vec<(&str, OsString)>,
    ) -> anyhow::Result<Timing> {
        let directory = TempDir::new()?;
        let log = directory.path().join("stderr.log");
        let start = Instant::now();
        let mut child = Command::new(self.program())
            .arg(Path::new(PEERS).join(script))
            .args(arguments)
            .envs(environment)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log)?)
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let (mut reading, mut loaded) = (None, None);
        while let Some(line) = lines.next_line().await? {
            match line.as_str() {
                "reading" => reading = Some(Instant::now()),
                "loaded" => loaded = Some(Instant::now()),
                _ => {}
            }
        }
        let status = child.wait().await?;
        let total = start.elapsed();
        if !status.success() {
            bail!("{status}\n{}", last_lines(&std::fs::read(&log)?));
        }
        let (reading, loaded) = reading.zip(loaded).context("it did not say when it read")?;
        Ok(Timing {
            load: loaded - reading,
            total,
        })
    }
}

/// What the first line pins; the others are what it depends on.
fn version(requirements: &str) -> Option<String> {
    let (_, version) = requirements.lines().next()?.split_once("==")?;
    Some(version.to_owned())
}

async fn succeed(mut command: Command, name: &str) -> anyhow::Result<()> {
    let output = match command.stdin(Stdio::null()).output().await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("python3 is not installed")
        }
        output => output?,
    };
    let said = [output.stdout, output.stderr].concat();
    ensure!(
        output.status.success(),
        "{name} failed: {}",
        last_lines(&said)
    );
    Ok(())
}

/// The end of what a program printed.
fn last_lines(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said.trim().lines().collect();
    let first = lines.len().saturating_sub(LAST_LINES);
    lines.get(first..).unwrap_or_default().join("\n")
}
