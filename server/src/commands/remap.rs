//! `closegraph sync remap`.

use super::backfill::{choose, show, stopped};
use super::verify::Session;
use crate::cli::ConnectionArgs;
use crate::config::Config;
use closegraph_sync::reconcile::{self, Progress, RemapReport};
use serde_json::json;
use tokio::sync::watch;

pub(super) async fn run(config: &Config, args: &ConnectionArgs) -> anyhow::Result<()> {
    let session = Session::open(config).await?;
    let done = remap(&session, args).await;
    session.database.close().await;
    let report = done?;
    if args.output.json {
        let shown = json!({
            "seen": report.seen, "created": report.created, "updated": report.updated,
            "deleted": report.deleted, "unmappable": report.unmappable,
        });
        return super::print(&shown.to_string());
    }
    super::print(&format!(
        "Complete: {} mapped again, {} updated, {} created, {} deleted",
        super::count(report.seen, "object"),
        super::count(report.updated, "row"),
        report.created,
        report.deleted
    ))?;
    match report.unmappable {
        0 => Ok(()),
        count => super::tell(&format!(
            "{} can't become rows now; what is there of them stays as it was, and the log says why",
            super::count(count, "object")
        )),
    }
}

async fn remap(session: &Session, args: &ConnectionArgs) -> anyhow::Result<RemapReport> {
    let id = choose(&session.connections, args.connection).await?;
    let (progress, watched) = watch::channel(Progress::default());
    let bar = tokio::spawn(show(watched));
    let (pool, stop) = (&session.database.pool, &session.stop);
    let report = reconcile::remap(pool, &session.connections, id, &progress, stop).await;
    drop(progress);
    bar.await?;
    report.map_err(|error| stopped("mapping again", error))
}
