//! Subscribers of one server: what idle ones cost, and when a commit reaches them.

use anyhow::{Context, ensure};
use closegraph_tests::{DataDir, Serving, free_port, program};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

const IDLE: usize = 5_000;
const FOLLOWERS: usize = 1_000;
const COMMITS: usize = 50;
const IDLE_SPAN: Duration = Duration::from_secs(10);
const QUERY: &str = "subscription { changes { cursor closeId action record { __typename ... on Company { name } } } }";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A server without organizations to sync, and one company to change.
struct Server {
    serving: Serving,
    address: String,
    token: String,
    pool: PgPool,
    connection: Uuid,
    _data_dir: DataDir,
}

/// Measures both.
pub(crate) async fn measure(say: fn(&str)) -> anyhow::Result<()> {
    let server = Server::start().await?;
    say(&idle(&server).await?);
    say(&followers(&server).await?);
    Ok(())
}

impl Server {
    async fn start() -> anyhow::Result<Self> {
        let data_dir = DataDir::new()?;
        let port = free_port()?;
        let mut serving = Serving::start(&data_dir, port, &[])?;
        serving.ready().await?;
        let pool = data_dir.connect().await?;
        let connection = Uuid::from_u128(1);
        sqlx::query(
            "insert into connection (id, source, auth_method, status, organization_id, currency, base_url)
             values ($1, 'close', 'api_key', 'paused', 'orga_x', 'USD', 'http://127.0.0.1:9/')",
        )
        .bind(connection)
        .execute(&pool)
        .await?;
        sqlx::query(
            "insert into company (id, connection_id, close_id, name, raw, source_updated_at)
             values ($1, $1, 'lead_1', 'Company 1', '{}', now())",
        )
        .bind(connection)
        .execute(&pool)
        .await?;
        let said = Command::new(program()?)
            .args(["token", "create", "--name", "bench", "--json"])
            .env("CLOSEGRAPH_POSTGRES_DATA_DIR", data_dir.path())
            .output()?;
        let said: Value = serde_json::from_slice(&said.stdout)?;
        let token = said.get("token").and_then(Value::as_str);
        Ok(Self {
            serving,
            address: format!("127.0.0.1:{port}"),
            token: token.context("no token")?.to_owned(),
            pool,
            connection,
            _data_dir: data_dir,
        })
    }

    /// A socket that subscribed.
    async fn follow(&self) -> anyhow::Result<Socket> {
        let mut request = format!("ws://{}/graphql", self.address).into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
        let (mut socket, _) = connect_async(request).await?;
        let init = json!({ "type": "connection_init", "payload": { "token": self.token } });
        let subscribe = json!({ "id": "1", "type": "subscribe", "payload": { "query": QUERY } });
        socket.send(Message::text(init.to_string())).await?;
        let acknowledged = socket.next().await.context("no answer")??;
        ensure!(acknowledged.to_text()?.contains("connection_ack"));
        socket.send(Message::text(subscribe.to_string())).await?;
        Ok(socket)
    }

    async fn followers(&self, count: usize) -> anyhow::Result<Vec<Socket>> {
        let sockets = futures::stream::iter((0..count).map(|_| self.follow()))
            .buffer_unordered(32)
            .collect::<Vec<_>>()
            .await;
        let sockets = sockets.into_iter().collect::<anyhow::Result<_>>()?;
        let start = Instant::now();
        while self.metric("closegraph_api_subscriptions").await? != count as f64 {
            ensure!(
                start.elapsed() < Duration::from_secs(30),
                "not all subscribed"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(sockets)
    }

    async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = reqwest::get(format!("http://{}/metrics", self.address))
            .await?
            .text()
            .await?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.context("no such metric")?.parse()?)
    }

    /// Memory of the server's process, in MB.
    fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.serving.pid()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident
            .context("no memory")?
            .trim()
            .trim_end_matches(" kB");
        Ok(kilobytes.parse::<f64>()? / 1024.0)
    }

    async fn commit(&self, close_id: &str) -> anyhow::Result<Instant> {
        sqlx::query(
            "insert into change_feed (connection_id, record_type, record_id, close_id, action, at)
             values ($1, 'company', $1, $2, 'updated', now())",
        )
        .bind(self.connection)
        .bind(close_id)
        .execute(&self.pool)
        .await?;
        Ok(Instant::now())
    }
}

async fn idle(server: &Server) -> anyhow::Result<String> {
    let before = server.memory()?;
    let sockets = server.followers(IDLE).await?;
    let used = server.memory()? - before;
    let name = "closegraph_api_sql_statements_total";
    let asked = server.metric(name).await?;
    tokio::time::sleep(IDLE_SPAN).await;
    let statements = server.metric(name).await? - asked;
    drop(sockets);
    Ok(format!(
        "subscribers  {IDLE} idle: {used:.0} MB more, {statements} statements in {} s",
        IDLE_SPAN.as_secs()
    ))
}

async fn followers(server: &Server) -> anyhow::Result<String> {
    while server.metric("closegraph_api_subscriptions").await? > 0.0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sockets = server.followers(FOLLOWERS).await?;
    let heard: Arc<Mutex<Vec<Instant>>> = Arc::default();
    for mut socket in sockets {
        let heard = heard.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text()
                    && let Ok(mut heard) = heard.lock()
                {
                    heard.push(Instant::now());
                }
            }
        });
    }
    let mut delays = Vec::new();
    for commit in 0..COMMITS {
        let committed = server.commit(&format!("lead_{commit}")).await?;
        let wanted = FOLLOWERS * (commit + 1);
        let count = || heard.lock().map(|heard| heard.len()).unwrap_or_default();
        while count() < wanted {
            ensure!(
                committed.elapsed() < Duration::from_secs(30),
                "not all heard"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let all = heard.lock().map(|heard| heard.clone()).unwrap_or_default();
        let new = all.into_iter().skip(FOLLOWERS * commit);
        delays.extend(new.map(|at| at.saturating_duration_since(committed)));
    }
    delays.sort_unstable();
    let at = |share: usize| delays.get(delays.len() * share / 100).copied();
    Ok(format!(
        "subscribers  {FOLLOWERS} of one document, {COMMITS} commits: p50 {:?}, p99 {:?}, slowest {:?}",
        at(50).unwrap_or_default(),
        at(99).unwrap_or_default(),
        delays.last().copied().unwrap_or_default()
    ))
}
