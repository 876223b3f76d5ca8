//! `close-sim serve` as a process of its own, so that it outlives the server under test.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A simulated Close. Dropping it ends it.
#[derive(Debug)]
pub struct CloseSim {
    child: Child,
    http: reqwest::Client,
    said: Value,
}

impl CloseSim {
    /// Starts it with the given options on a free port.
    pub fn start(options: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(crate::built("close-sim", "close-sim")?)
            .args(["serve", "--json", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let said =
            serde_json::from_str(&line).with_context(|| format!("close-sim said {line:?}"))?;
        Ok(Self {
            child,
            http: reqwest::Client::new(),
            said,
        })
    }

    fn word(&self, key: &str) -> &str {
        self.said
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Root of the REST API.
    pub fn base_url(&self) -> &str {
        self.word("base_url")
    }

    /// Address of the MCP server.
    pub fn mcp_url(&self) -> &str {
        self.word("mcp_url")
    }

    /// The key that it accepts.
    pub fn api_key(&self) -> &str {
        self.word("api_key")
    }

    /// The key that it accepts of a user who is no admin.
    pub fn member_api_key(&self) -> &str {
        self.word("member_api_key")
    }

    /// Id and secret of the organization's OAuth app.
    pub fn oauth_client(&self) -> (&str, &str) {
        (
            self.word("oauth_client_id"),
            self.word("oauth_client_secret"),
        )
    }

    /// Lets it forget all access tokens, ahead of their end.
    pub async fn forget_tokens(&self) -> anyhow::Result<()> {
        let url = format!("{}oauth", self.word("control_url"));
        self.http.post(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// Posts to a control endpoint, and answers what it answers.
    pub async fn tell(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.word("control_url"));
        let answer = self.http.post(url).json(body).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Sets how many actions a second its people make.
    pub async fn set_traffic(&self, per_second: f64) -> anyhow::Result<()> {
        let url = format!("{}traffic", self.word("control_url"));
        let body = json!({ "per_second": per_second });
        let answer = self.http.put(url).json(&body).send().await?;
        answer.error_for_status()?;
        Ok(())
    }

    /// Requests that it answered with 429.
    pub async fn refused(&self) -> anyhow::Result<u64> {
        let log = self.control("requests").await?;
        let refused = log.pointer("/statuses/429").and_then(Value::as_u64);
        Ok(refused.unwrap_or(0))
    }

    /// A control answer, as JSON.
    pub async fn control(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.word("control_url"));
        let answer = self.http.get(url).send().await?.error_for_status()?;
        Ok(answer.json().await?)
    }

    /// Changes how the authorization server behaves: a part of its behaviour, as JSON.
    pub async fn behave(&self, behaviour: &Value) -> anyhow::Result<()> {
        let url = format!("{}oauth", self.word("control_url"));
        let answer = self.http.put(url).json(behaviour).send().await?;
        answer.error_for_status()?;
        Ok(())
    }

    /// Takes all access back, as a person does in Close's settings.
    pub async fn take_access_back(&self) -> anyhow::Result<()> {
        let url = format!("{}oauth", self.word("control_url"));
        self.http.delete(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// Switches faults on or off: a part of its faults, as JSON.
    pub async fn faults(&self, faults: &Value) -> anyhow::Result<()> {
        let url = format!("{}faults", self.word("control_url"));
        let answer = self.http.put(url).json(faults).send().await?;
        answer.error_for_status()?;
        Ok(())
    }

    /// Waits until no delivery is pending; after `patience` that is an error.
    pub async fn idle(&self, patience: Duration) -> anyhow::Result<()> {
        let control = self.word("control_url");
        let url = format!("{control}idle?timeout={}", patience.as_secs());
        let answer: Value = self.http.post(url).send().await?.json().await?;
        ensure!(
            answer.get("idle") == Some(&Value::Bool(true)),
            "deliveries are pending: {answer}"
        );
        Ok(())
    }

    /// Every live object of a type, as REST gives it.
    pub async fn objects(&self, object_type: &str) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}objects/{object_type}", self.word("control_url"));
        let answer = self.http.get(url).send().await?.error_for_status()?;
        let lines = answer.text().await?;
        let parsed = lines.lines().map(serde_json::from_str);
        Ok(parsed.collect::<Result<_, _>>()?)
    }
}

impl Drop for CloseSim {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
