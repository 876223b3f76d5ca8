//! Measures a whole demo (simulated Close, Postgres, sync and API on one machine) through its public surfaces, each
//! figure beside a limit of the same run.

use anyhow::{Context, ensure};
use closegraph_tests::Demo;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const LEADS: u32 = 20_000;
const CONNECTIONS: usize = 16;
const SPAN: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let demo = Arc::new(Demo::start(LEADS)?);
    let mut report = String::new();
    backfill(&demo, &mut report).await?;
    reads(&demo, &mut report).await?;
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", demo.pid())).unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        writeln!(
            report,
            "memory       peak of the demo's process {}",
            peak.trim()
        )?;
    }
    print(&report)
}

#[expect(clippy::print_stdout, reason = "the result of the program")]
fn print(report: &str) -> anyhow::Result<()> {
    println!("{report}");
    Ok(())
}

/// Rows that the first backfill wrote a second, counting mirrored rows (audit and feed entries come on top).
async fn backfill(demo: &Demo, report: &mut String) -> anyhow::Result<()> {
    let question =
        "{ connections { runs(last: 1) { nodes { startedAt finishedAt created requests } } }
                      transactions(first: 0) { totalCount } }";
    let answer = demo.ask(question, json!({})).await?;
    let run = answer
        .pointer("/connections/0/runs/nodes/0")
        .context("no run")?;
    let instant = |key: &str| -> anyhow::Result<f64> {
        let text = run.get(key).and_then(Value::as_str).context("no time")?;
        seconds(text)
    };
    let booked = answer
        .pointer("/transactions/totalCount")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    let created = run.get("created").and_then(Value::as_u64).unwrap_or(0);
    let elapsed = instant("finishedAt")? - instant("startedAt")?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = (created + booked) as f64 / elapsed;
    writeln!(
        report,
        "backfill     {} rows in {elapsed:.2} s: {rate:.0} rows/s, {} requests",
        created + booked,
        run.get("requests").unwrap_or(&Value::Null)
    )?;
    Ok(())
}

/// Seconds of the day of an RFC 3339 instant.
fn seconds(text: &str) -> anyhow::Result<f64> {
    let time = text.split('T').nth(1).context("no time of day")?;
    let clock: String = time
        .chars()
        .take_while(|c| c.is_ascii_digit() || matches!(c, ':' | '.'))
        .collect();
    let mut total = 0.0;
    for part in clock.split(':') {
        total = total * 60.0 + part.parse::<f64>()?;
    }
    Ok(total)
}

/// One company by id, beside the answers of a route that does nothing.
async fn reads(demo: &Arc<Demo>, report: &mut String) -> anyhow::Result<()> {
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
    writeln!(
        report,
        "reads        one company by id, {CONNECTIONS} connections: {rate:.0}/s, {:.2} of the {limit:.0}/s of a route that does nothing (same client)",
        rate / limit
    )?;
    Ok(())
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
