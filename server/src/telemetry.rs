//! Logs to standard error, and the recorder of metrics.

use crate::config::{Log, LogFormat};
use crate::requests;
use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use sqlx::PgPool;
use std::io::IsTerminal;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Upper bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0,
];
/// Gauges are set anew every 15 seconds. One that was left out three times is about something that is gone.
const GAUGE_LIFE: Duration = Duration::from_secs(45);

/// Whatever the filter says: below this level the crate logs the codes for which tokens are given.
const UNTOLD: &str = "rmcp::transport::auth=info";

const BUILD: &str = "closegraph_build_info";
const SESSIONS: &str = "closegraph_database_sessions";

/// Starts logging. Colours are for terminals, and for those who did not set `NO_COLOR`.
pub(crate) fn start_logging(log: &Log) -> anyhow::Result<()> {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let filter = EnvFilter::try_new(&log.filter).context("log.filter")?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter.add_directive(UNTOLD.parse()?))
        .with_ansi(std::io::stderr().is_terminal() && !no_color)
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("logging can't be started: {error}"))
}

/// Installs the recorder and describes what it will hold.
pub(crate) fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_LIFE))
        .install_recorder()
        .context("the recorder of metrics can't be installed")?;
    metrics::describe_gauge!(BUILD, "1, with the version of this process as a label.");
    metrics::describe_gauge!(SESSIONS, "Database sessions of this process, by state.");
    requests::describe_metrics();
    closegraph_api::describe_metrics();
    closegraph_sync::describe_metrics();
    Ok(handle)
}

/// Renders `/metrics`.
pub(crate) fn renderer(handle: PrometheusHandle, pool: PgPool) -> impl Fn() -> String {
    move || {
        metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let (all, idle) = (f64::from(pool.size()), pool.num_idle() as f64);
        metrics::gauge!(SESSIONS, "state" => "idle").set(idle);
        metrics::gauge!(SESSIONS, "state" => "used").set((all - idle).max(0.0));
        handle.run_upkeep();
        handle.render()
    }
}
