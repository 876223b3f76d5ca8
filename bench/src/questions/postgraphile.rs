//! PostGraphile over the same tables, in a Node.js of its own; `bench/postgraphile` pins both.

use anyhow::{Context, bail, ensure};
use closegraph_tests::free_port;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// What is pinned, and how it is configured.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/postgraphile");
/// Where it is installed.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/postgraphile");
const FILES: [&str; 3] = ["package.json", "package-lock.json", "graphile.config.mjs"];

/// A running server; dropping it kills it.
pub(super) struct PostGraphile {
    _child: Child,
    pub(super) url: String,
    pub(super) version: String,
}

impl PostGraphile {
    /// Installs it where it is not installed yet, and waits until it answers.
    pub(super) async fn start(database: &str) -> anyhow::Result<Self> {
        let folder = install().await?;
        let port = free_port()?;
        let child = Command::new(folder.join("node_modules/.bin/node"))
            .arg(folder.join("node_modules/.bin/postgraphile"))
            .args(["--config", "graphile.config.mjs"])
            .current_dir(&folder)
            .env("PEER_POSTGRES_URL", database)
            .env("PEER_PORT", port.to_string())
            .env("GRAPHILE_ENV", "production")
            .env("NODE_ENV", "production")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("its Node.js can't be started")?;
        let url = format!("http://127.0.0.1:{port}/graphql");
        wait(&url).await?;
        let package =
            std::fs::read_to_string(folder.join("node_modules/postgraphile/package.json"))?;
        let package: serde_json::Value = serde_json::from_str(&package)?;
        let version = package
            .get("version")
            .and_then(|version| version.as_str())
            .unwrap_or("?");
        Ok(Self {
            _child: child,
            url,
            version: version.to_owned(),
        })
    }
}

async fn wait(url: &str) -> anyhow::Result<()> {
    let start = Instant::now();
    let http = reqwest::Client::new();
    while start.elapsed() < Duration::from_secs(60) {
        let asked = http.post(url).header("content-type", "application/json");
        let answer = asked.body(r#"{"query":"{ __typename }"}"#).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("PostGraphile does not answer")
}

/// The folder in which the present lock file is installed.
async fn install() -> anyhow::Result<PathBuf> {
    let folder = Path::new(INSTALLED).to_owned();
    std::fs::create_dir_all(&folder)?;
    for file in FILES {
        std::fs::copy(Path::new(SOURCE).join(file), folder.join(file))?;
    }
    let lock = std::fs::read(Path::new(SOURCE).join("package-lock.json"))?;
    // Written last, so that a broken installation is made again.
    let installed = folder.join("installed.json");
    if std::fs::read(&installed).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .await
        .context("npm can't be run")?;
    ensure!(
        npm.status.success(),
        "npm ci: {}",
        String::from_utf8_lossy(&npm.stderr)
    );
    std::fs::write(installed, lock)?;
    Ok(folder)
}
