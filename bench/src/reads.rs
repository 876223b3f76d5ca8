//! Reads of a whole demo through its public surfaces.

use crate::load::Target;
use anyhow::Context;
use closegraph_tests::Demo;
use serde_json::json;
use std::time::Duration;

const CONNECTIONS: usize = 16;
const SPAN: Duration = Duration::from_secs(5);

/// One company by id, beside the answers of a route that does nothing.
pub(crate) async fn measure(demo: &Demo) -> anyhow::Result<String> {
    let first = demo
        .ask("{ companies(first: 1) { nodes { id } } }", json!({}))
        .await?;
    let id = first
        .pointer("/companies/nodes/0/id")
        .context("no company")?;
    let body = json!({
        "query": "query ($id: ID!) { company(id: $id) { id name domain } }",
        "variables": {"id": id},
    });
    let health = demo.word("graphql").replace("/graphql", "/healthz");
    let limit = Target::new(&health, None, None)?;
    let limit = limit.measure(CONNECTIONS, SPAN).await?.per_second;
    let (url, token, body) = (demo.word("graphql"), demo.word("token"), body.to_string());
    let asked = Target::new(url, Some(token), Some(&body))?;
    let rate = asked.measure(CONNECTIONS, SPAN).await?.per_second;
    Ok(format!(
        "reads        one company by id, {CONNECTIONS} connections: {rate:.0}/s; a route that does nothing {limit:.0}/s: ratio {:.2}",
        rate / limit
    ))
}

/// Peak memory of the demo's own process; its Postgres is another one.
pub(crate) fn memory(demo: &Demo) -> anyhow::Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", demo.pid()))?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no peak")?;
    Ok(format!(
        "memory       peak of the demo's process {}",
        peak.trim()
    ))
}
