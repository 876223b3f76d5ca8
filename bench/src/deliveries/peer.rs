//! pgbench, inserting the same body row by row into a table of the same columns and indexes.

use super::event::Events;
use anyhow::{Context, ensure};
use closegraph_tests::Database;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;
use tempfile::NamedTempFile;

pub(super) struct Peer {
    url: String,
    script: NamedTempFile,
}

impl Peer {
    pub(super) async fn start(database: &Database, events: &Events) -> anyhow::Result<Self> {
        sqlx::query("create table event_of_pgbench (like event including all)")
            .execute(&database.pool)
            .await?;
        // What Closegraph stores: the event without its envelope.
        let delivery: Value = serde_json::from_str(&events.body(0)?)?;
        let event = delivery.get("event").context("no event")?;
        let insert = format!(
            "insert into event_of_pgbench (id, connection_id, origin, close_event_id, event_updated_at, object_type,
                                           object_id, action, payload, state)
             values (gen_random_uuid(), '00000000-0000-0000-0000-000000000000', 'webhook', gen_random_uuid()::text,
                     now(), 'lead', 'lead_bench', 'updated', '{}', 'pending');",
            literal(event)?
        );
        let script = NamedTempFile::new()?;
        std::fs::write(script.path(), insert)?;
        Ok(Self {
            url: database.url().to_owned(),
            script,
        })
    }

    /// Rows a second that so many clients insert, each in a transaction of its own.
    pub(super) fn insert(&self, clients: usize, span: Duration) -> anyhow::Result<f64> {
        let output = Command::new("pgbench")
            .args(["--no-vacuum", "--protocol=prepared"])
            .arg(format!("--client={clients}"))
            .arg(format!("--jobs={}", clients.min(2)))
            .arg(format!("--time={}", span.as_secs()))
            .arg("--file")
            .arg(self.script.path())
            .arg(&self.url)
            .output()
            .context("pgbench can't be run; it comes with the Postgres client programs")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "pgbench: {error}");
        let rate = said
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
        let rate = rate.with_context(|| format!("pgbench said {said}"))?;
        Ok(rate.parse()?)
    }
}

/// JSON in an SQL literal, without what pgbench would take for variables: colons that are followed by a word.
fn literal(value: &Value) -> anyhow::Result<String> {
    let spaced = serde_json::to_string_pretty(value)?.replace('\'', "''");
    let mut text = String::with_capacity(spaced.len());
    let mut rest = spaced.as_str();
    while let Some((before, after)) = rest.split_once(':') {
        text.push_str(before);
        text.push_str(if after.starts_with(' ') {
            ":"
        } else {
            "\\u003a"
        });
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}
