//! A first full load beside a plain COPY of the rows that it wrote.

use anyhow::Context;
use close_sim::{InvoiceLayout, SimulatorConfig};
use closegraph_sync::reconcile::{BackfillOptions, Progress, Strategy, backfill, build_indexes};
use closegraph_tests::{Close, Database};
use futures::TryStreamExt;
use sqlx::AssertSqlSafe;
use std::time::Instant;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The tables that a backfill fills; its audit trail and change feed come on top.
const MIRRORED: [&str; 4] = ["company", "person", "opportunity", "transaction"];

/// Backfills so many leads with two contacts and one deal each, copies the rows, and says how both went.
pub(crate) async fn measure(leads: u32) -> anyhow::Result<String> {
    let database = Database::start(&[]).await?;
    let config = SimulatorConfig {
        leads,
        invoices: InvoiceLayout::None,
        contacts_per_lead: Some(2),
        opportunities_per_lead: Some(1),
        traffic_per_second: 0.0,
        ..SimulatorConfig::default()
    };
    let close = Close::connect(&database, config).await?;
    let options = BackfillOptions {
        strategy: Strategy::Auto,
        restart: false,
    };
    let (progress, _) = watch::channel(Progress::default());
    let stop = CancellationToken::new();
    let (connections, id) = (&close.connections, close.connection);
    let pool = database.pool_of_server().await?;
    let start = Instant::now();
    let report = backfill(&pool, connections, id, &options, &progress, &stop).await?;
    let took = start.elapsed().as_secs_f64();
    build_indexes(&pool, &stop).await?;
    let (rows, copied) = copy(&database).await?;
    close.ensure_mirrored(&database).await?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rows_f = rows as f64;
    Ok(format!(
        "backfill     {rows} rows in {took:.2} s: {:.0} rows/s with {} requests; COPY of the same rows {:.0} rows/s: ratio {:.2}",
        rows_f / took,
        report.requests,
        rows_f / copied,
        copied / took,
    ))
}

/// Copies the mirrored rows into tables with the same columns and indexes; how many, and in how many seconds.
async fn copy(database: &Database) -> anyhow::Result<(u64, f64)> {
    let mut connection = database.pool.acquire().await?;
    let (mut rows, mut seconds) = (0, 0.0);
    for table in MIRRORED {
        let out = format!("copy {table} to stdout (format binary)");
        let chunks: Vec<_> = connection.copy_out_raw(&out).await?.try_collect().await?;
        let like = format!("create table {table}_copied (like {table} including all)");
        sqlx::query(AssertSqlSafe(like))
            .execute(&mut *connection)
            .await?;
        let into = format!("copy {table}_copied from stdin (format binary)");
        let start = Instant::now();
        let mut copying = connection.copy_in_raw(&into).await?;
        for chunk in chunks {
            copying.send(chunk).await?;
        }
        rows += copying.finish().await.context("COPY")?;
        seconds += start.elapsed().as_secs_f64();
    }
    Ok((rows, seconds))
}
