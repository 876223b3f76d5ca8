//! pgbench, which comes with the client programs of Postgres.

use anyhow::{Context, ensure};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::NamedTempFile;

/// A script of one transaction.
pub(crate) fn script(text: &str) -> anyhow::Result<NamedTempFile> {
    let script = NamedTempFile::new()?;
    std::fs::write(script.path(), text)?;
    Ok(script)
}

/// How often a second so many clients do what a script says, as prepared statements.
pub(crate) fn rate(
    url: &str,
    script: &Path,
    clients: usize,
    span: Duration,
) -> anyhow::Result<f64> {
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared"])
        .arg(format!("--client={clients}"))
        .arg(format!("--jobs={}", clients.min(2)))
        .arg(format!("--time={}", span.as_secs()))
        .arg("--file")
        .arg(script)
        .arg(url)
        .output()
        .context("pgbench can't be run; it comes with the Postgres client programs")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "pgbench: {error}");
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
    let rate = rate.with_context(|| format!("pgbench said {said}"))?;
    Ok(rate.parse()?)
}
