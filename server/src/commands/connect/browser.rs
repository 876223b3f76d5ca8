//! `closegraph connect close --mcp` and `--oauth`: a person allows the access in the browser, and the answer comes to this machine or to the
//! running server.

use super::super::Usage;
use super::super::connections::scopes;
use super::{describe, secret, told};
use crate::callback;
use crate::cli::{BrowserArgs, ConnectArgs};
use crate::config::Config;
use crate::database::Database;
use crate::vault;
use anyhow::Context;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use closegraph_entity::connection;
use closegraph_sync::SyncError;
use closegraph_sync::connect::{
    AppRequest, Attempt, Connected, Connections, OAuthError, begin, begin_app, outcome,
};
use sea_orm::EntityTrait;
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

/// How often an answer that comes to the server is looked for.
const GLANCE: Duration = Duration::from_millis(500);
/// Time for a page that is on its way to the browser.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a person is asked for.
enum Wanted {
    Mcp(Url),
    App(AppRequest),
}

impl Wanted {
    fn of(config: &Config, args: &ConnectArgs) -> anyhow::Result<Self> {
        let browser = &args.browser;
        let Some(client_id) = browser.client_id.as_ref().filter(|_| browser.oauth) else {
            return Ok(Self::Mcp(browser.mcp_url.clone()));
        };
        let configured = config.http.public_url.as_ref();
        let public_url = args.webhook_url.as_ref().or(configured);
        Ok(Self::App(AppRequest {
            client_id: client_id.clone(),
            client_secret: secret::read(browser.client_secret_env.as_deref(), "client secret")?,
            base_url: args.base_url.to_string(),
            public_url: public_url.map(ToString::to_string),
            time_zone: args.time_zone.clone(),
            fiscal_year_start: args.fiscal_year_start,
            connection: args.connection,
        }))
    }

    async fn begin(&self, connections: &Connections, callback: &Url) -> Result<Attempt, SyncError> {
        match self {
            Self::Mcp(server) => begin(connections, server, callback).await,
            Self::App(request) => begin_app(connections, request, callback).await,
        }
    }
}

pub(super) async fn run(config: &Config, connect: &ConnectArgs) -> anyhow::Result<()> {
    let (args, as_json) = (&connect.browser, connect.output.json);
    let at_server = match (args.via_server, &config.http.public_url) {
        (false, _) => None,
        (true, Some(url)) => Some(url.join(callback::PATH)?),
        (true, None) => {
            let advice =
                "--via-server needs http.public_url, where the browser and Close reach the server";
            return Err(Usage(advice.to_owned()).into());
        }
    };
    let wanted = Wanted::of(config, connect)?;
    super::super::on_database(config, async |database| {
        database.migrate().await?;
        let connections = Connections::new(database.pool.clone(), vault::open(config)?);
        let wait = Duration::from_secs(args.wait);
        let asked = async {
            match &at_server {
                Some(callback) => {
                    by_server(database, &connections, args, &wanted, callback, as_json).await
                }
                None => here(&connections, args, &wanted, as_json).await,
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
async fn here(
    connections: &Connections,
    args: &BrowserArgs,
    wanted: &Wanted,
    as_json: bool,
) -> anyhow::Result<()> {
    let port = args.callback_port.unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    let listener = listener.with_context(|| format!("the port {port} can't be listened on"))?;
    let callback = Url::parse(&format!("http://{}/callback", listener.local_addr()?))?;
    let attempt = wanted.begin(connections, &callback).await?;
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
    match wanted {
        Wanted::Mcp(_) => show(&connected, as_json),
        Wanted::App(_) => super::show(&connected, as_json),
    }
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
    database: &Database,
    connections: &Connections,
    args: &BrowserArgs,
    wanted: &Wanted,
    callback: &Url,
    as_json: bool,
) -> anyhow::Result<()> {
    let attempt = wanted.begin(connections, callback).await?;
    ask(args, &attempt)?;
    loop {
        match outcome(connections, attempt.id).await? {
            Some(Ok(connection)) if as_json => {
                return super::super::print(&json!({ "id": connection }).to_string());
            }
            Some(Ok(connection)) => {
                let what = match wanted {
                    Wanted::Mcp(_) => WHAT_IS_READ.to_owned(),
                    Wanted::App(_) => unseen(database, connection).await?,
                };
                return super::super::print(&format!("Connected as {connection}\n{what}"));
            }
            Some(Err(problem)) => anyhow::bail!(problem),
            None => tokio::time::sleep(GLANCE).await,
        }
    }
}

/// What a connection that the server has made does not see.
async fn unseen(database: &Database, id: Uuid) -> anyhow::Result<String> {
    let found = connection::Entity::find_by_id(id)
        .one(&database.orm())
        .await?;
    let row = found.context("the connection is gone")?;
    let webhook = row.webhook_url.as_ref();
    let webhook = webhook.map(|url| format!("Close delivers changes to {url}"));
    let lines = [webhook, told(&scopes(&row))];
    Ok(lines.into_iter().flatten().collect::<Vec<_>>().join("\n"))
}

fn ask(args: &BrowserArgs, attempt: &Attempt) -> anyhow::Result<()> {
    super::super::tell(&format!(
        "Allow the access in your browser, within {} seconds:\n{}",
        args.wait, attempt.url
    ))?;
    if !args.no_browser && open::that_detached(attempt.url.as_str()).is_err() {
        super::super::tell("No browser could be opened: open the address yourself.")?;
    }
    Ok(())
}

const WHAT_IS_READ: &str = "Companies, people and deals are read by MCP, twice a minute, invoices and other custom objects when their \
lead changes. Deletes and merges can't be seen that way: add an API key (--connection) or hand over the key of a webhook (connect webhook-key) for them.";

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
