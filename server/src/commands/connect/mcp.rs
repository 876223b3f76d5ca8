//! `closegraph connect close --mcp`: a person allows the access in the browser, and the answer comes to this machine or to the
//! running server.

use super::super::Usage;
use super::describe;
use crate::callback;
use crate::cli::McpArgs;
use crate::config::Config;
use crate::vault;
use anyhow::Context;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use closegraph_sync::SyncError;
use closegraph_sync::connect::{Attempt, Connected, Connections, OAuthError, begin, outcome};
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;

/// How often an answer that comes to the server is looked for.
const GLANCE: Duration = Duration::from_millis(500);
/// Time for a page that is on its way to the browser.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) async fn run(config: &Config, args: &McpArgs, as_json: bool) -> anyhow::Result<()> {
    let at_server = match (args.via_server, &config.http.public_url) {
        (false, _) => None,
        (true, Some(url)) => Some(url.join(callback::PATH)?),
        (true, None) => {
            let advice =
                "--via-server needs http.public_url, where the browser and Close reach the server";
            return Err(Usage(advice.to_owned()).into());
        }
    };
    super::super::on_database(config, async |database| {
        database.migrate().await?;
        let connections = Connections::new(database.pool.clone(), vault::open(config)?);
        let wait = Duration::from_secs(args.wait);
        let asked = async {
            match &at_server {
                Some(callback) => by_server(&connections, args, callback, as_json).await,
                None => here(&connections, args, as_json).await,
            }
        };
        let asked = tokio::time::timeout(wait, asked).await;
        let asked = asked.with_context(|| {
            format!(
                "nobody answered in {} seconds: nothing is connected",
                args.wait
            )
        })?;
        asked.context("Close could not be connected")
    })
    .await
}

/// The answer comes to a port of this machine, which is open only so long.
async fn here(connections: &Connections, args: &McpArgs, as_json: bool) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let callback = Url::parse(&format!("http://{}/callback", listener.local_addr()?))?;
    let attempt = begin(connections, &args.mcp_url, &callback).await?;
    let (sender, mut answers) = mpsc::channel(1);
    let waiting = Waiting {
        connections: connections.clone(),
        sender,
    };
    let router = Router::new()
        .route("/callback", get(arrived))
        .with_state(waiting);
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let _stop = stop.clone().drop_guard();
    let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
    let serving = tokio::spawn(async move { serving.await });
    ask(args, &attempt)?;
    let answer = answers.recv().await;
    stop.cancel();
    tokio::time::timeout(FAREWELL, serving).await.ok();
    let connected = answer.context("the answer was lost")??;
    show(&connected, as_json)
}

#[derive(Clone)]
struct Waiting {
    connections: Connections,
    sender: mpsc::Sender<Result<Connected, SyncError>>,
}

/// An answer to another request for access is told so; ours is waited for further.
async fn arrived(State(waiting): State<Waiting>, RawQuery(query): RawQuery) -> Response {
    let (done, page) = callback::answer(&waiting.connections, query.as_deref()).await;
    let other = matches!(
        done,
        Err(SyncError::OAuth(
            OAuthError::Unknown | OAuthError::Used | OAuthError::Incomplete
        ))
    );
    if !other {
        waiting.sender.send(done).await.ok();
    }
    page
}

/// The answer comes to whichever server has the address, and it makes the connection.
async fn by_server(
    connections: &Connections,
    args: &McpArgs,
    callback: &Url,
    as_json: bool,
) -> anyhow::Result<()> {
    let attempt = begin(connections, &args.mcp_url, callback).await?;
    ask(args, &attempt)?;
    loop {
        match outcome(connections, attempt.id).await? {
            Some(Ok(connection)) if as_json => {
                return super::super::print(&json!({ "id": connection }).to_string());
            }
            Some(Ok(connection)) => {
                return super::super::print(&format!("Connected as {connection}\n{WHAT_IS_READ}"));
            }
            Some(Err(problem)) => anyhow::bail!(problem),
            None => tokio::time::sleep(GLANCE).await,
        }
    }
}

fn ask(args: &McpArgs, attempt: &Attempt) -> anyhow::Result<()> {
    super::super::tell(&format!(
        "Allow the access in your browser, within {} seconds:\n{}",
        args.wait, attempt.url
    ))?;
    if !args.no_browser && open::that_detached(attempt.url.as_str()).is_err() {
        super::super::tell("No browser could be opened: open the address yourself.")?;
    }
    Ok(())
}

const WHAT_IS_READ: &str = "Companies, people and deals are read by MCP, twice a minute. Deletes, merges, invoices and other custom \
objects can't be seen that way: connect the organization with an API key for them.";

fn show(connected: &Connected, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return super::super::print(&describe(connected).to_string());
    }
    let name = connected.organization_name.as_ref();
    super::super::print(&format!(
        "{} {} as {}\n{WHAT_IS_READ}\nNext: closegraph serve",
        if connected.renewed {
            "Renewed"
        } else {
            "Connected"
        },
        name.unwrap_or(&connected.organization_id),
        connected.id,
    ))
}
