//! `closegraph serve`.

use crate::cli::{ServeArgs, ServeRole};
use crate::config::Config;
use crate::database::Database;
use crate::process::{Process, serve_until};
use crate::{shutdown, telemetry, vault};
use anyhow::Context;
use closegraph_sync::connect::{ConnectRequest, connect_api_key};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The key by which an organization is connected when the server starts.
const API_KEY: &str = "CLOSE_API_KEY";

pub(super) async fn run(config: &Config, args: &ServeArgs) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let metrics = telemetry::start_metrics()?;
    let listener = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("http.listen: {} can't be listened on", config.http.listen))?;
    let database = Database::serve(config).await?;
    database.migrate().await?;
    let process = Process::new(config, &database, vault::open(config)?, args.role, metrics);
    if args.role != ServeRole::Api
        && let Ok(key) = std::env::var(API_KEY)
        && !key.trim().is_empty()
    {
        connect(config, &process, key.trim()).await?;
    }
    tracing::info!(address = %listener.local_addr()?, role = ?args.role, "serving");
    let ready = CancellationToken::new();
    ready.cancel();
    let served = serve_until(process, listener, ready, stop).await;
    database.close().await;
    served
}

async fn connect(config: &Config, process: &Process, key: &str) -> anyhow::Result<()> {
    let base_url = std::env::var("CLOSE_BASE_URL");
    let request = ConnectRequest {
        api_key: SecretString::from(key.to_owned()),
        base_url: base_url.unwrap_or_else(|_| "https://api.close.com/api/v1/".to_owned()),
        public_url: config.http.public_url.as_ref().map(ToString::to_string),
        time_zone: None,
        fiscal_year_start: None,
    };
    let connected = connect_api_key(process.sync.connections(), &request)
        .await
        .with_context(|| format!("the organization of {API_KEY} can't be connected"))?;
    tracing::info!(connection = %connected.id, "connected");
    Ok(())
}
