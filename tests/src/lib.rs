//! What tests start: [`Demo`] is `closegraph demo` with its own Postgres and simulated Close, asked through its public
//! surfaces only; [`Serving`] and [`CloseSim`] are `closegraph serve` and `close-sim serve` for tests that stop, kill and
//! start them again; [`Mirror`] is a sync service in the test's own process, over a [`Database`] and a [`Close`];
//! [`IdentityProvider`] is a provider with which people sign in.

mod close;
mod close_sim;
mod data_dir;
mod database;
mod identity_provider;
mod invoices;
mod mirror;
pub mod person;
mod private_postgres;
mod secrets;
mod serving;

pub use close::{Close, TYPES};
pub use close_sim::CloseSim;
pub use data_dir::{DataDir, Postmaster};
pub use database::Database;
pub use identity_provider::{Behaviour, CLIENT_ID, CLIENT_SECRET, IdentityProvider, Signing};
pub use mirror::{Mirror, vault};
pub use private_postgres::PrivatePostgres;
pub use serving::{Serving, free_port};

use anyhow::{Context, ensure};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How many events are not worked off, those included that are only logged as deliveries.
pub const WAITING: &str = "select (select count(*) from event where state in ('pending', 'failed'))
                                + (select count(*) from delivery)";

/// Whether all events are worked off. The log is looked at by its index: asked often, a scan would go over all that was
/// deleted from it.
pub const SETTLED: &str = "select (select seq from delivery order by seq limit 1) is null
        and not exists (select from event where state in ('pending', 'failed'))";

/// How many days there are at which the kept sums are not those of the transactions.
pub const WRONG_DAYS: &str = "
    select count(*) from
        (select connection_id, kind, occurred_on, currency, sum(total_minor) as total, sum(deals) as deals, sum(known) as known
           from revenue_day group by 1, 2, 3, 4 having sum(deals) <> 0 or sum(total_minor) <> 0 or sum(known) <> 0) d
        full join
        (select connection_id, kind, occurred_on, currency, coalesce(sum(amount_minor), 0) as total, count(*) as deals,
                count(amount_minor) as known
           from transaction where occurred_on is not null group by 1, 2, 3, 4) t
        using (connection_id, kind, occurred_on, currency)
     where (d.total, d.deals, d.known) is distinct from (t.total, t.deals, t.known)";

/// The `closegraph` binary that was built beside this test.
pub fn program() -> anyhow::Result<PathBuf> {
    built("closegraph", "closegraph")
}

/// A binary of the workspace that was built beside this test.
fn built(name: &str, package: &str) -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    // Tests stand in deps/, other programs beside it.
    let mut folders = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name));
    folders
        .find(|program| program.exists())
        .with_context(|| format!("{name} is not built: cargo build -p {package}"))
}

/// A demo that runs until it is dropped.
#[derive(Debug)]
pub struct Demo {
    child: Child,
    http: reqwest::Client,
    /// What `--json` printed.
    pub said: Value,
}

impl Demo {
    /// Starts a demo without traffic and waits for its backfill.
    pub fn start(leads: u32) -> anyhow::Result<Self> {
        let mut child = Command::new(program()?)
            .args([
                "demo",
                "--json",
                "--no-traffic",
                "--leads",
                &leads.to_string(),
            ])
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let said =
            serde_json::from_str(&line).with_context(|| format!("the demo said {line:?}"))?;
        Ok(Self {
            child,
            http: reqwest::Client::new(),
            said,
        })
    }

    /// A word that the demo printed.
    pub fn word(&self, key: &str) -> &str {
        self.said
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Asks GraphQL and answers `data`; errors fail.
    pub async fn ask(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let answer: Value = self
            .http
            .post(self.word("graphql"))
            .bearer_auth(self.word("token"))
            .json(&json!({"query": query, "variables": variables}))
            .send()
            .await?
            .json()
            .await?;
        ensure!(answer.get("errors").is_none(), "{answer}");
        answer.get("data").cloned().context("no data")
    }

    /// A control answer of the simulator, as text.
    pub async fn control(&self, path: &str) -> anyhow::Result<String> {
        let url = format!("{}{path}", self.word("control"));
        Ok(self
            .http
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .text()
            .await?)
    }

    /// The key that deliveries are signed with.
    pub async fn signing_key(&self) -> anyhow::Result<String> {
        let hooks: Value = serde_json::from_str(&self.control("webhooks").await?)?;
        let key = hooks
            .pointer("/data/0/signature_key")
            .and_then(Value::as_str);
        Ok(key.context("no subscription")?.to_owned())
    }

    /// Posts a delivery with the given headers and answers the status.
    pub async fn deliver(
        &self,
        body: impl Into<reqwest::Body>,
        timestamp: Option<&str>,
        hash: Option<&str>,
    ) -> anyhow::Result<u16> {
        let mut request = self.http.post(self.word("webhook")).body(body);
        for (name, value) in [("close-sig-timestamp", timestamp), ("close-sig-hash", hash)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        Ok(request.send().await?.status().as_u16())
    }

    /// Signs a body as Close does, now, and posts it.
    pub async fn deliver_signed(&self, body: String) -> anyhow::Result<u16> {
        let timestamp = chrono::Utc::now().timestamp().to_string();
        let hash = sign(&self.signing_key().await?, &timestamp, body.as_bytes())?;
        self.deliver(body, Some(&timestamp), Some(&hash)).await
    }

    /// Asks until the answer satisfies, for at most ten seconds.
    pub async fn ask_until(
        &self,
        query: &str,
        variables: Value,
        satisfied: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let start = Instant::now();
        loop {
            let answer = self.ask(query, variables.clone()).await?;
            if satisfied(&answer) {
                return Ok(answer);
            }
            ensure!(start.elapsed() < Duration::from_secs(10), "still {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        drop(Command::new("kill").args(["-INT", &pid]).status());
        drop(self.child.wait());
    }
}

/// The hash that Close sends for a body.
pub fn sign(key: &str, timestamp: &str, body: &[u8]) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&hex::decode(key)?)?;
    mac.update(timestamp.as_bytes());
    mac.update(body);
    Ok(hex::encode(mac.finalize().into_bytes()))
}
