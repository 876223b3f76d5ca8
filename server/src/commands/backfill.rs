//! `closegraph sync backfill`.

use crate::cli::BackfillArgs;
use crate::config::Config;
use crate::database::Database;
use crate::{shutdown, vault};
use chrono::{DateTime, SecondsFormat, Utc};
use closegraph_entity::sync_run;
use closegraph_sync::SyncError;
use closegraph_sync::connect::Connections;
use closegraph_sync::reconcile::{
    BackfillOptions, Progress, RunReport, backfill, build_indexes, is_backfilled,
};
use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
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
    match done? {
        Done::Read(report) => show_report(&report, args.output.json),
        Done::Before(since) => show_complete(since, args.output.json),
    }
}

/// What came of it.
enum Done {
    Read(RunReport),
    /// All had been read before, at the latest at this instant.
    Before(Option<DateTime<Utc>>),
}

fn show_complete(since: Option<DateTime<Utc>>, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let mut shown = describe(&RunReport::default());
        shown
            .as_object_mut()
            .map(|shown| shown.insert("completeSince".to_owned(), json!(since)));
        return super::print(&shown.to_string());
    }
    let since = since.map_or_else(String::new, |at| {
        format!(" since {}", at.to_rfc3339_opts(SecondsFormat::Secs, true))
    });
    super::print(&format!(
        "Already complete{since}; --restart reads all again"
    ))
}

fn describe(report: &RunReport) -> serde_json::Value {
    json!({
        "created": report.created, "updated": report.updated, "deleted": report.deleted,
        "unchanged": report.unchanged, "stale": report.stale, "requests": report.requests,
    })
}

/// Prints what a run did.
pub(super) fn show_report(report: &RunReport, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return super::print(&describe(report).to_string());
    }
    super::print(&format!(
        "Complete: {} created, {} updated, {} unchanged, with {}",
        report.created,
        report.updated,
        report.unchanged,
        super::count(report.requests, "request")
    ))
}

async fn read_all(
    config: &Config,
    args: &BackfillArgs,
    database: &Database,
    stop: &CancellationToken,
) -> anyhow::Result<Done> {
    let connections = Connections::new(database.pool.clone(), vault::open(config)?);
    let id = choose(&connections, args.connection).await?;
    if !args.restart && is_backfilled(&database.pool, id).await? {
        build_indexes(&database.pool, stop).await?;
        return Ok(Done::Before(completed_at(database, id).await?));
    }
    let options = BackfillOptions {
        strategy: config.sync.backfill.into(),
        restart: args.restart,
    };
    let (progress, watched) = watch::channel(Progress::default());
    let bar = tokio::spawn(show(watched));
    let report = backfill(&database.pool, &connections, id, &options, &progress, stop).await;
    drop(progress);
    bar.await?;
    let report = report.map_err(|error| stopped("the backfill", error))?;
    build_indexes(&database.pool, stop).await?;
    Ok(Done::Read(report))
}

/// When the last backfill that read all was done.
async fn completed_at(database: &Database, id: Uuid) -> anyhow::Result<Option<DateTime<Utc>>> {
    let orm = database.orm();
    let run = sync_run::Entity::find()
        .filter(sync_run::Column::ConnectionId.eq(id))
        .filter(sync_run::Column::Kind.eq(sync_run::Kind::Backfill))
        .filter(sync_run::Column::Status.eq(sync_run::Status::Succeeded))
        .order_by_desc(sync_run::Column::FinishedAt)
        .one(&orm);
    Ok(run.await?.and_then(|run| run.finished_at))
}

/// The error of a run, with advice where that helps: the same would come again of most.
pub(super) fn stopped(what: &str, error: SyncError) -> anyhow::Error {
    let context = if error.may_pass() {
        format!("{what} stopped; run it again to resume")
    } else {
        format!("{what} stopped")
    };
    anyhow::Error::new(error).context(context)
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
