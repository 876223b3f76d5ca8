//! A simulated Close in the test's own process, and a connection to it.

use crate::{Database, WRONG_DAYS};
use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use close_sim::{Simulator, SimulatorConfig};
use closegraph_sync::connect::{ConnectRequest, Connections, connect_api_key};
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// The mirrored types: as Close spells them, and the table that holds them.
pub const TYPES: [(&str, &str); 5] = [
    ("lead", "company"),
    ("contact", "person"),
    ("opportunity", "opportunity"),
    (
        "custom_object",
        "(select * from custom_record where kind = 'custom_object') record",
    ),
    (
        "custom_activity",
        "(select * from custom_record where kind = 'custom_activity') record",
    ),
];

/// A simulated organization that is connected to a database. It stops when this is dropped.
#[derive(Debug)]
pub struct Close {
    pub simulator: Simulator,
    pub connections: Connections,
    pub connection: Uuid,
    http: reqwest::Client,
    _shutdown: DropGuard,
}

impl Close {
    /// Starts the organization and connects to it without a webhook.
    pub async fn connect(database: &Database, config: SimulatorConfig) -> anyhow::Result<Self> {
        Self::connect_at(database, config, None).await
    }

    /// The same with a webhook to the given address of ours.
    pub async fn connect_at(
        database: &Database,
        config: SimulatorConfig,
        public_url: Option<String>,
    ) -> anyhow::Result<Self> {
        let shutdown = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let config = SimulatorConfig {
            request_kinds: std::env::var_os("CLOSE_SIM_REQUEST_KINDS").map(Into::into),
            ..config
        };
        let simulator = Simulator::start(config, listener, shutdown.clone()).await?;
        let connections = Connections::new(database.pool.clone(), crate::vault()?);
        let request = ConnectRequest {
            api_key: simulator.api_key().to_owned().into(),
            base_url: simulator.base_url().to_string(),
            public_url,
            time_zone: None,
            fiscal_year_start: None,
        };
        let connected = connect_api_key(&connections, &request).await?;
        Ok(Self {
            simulator,
            connections,
            connection: connected.id,
            http: reqwest::Client::new(),
            _shutdown: shutdown.drop_guard(),
        })
    }

    /// A control answer of the simulator, as text.
    pub async fn control(&self, path: &str) -> anyhow::Result<String> {
        let url = self.simulator.control_url().join(path)?;
        let response = self.http.get(url).send().await?.error_for_status()?;
        Ok(response.text().await?)
    }

    /// Waits until no delivery is on its way.
    pub async fn idle(&self) -> anyhow::Result<()> {
        let url = self.simulator.control_url().join("idle?timeout=60")?;
        let response = self.http.post(url).send().await?.error_for_status()?;
        let answer: Value = response.json().await?;
        ensure!(answer.get("idle") == Some(&Value::Bool(true)), "{answer}");
        Ok(())
    }

    /// Switches faults on or off: a part of the simulator's faults, as JSON.
    pub async fn faults(&self, faults: &Value) -> anyhow::Result<()> {
        self.send(
            reqwest::Method::PUT,
            self.simulator.control_url().join("faults")?,
            faults,
        )
        .await
    }

    /// Switches all faults off.
    pub async fn no_faults(&self) -> anyhow::Result<()> {
        let url = self.simulator.control_url().join("faults")?;
        self.send(reqwest::Method::DELETE, url, &Value::Null).await
    }

    /// Events that have happened so far.
    pub async fn changes(&self) -> anyhow::Result<u64> {
        let state: Value = serde_json::from_str(&self.control("state").await?)?;
        state
            .pointer("/counts/event")
            .and_then(Value::as_u64)
            .with_context(|| format!("no count of events: {state}"))
    }

    /// A write to Close itself, as a person in it would make.
    pub async fn write(
        &self,
        method: reqwest::Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<()> {
        let url = self.simulator.base_url().join(path)?;
        self.send(method, url, body).await
    }

    async fn send(
        &self,
        method: reqwest::Method,
        url: url::Url,
        body: &Value,
    ) -> anyhow::Result<()> {
        let request = self.http.request(method, url).json(body);
        let request = request.basic_auth(self.simulator.api_key(), Some(""));
        let response = request.send().await?;
        let status = response.status();
        ensure!(status.is_success(), "{status}: {}", response.text().await?);
        Ok(())
    }

    /// All objects of a type, by id.
    pub async fn objects(&self, object_type: &str) -> anyhow::Result<BTreeMap<String, Value>> {
        let lines = self.control(&format!("objects/{object_type}")).await?;
        lines
            .lines()
            .map(|line| {
                let object: Value = serde_json::from_str(line)?;
                let id = object.get("id").and_then(Value::as_str).context("no id")?;
                Ok((id.to_owned(), object.clone()))
            })
            .collect()
    }

    /// Fails unless the mirror holds exactly the objects of Close, in their newest version.
    pub async fn ensure_mirrored(&self, database: &Database) -> anyhow::Result<()> {
        for (object_type, table) in TYPES {
            let mut theirs = BTreeMap::new();
            for (id, object) in self.objects(object_type).await? {
                let version: DateTime<Utc> = object
                    .get("date_updated")
                    .and_then(Value::as_str)
                    .context("no date_updated")?
                    .parse()?;
                theirs.insert(id, version);
            }
            let rows: Vec<(String, DateTime<Utc>)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "select close_id, source_updated_at from {table} where connection_id = $1"
            )))
            .bind(self.connection)
            .fetch_all(&database.pool)
            .await?;
            let ours: BTreeMap<_, _> = rows.iter().cloned().collect();
            ensure!(ours.len() == rows.len(), "a {object_type} stands twice");
            let missing: Vec<_> = theirs.keys().filter(|id| !ours.contains_key(*id)).collect();
            let extra: Vec<_> = ours.keys().filter(|id| !theirs.contains_key(*id)).collect();
            ensure!(
                missing.is_empty() && extra.is_empty(),
                "{object_type}: missing {missing:?}, extra {extra:?}"
            );
            let stale: Vec<_> = theirs
                .iter()
                .filter(|(id, at)| ours.get(*id) != Some(at))
                .collect();
            ensure!(stale.is_empty(), "{object_type}: stale {stale:?}");
        }
        let wrong: i64 = sqlx::query_scalar(WRONG_DAYS)
            .fetch_one(&database.pool)
            .await?;
        ensure!(wrong == 0, "revenue by day is wrong at {wrong} days");
        self.ensure_invoices(database).await.map(drop)
    }
}
