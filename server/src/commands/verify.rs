//! `closegraph verify`, `closegraph sync sweep` and `closegraph sync catch-up`.

use super::backfill::{choose, stopped};
use crate::cli::{ConnectionArgs, VerifyArgs};
use crate::config::Config;
use crate::database::Database;
use crate::{shutdown, vault};
use anyhow::{Context, bail};
use closegraph_sync::SyncError;
use closegraph_sync::connect::Connections;
use closegraph_sync::reconcile::{self, Drift, VerifyOptions};
use comfy_table::Table;
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What a command that works on connections needs.
pub(super) struct Session {
    pub(super) database: Database,
    pub(super) connections: Connections,
    pub(super) stop: CancellationToken,
}

impl Session {
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        let stop = shutdown::on_signal()?;
        let database = Database::open(config).await?;
        database.migrate().await?;
        let connections = Connections::new(database.pool.clone(), vault::open(config)?);
        Ok(Self {
            database,
            connections,
            stop,
        })
    }
}

/// Compares, prints, and fails where something differs that was not repaired.
pub(super) async fn verify(config: &Config, args: &VerifyArgs) -> anyhow::Result<()> {
    let session = Session::open(config).await?;
    let compared = compare(&session, args).await;
    session.database.close().await;
    let compared = compared?;
    if args.output.json {
        let shown: Vec<_> = compared
            .iter()
            .map(|(id, drifts)| {
                let drifts: Vec<_> = drifts.iter().map(describe).collect();
                json!({ "connection": id, "drift": drifts })
            })
            .collect();
        super::print(&json!(shown).to_string())?;
    } else {
        super::print(&table(&compared).to_string())?;
    }
    let left: u64 = all(&compared).map(Drift::left).sum();
    let found: u64 = all(&compared).map(Drift::found).sum();
    match (left, found) {
        (0, 0) => Ok(()),
        (0, _) => super::tell(&format!("{} repaired", super::count(found, "difference"))),
        _ if args.repair => bail!(
            "{left} of {} could not be repaired",
            super::count(found, "difference")
        ),
        _ => bail!(
            "{}; closegraph verify --repair puts right what differs",
            super::count(found, "difference")
        ),
    }
}

fn describe(drift: &Drift) -> serde_json::Value {
    json!({
        "recordType": drift.record_type, "compared": drift.compared, "missing": drift.missing, "extra": drift.extra,
        "stale": drift.stale, "repaired": drift.repaired, "examples": drift.examples,
    })
}

type Compared = [(Uuid, Vec<Drift>)];

fn all(compared: &Compared) -> impl Iterator<Item = &Drift> {
    compared.iter().flat_map(|(_, drifts)| drifts)
}

async fn compare(session: &Session, args: &VerifyArgs) -> anyhow::Result<Vec<(Uuid, Vec<Drift>)>> {
    let ids = match args.connection {
        Some(id) => vec![id],
        None => session.connections.active().await?,
    };
    if ids.is_empty() {
        bail!("there is no connection yet: closegraph connect close --api-key-env CLOSE_API_KEY");
    }
    let options = VerifyOptions {
        repair: args.repair,
        patience: Duration::from_secs(args.patience),
    };
    let mut compared = Vec::with_capacity(ids.len());
    for id in ids {
        let Session {
            database,
            connections,
            stop,
        } = session;
        match reconcile::verify(&database.pool, connections, id, &options, stop).await {
            // It keeps the others from being compared no more than it is compared itself.
            Err(error @ SyncError::OnlyMcp(_)) if args.connection.is_none() => {
                super::tell(&format!("Not compared: {error}"))?;
            }
            drifts => {
                let drifts =
                    drifts.with_context(|| format!("the connection {id} can't be compared"))?;
                compared.push((id, drifts));
            }
        }
    }
    if compared.is_empty() {
        bail!("no connection can be compared");
    }
    Ok(compared)
}

fn table(compared: &Compared) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header([
        "CONNECTION",
        "TYPE",
        "COMPARED",
        "MISSING",
        "EXTRA",
        "STALE",
        "REPAIRED",
        "EXAMPLES",
    ]);
    for (id, drifts) in compared {
        for drift in drifts {
            let examples: Vec<String> = drift
                .examples
                .iter()
                .take(3)
                .map(|example| format!("{} ({})", example.close_id, example.kind))
                .collect();
            table.add_row([
                id.to_string(),
                drift.record_type.to_owned(),
                drift.compared.to_string(),
                drift.missing.to_string(),
                drift.extra.to_string(),
                drift.stale.to_string(),
                drift.repaired.to_string(),
                examples.join(", "),
            ]);
        }
    }
    table
}

pub(super) async fn sweep(config: &Config, args: &ConnectionArgs) -> anyhow::Result<()> {
    let session = Session::open(config).await?;
    let swept = async {
        let id = choose(&session.connections, args.connection).await?;
        let (pool, stop) = (&session.database.pool, &session.stop);
        let report = reconcile::sweep(pool, &session.connections, id, stop).await;
        report.map_err(|error| stopped("the sweep", error))
    };
    let swept = swept.await;
    session.database.close().await;
    super::backfill::show_report(&swept?, args.output.json)
}

pub(super) async fn catch_up(config: &Config, args: &ConnectionArgs) -> anyhow::Result<()> {
    let session = Session::open(config).await?;
    let read = async {
        let id = choose(&session.connections, args.connection).await?;
        let (pool, stop) = (&session.database.pool, &session.stop);
        let report = reconcile::catch_up(pool, &session.connections, id, stop).await;
        report.context("the event log can't be read")
    };
    let read = read.await;
    session.database.close().await;
    let report = read?;
    if args.output.json {
        let shown = json!({
            "read": report.read, "new": report.new, "requests": report.requests, "gap": report.gap,
        });
        return super::print(&shown.to_string());
    }
    super::print(&format!(
        "{} read, {} of them new, with {}",
        super::count(report.read, "event"),
        report.new,
        super::count(report.requests, "request")
    ))?;
    if report.gap {
        super::tell(
            "the log was last read so long ago that it may have a gap: run closegraph verify --repair",
        )?;
    }
    Ok(())
}
