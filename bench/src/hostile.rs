//! Requests that mean harm: what refusing one costs the server, and what a well-behaved client notices of them.

use crate::load::Target;
use crate::ours::Ours;
use crate::tables::{seeded, some_companies};
use anyhow::Context;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

const COMPANIES: u32 = 1_000;
const CONNECTIONS: usize = 16;
const SPAN: Duration = Duration::from_secs(3);
/// Senders of hostile requests beside the client.
const HOSTILE: usize = 2;

/// Says how long each is refused, and how long a client waits alone and beside them.
pub(crate) async fn measure(say: fn(&str)) -> anyhow::Result<()> {
    let database = seeded(COMPANIES).await?;
    let ours = Ours::start(&database, "0", "16").await?;
    let companies = some_companies(&database).await?;
    let company = companies.first().context("no company")?;
    let query = "query ($id: ID!) { company(id: $id) { id name domain } }";
    let polite = json!({"query": query, "variables": {"id": company}}).to_string();
    let polite = ours.target(&polite)?;
    polite.measure(CONNECTIONS, SPAN).await?;
    for (name, request) in requests() {
        let hostile = ours.target(&request.to_string())?.expecting_refusal();
        let before = ours.busy()?;
        let refused = hostile.measure(1, SPAN).await?;
        let each = (ours.busy()? - before) / refused.count();
        let alone = polite.measure(CONNECTIONS, SPAN).await?.percentile(99);
        let (beside, _) = beside(&polite, &hostile).await?;
        say(&format!(
            "hostile      {name}: refused in {each:.2} ms of CPU; p99 of {CONNECTIONS} connections {alone:.1} ms, beside {HOSTILE} such senders {beside:.1} ms: {:.1} times",
            beside / alone
        ));
    }
    Ok(())
}

async fn beside(polite: &Target, hostile: &Target) -> anyhow::Result<(f64, f64)> {
    let both = tokio::try_join!(
        polite.measure(CONNECTIONS, SPAN),
        hostile.measure(HOSTILE, SPAN)
    )?;
    Ok((both.0.percentile(99), both.1.per_second))
}

fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

fn requests() -> Vec<(&'static str, Value)> {
    let mut fan_out = "{ ...f0 }".to_owned();
    for level in 0..24 {
        let next = level + 1;
        // Writing to a String never fails.
        let _ = write!(
            fan_out,
            " fragment f{level} on Query {{ ...f{next} ...f{next} }}"
        );
    }
    fan_out.push_str(" fragment f24 on Query { connections { id } }");
    let aliases = many(5_000, |at| format!("a{at}: __typename "));
    let directives = "@a ".repeat(5_000);
    let documents = [
        ("2^24 fields by fragments", fan_out),
        ("5,000 aliases", format!("{{ {aliases} }}")),
        ("10,000 brackets", "{a".repeat(10_000)),
        ("5,000 directives", format!("{{ __typename {directives} }}")),
    ];
    let ids: Vec<String> = (0..60_000).map(|at| format!("lead_{at}")).collect();
    let query =
        "query ($ids: [String!]) { companies(filter: { closeId: { in: $ids } }) { totalCount } }";
    let mut requests: Vec<(&str, Value)> = documents
        .into_iter()
        .map(|(name, query)| (name, json!({ "query": query })))
        .collect();
    requests.push((
        "60,000 values",
        json!({"query": query, "variables": {"ids": ids}}),
    ));
    let batch = vec![json!({"query": "{ __typename }"}); 1_000];
    requests.push(("a batch of 1,000", Value::Array(batch)));
    requests
}
