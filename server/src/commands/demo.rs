//! `closegraph demo`: the whole flow in one process, with a simulated Close.

use super::backfill::show;
use crate::cli::{DemoArgs, ServeRole};
use crate::config::Config;
use crate::database::Database;
use crate::process::{Process, serve_until};
use crate::{shutdown, telemetry, vault};
use anyhow::Context;
use close_sim::{Simulator, SimulatorConfig};
use closegraph_api::token::{NewToken, issue};
use closegraph_entity::api_token::Role;
use closegraph_sync::connect::{ConnectRequest, Connected, connect_api_key};
use closegraph_sync::reconcile::{
    BackfillOptions, Progress, RunReport, Strategy, backfill, build_indexes,
};
use secrecy::SecretString;
use serde_json::json;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Actions a second of the people in the simulated organization.
const TRAFFIC: f64 = 1.0;

pub(super) async fn run(config: &Config, args: DemoArgs) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let port = args.port.unwrap_or(0);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| format!("--port {port} can't be listened on"))?;
    let folder = Folder::of(args.data_dir.clone())?;
    let mut config = config.clone();
    config.database.url = None;
    config.postgres.data_dir = Some(folder.path.clone());
    let database = Database::serve(&config).await?;
    let shown = work(&config, &args, listener, &database, &stop).await;
    database.close().await;
    drop(folder);
    shown
}

async fn work(
    config: &Config,
    args: &DemoArgs,
    listener: TcpListener,
    database: &Database,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    database.migrate().await?;
    let address = format!("http://{}", listener.local_addr()?);
    let simulator = simulate(args, stop).await?;
    let process = Process::new(
        config,
        database,
        vault::open(config)?,
        ServeRole::All,
        telemetry::start_metrics()?,
        crate::documents::of(config)?,
    )?;
    let connections = process.sync.connections().clone();
    let ready = CancellationToken::new();
    let server = tokio::spawn(serve_until(process, listener, ready.clone(), stop.clone()));
    let loaded = async {
        let request = ConnectRequest {
            api_key: SecretString::from(simulator.api_key().to_owned()),
            base_url: simulator.base_url().to_string(),
            public_url: Some(address.clone()),
            time_zone: None,
            fiscal_year_start: None,
        };
        let connected = connect_api_key(&connections, &request).await?;
        let start = Instant::now();
        let report = load(database, &connections, &connected, args.json, stop).await?;
        let token = NewToken {
            name: "demo".to_owned(),
            role: Role::Admin,
            connections: None,
            cost_budget: None,
            expires_at: None,
        };
        let token = issue(&database.orm(), token).await?;
        ready.cancel();
        if !args.no_traffic {
            simulator.set_traffic(TRAFFIC);
        }
        announce(
            args,
            &address,
            &simulator,
            &connected,
            &token.secret,
            report,
            start,
        )
    };
    let loaded: anyhow::Result<()> = loaded.await;
    if loaded.is_err() {
        stop.cancel();
    }
    server.await??;
    simulator.stopped().await;
    loaded
}

async fn simulate(args: &DemoArgs, stop: &CancellationToken) -> anyhow::Result<Simulator> {
    let settings = SimulatorConfig {
        seed: args.seed,
        leads: args.leads,
        traffic_per_second: 0.0,
        ..SimulatorConfig::default()
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Simulator::start(settings, listener, stop.clone())
        .await
        .context("the simulated Close can't start")
}

/// The first full load, with a progress bar.
async fn load(
    database: &Database,
    connections: &closegraph_sync::connect::Connections,
    connected: &Connected,
    quiet: bool,
    stop: &CancellationToken,
) -> anyhow::Result<RunReport> {
    let (progress, watched) = watch::channel(Progress::default());
    let bar = (!quiet).then(|| tokio::spawn(show(watched)));
    let options = BackfillOptions {
        strategy: Strategy::Auto,
        restart: false,
    };
    let report = backfill(
        &database.pool,
        connections,
        connected.id,
        &options,
        &progress,
        stop,
    )
    .await;
    drop(progress);
    if let Some(bar) = bar {
        bar.await?;
    }
    let report = report.context("the backfill stopped")?;
    build_indexes(&database.pool, stop).await?;
    Ok(report)
}

fn announce(
    args: &DemoArgs,
    address: &str,
    simulator: &Simulator,
    connected: &Connected,
    token: &str,
    report: RunReport,
    start: Instant,
) -> anyhow::Result<()> {
    let graphiql = format!("{address}/graphiql/#token={token}");
    let webhook = connected.webhook_url.clone().unwrap_or_default();
    if args.json {
        let line = json!({
            "graphql": format!("{address}/graphql"),
            "graphiql": graphiql,
            "token": token,
            "webhook": webhook,
            "close": simulator.base_url(),
            "control": simulator.control_url(),
            "connection": connected.id,
        });
        return super::print(&line.to_string());
    }
    let name = connected
        .organization_name
        .as_deref()
        .unwrap_or("the organization");
    let seconds = start.elapsed().as_secs_f64();
    let traffic = if args.no_traffic {
        "Nobody works there."
    } else {
        "People work there: watch it change."
    };
    super::print(&format!(
        "\n  {name} is mirrored: {records} records in {seconds:.1} s, with {requests} requests. {traffic}\n\n\
         \x20 GraphiQL   {graphiql}\n\
         \x20 GraphQL    {address}/graphql\n\
         \x20 Token      {token}\n\
         \x20 Webhooks   {webhook}\n\
         \x20 Close      {close}  (simulated; key {key})\n\n\
         \x20 Open GraphiQL and press play: won revenue this quarter. Ctrl-C stops it all.\n",
        records = report.created + report.updated + report.unchanged,
        requests = report.requests,
        close = simulator.base_url(),
        key = simulator.api_key(),
    ))
}

/// The folder of the embedded Postgres; a temporary one is removed at the end.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn of(given: Option<PathBuf>) -> anyhow::Result<Self> {
        if let Some(path) = given {
            return Ok(Self {
                path,
                temporary: false,
            });
        }
        let path = std::env::temp_dir().join(format!("closegraph-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("{} can't be made", path.display()))?;
        Ok(Self {
            path,
            temporary: true,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            let removed = std::fs::remove_dir_all(Path::new(&self.path));
            if let Err(error) = removed {
                tracing::warn!(error = %error, path = %self.path.display(), "the demo's folder stays");
            }
        }
    }
}
