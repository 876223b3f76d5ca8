//! `closegraph sync backfill`.

use crate::cli::BackfillArgs;
use crate::config::Config;
use crate::database::Database;
use crate::{shutdown, vault};
use anyhow::Context;
use closegraph_sync::connect::Connections;
use closegraph_sync::reconcile::{BackfillOptions, Progress, RunReport, backfill};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(super) async fn run(config: &Config, args: &BackfillArgs) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let database = Database::open(config).await?;
    database.migrate().await?;
    let done = read_all(config, args, &database, &stop).await;
    database.close().await;
    show_report(&done?, args.output.json)
}

/// Prints what a run did.
pub(super) fn show_report(report: &RunReport, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let shown = json!({
            "created": report.created, "updated": report.updated, "deleted": report.deleted,
            "unchanged": report.unchanged, "stale": report.stale, "requests": report.requests,
        });
        return super::print(&shown.to_string());
    }
    super::print(&format!(
        "Complete: {} created, {} updated, {} unchanged, with {} requests",
        report.created, report.updated, report.unchanged, report.requests
    ))
}

async fn read_all(
    config: &Config,
    args: &BackfillArgs,
    database: &Database,
    stop: &CancellationToken,
) -> anyhow::Result<RunReport> {
    let connections = Connections::new(database.pool.clone(), vault::open(config)?);
    let id = choose(&connections, args.connection).await?;
    let options = BackfillOptions {
        strategy: config.sync.backfill.into(),
        restart: args.restart,
    };
    let (progress, watched) = watch::channel(Progress::default());
    let bar = tokio::spawn(show(watched));
    let report = backfill(&database.pool, &connections, id, &options, &progress, stop).await;
    drop(progress);
    bar.await?;
    report.context("the backfill stopped; run it again to resume")
}

/// The connection that was named, or the only one there is.
pub(super) async fn choose(connections: &Connections, named: Option<Uuid>) -> anyhow::Result<Uuid> {
    if let Some(id) = named {
        return Ok(id);
    }
    match connections.active().await?.as_slice() {
        [only] => Ok(*only),
        [] => anyhow::bail!(
            "there is no connection yet: closegraph connect close --api-key-env CLOSE_API_KEY"
        ),
        _ => anyhow::bail!(
            "there are several connections: name one with --connection (closegraph connections lists them)"
        ),
    }
}

/// A progress bar on a terminal; nothing elsewhere.
pub(super) async fn show(mut watched: watch::Receiver<Progress>) {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {pos} records, {per_sec}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    while watched.changed().await.is_ok() {
        bar.set_position(watched.borrow_and_update().done);
    }
    bar.finish_and_clear();
}
