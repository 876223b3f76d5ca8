//! Reads of a whole demo through its public surfaces.

use anyhow::{Context, ensure};
use closegraph_tests::Demo;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
    let limit = hammer(|client| client.get(&health)).await?;
    let (url, token, body) = (demo.word("graphql"), demo.word("token"), body.to_string());
    let rate = hammer(|client| {
        client
            .post(url)
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(body.clone())
    })
    .await?;
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

/// Requests a second over a number of connections for a span.
async fn hammer(
    request: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder,
) -> anyhow::Result<f64> {
    let done = Arc::new(AtomicU64::new(0));
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(CONNECTIONS)
        .build()?;
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (request, client, done) = (request(&client).build()?, client.clone(), done.clone());
        tasks.spawn(async move {
            while start.elapsed() < SPAN {
                let request = request
                    .try_clone()
                    .context("a body that can't be repeated")?;
                let answer = client.execute(request).await?;
                ensure!(answer.status().is_success(), "answered {}", answer.status());
                answer.bytes().await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    Ok(rate)
}
