//! `closegraph serve`.

use super::Usage;
use crate::cli::{ServeArgs, ServeRole};
use crate::config::{Config, web_address};
use crate::database::Database;
use crate::process::{Process, serve_until};
use crate::{categories, documents, shutdown, telemetry, vault};
use anyhow::Context;
use closegraph_sync::connect::{ConnectRequest, Connections, connect_api_key};
use secrecy::SecretString;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The key by which an organization is connected when the server starts.
const API_KEY: &str = "CLOSE_API_KEY";
/// Another root of Close's API.
const BASE_URL: &str = "CLOSE_BASE_URL";
/// Pause after the first try that Close did not answer; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

pub(super) async fn run(config: &Config, args: &ServeArgs) -> anyhow::Result<()> {
    let request = match args.role {
        ServeRole::Api => None,
        ServeRole::All | ServeRole::Sync => request(config)?,
    };
    let rules = config
        .sync
        .categories_file
        .as_deref()
        .map(categories::read)
        .transpose()?;
    let documents = documents::of(config)?;
    let stop = shutdown::on_signal()?;
    let metrics = telemetry::start_metrics()?;
    let listener = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("http.listen: {} can't be listened on", config.http.listen))?;
    let database = Database::serve(config).await?;
    database.migrate().await?;
    let process = Process::new(
        config,
        &database,
        vault::open(config)?,
        args.role,
        metrics,
        documents,
    )?;
    tracing::info!(address = %listener.local_addr()?, role = ?args.role, "serving");
    let ready = CancellationToken::new();
    let connections = process.sync.connections().clone();
    let connecting = keep_connecting(connections, request, ready.clone(), stop.clone());
    let connecting = tokio::spawn(connecting);
    if args.role != ServeRole::Api {
        let connections = process.sync.connections().clone();
        tokio::spawn(categories::keep(connections, rules, stop.clone()));
    }
    let served = serve_until(process, listener, ready, stop).await;
    let connected = connecting.await;
    database.close().await;
    served.and(connected?)
}

/// The organization that the environment wants connected.
fn request(config: &Config) -> Result<Option<ConnectRequest>, Usage> {
    let set = |name| {
        std::env::var(name)
            .ok()
            .filter(|text| !text.trim().is_empty())
    };
    let Some(key) = set(API_KEY) else {
        return Ok(None);
    };
    let base_url = set(BASE_URL).unwrap_or_else(|| "https://api.close.com/api/v1/".to_owned());
    let base_url = web_address(base_url.trim()).ok_or_else(|| {
        let allowed = "an http or https address such as https://api.close.com/api/v1/";
        Usage(format!("{BASE_URL} is {base_url:?}, allowed: {allowed}"))
    })?;
    Ok(Some(ConnectRequest {
        api_key: SecretString::from(key.trim().to_owned()),
        base_url: base_url.to_string(),
        public_url: config.http.public_url.as_ref().map(ToString::to_string),
        time_zone: None,
        fiscal_year_start: None,
    }))
}

/// Connects while the server serves, again and again while Close can't be reached; what it refuses ends the server.
/// Sync starts when the first try is over, so that a new organization's settings are read before its records.
async fn keep_connecting(
    connections: Connections,
    request: Option<ConnectRequest>,
    ready: CancellationToken,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let _ready = ready.drop_guard_ref();
    let Some(request) = request else {
        return Ok(());
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let connecting = connect_api_key(&connections, &request);
        match stop.run_until_cancelled(connecting).await {
            None => return Ok(()),
            Some(Ok(connected)) => {
                tracing::info!(connection = %connected.id, "connected");
                for right in &connected.scopes {
                    if let Some(missing) = right.lack() {
                        tracing::warn!(connection = %connected.id, right = right.name, missing, "the credential does not see everything");
                    }
                }
                return Ok(());
            }
            Some(Err(error)) if error.may_pass() => {
                tracing::warn!(
                    error = error.logged(),
                    retry_s = pause.as_secs(),
                    "the organization of {API_KEY} can't be connected now; it will be tried again"
                );
            }
            Some(Err(error)) => {
                stop.cancel();
                let context = format!("the organization of {API_KEY} can't be connected");
                return Err(anyhow::Error::new(error).context(context));
            }
        }
        ready.cancel();
        let waited = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        if waited.is_none() {
            return Ok(());
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
