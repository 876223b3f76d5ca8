//! Deliveries at a steady pace to a whole demo: how long an acknowledgement takes, and how long until GraphQL shows the
//! change.

use super::event::Events;
use super::sender::Sender;
use anyhow::{Context, ensure};
use closegraph_tests::Demo;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const PER_SECOND: usize = 500;
const SPAN: Duration = Duration::from_secs(10);
const SENDERS: usize = 16;
/// One of so many events is looked for in GraphQL.
const SAMPLED: usize = 20;

/// The acknowledgements, and the changes that became visible, at 500 a second.
pub(crate) async fn measure(demo: &Demo) -> anyhow::Result<String> {
    let webhook: url::Url = demo.word("webhook").parse()?;
    let host = webhook.host_str().context("no host")?;
    let address = format!("{host}:{}", webhook.port().context("no port")?);
    let address: SocketAddr = address.parse()?;
    let leads: Result<Vec<Value>, _> = demo
        .control("objects/lead")
        .await?
        .lines()
        .map(serde_json::from_str)
        .collect();
    let key = demo.signing_key().await?;
    let events = Arc::new(Events::about(leads?, &key, webhook.path().to_owned()));
    let count = PER_SECOND * SPAN.as_secs() as usize;
    let requests = Arc::new(events.requests(count)?);
    let asking = Arc::new(Asking::of(demo));
    let start = Instant::now();
    let mut sending = JoinSet::new();
    for sender in 0..SENDERS {
        let (requests, events, asking) = (requests.clone(), events.clone(), asking.clone());
        let connection = Sender::connect(address).await?;
        sending.spawn(send(sender, connection, requests, events, asking, start));
    }
    let (mut acknowledged, mut visible) = (Vec::new(), Vec::new());
    while let Some(sent) = sending.join_next().await {
        let (own, shown) = sent??;
        acknowledged.extend(own);
        visible.extend(shown);
    }
    ensure!(acknowledged.len() == count, "not all were sent");
    Ok(format!(
        "at {PER_SECOND}/s     acknowledged within {} (p50), {} (p99); visible in GraphQL within {} (p50), {} (p99) of {}",
        percentile(&mut acknowledged, 50),
        percentile(&mut acknowledged, 99),
        percentile(&mut visible, 50),
        percentile(&mut visible, 99),
        visible.len(),
    ))
}

type Spans = Vec<Duration>;

/// Sends each `SENDERS`th event at its time. Latencies count from the time at which an event should have been sent.
async fn send(
    first: usize,
    mut connection: Sender,
    requests: Arc<Vec<Vec<u8>>>,
    events: Arc<Events>,
    asking: Arc<Asking>,
    start: Instant,
) -> anyhow::Result<(Spans, Spans)> {
    let mut acknowledged = Vec::new();
    let mut looking = JoinSet::new();
    for (number, request) in requests.iter().enumerate().skip(first).step_by(SENDERS) {
        let due =
            start + Duration::from_secs(1) * u32::try_from(number)? / u32::try_from(PER_SECOND)?;
        tokio::time::sleep_until(due.into()).await;
        if number % SAMPLED == 0 {
            let lead = events.lead(number).context("no lead")?.to_owned();
            let asking = asking.clone();
            looking.spawn(async move { asking.until(&lead, &Events::name(number), due).await });
        }
        connection.send(request).await?;
        acknowledged.push(due.elapsed());
    }
    let mut visible = Vec::new();
    while let Some(seen) = looking.join_next().await {
        visible.push(seen??);
    }
    Ok((acknowledged, visible))
}

struct Asking {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Asking {
    fn of(demo: &Demo) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: demo.word("graphql").to_owned(),
            token: demo.word("token").to_owned(),
        }
    }

    /// How long after `due` GraphQL shows a company under a name.
    async fn until(&self, lead: &str, name: &str, due: Instant) -> anyhow::Result<Duration> {
        let query = "query ($id: String!) { company(closeId: $id) { name } }";
        let question = json!({ "query": query, "variables": { "id": lead } });
        while due.elapsed() < Duration::from_secs(30) {
            let answer = self.http.post(&self.url).bearer_auth(&self.token);
            let answer: Value = answer.json(&question).send().await?.json().await?;
            let shown = answer.pointer("/data/company/name").and_then(Value::as_str);
            if shown == Some(name) {
                return Ok(due.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        anyhow::bail!("{lead} is never {name}")
    }
}

fn percentile(spans: &mut [Duration], percent: usize) -> String {
    spans.sort_unstable();
    let place = (spans.len() * percent / 100).min(spans.len().saturating_sub(1));
    let span = spans.get(place).copied().unwrap_or_default();
    format!("{:.1} ms", span.as_secs_f64() * 1_000.0)
}
