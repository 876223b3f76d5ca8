//! `/metrics` and the table of it agree.

use crate::deployment::Deployment;
use crate::documents::{RUNBOOK, table};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Names with their types, as `/metrics` says.
fn types(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    lines
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            (name.to_owned(), kind.to_owned())
        })
        .collect()
}

/// The samples: name, labels, value.
fn samples(text: &str) -> Vec<(String, BTreeMap<String, String>, f64)> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels
                .trim_end_matches('}')
                .split("\",")
                .filter_map(|label| {
                    let (key, value) = label.split_once("=\"")?;
                    Some((key.to_owned(), value.trim_end_matches('"').to_owned()))
                });
            (name.to_owned(), labels.collect(), value.parse().unwrap())
        })
        .collect()
}

fn documented() -> BTreeMap<String, String> {
    table()
        .into_iter()
        .map(|(name, row)| (name, row.kind))
        .collect()
}

/// Waits until what is answered satisfies; readings of the gauges are 15 seconds apart.
async fn metrics_until(deployment: &Deployment, satisfied: impl Fn(&str) -> bool) -> String {
    let start = Instant::now();
    loop {
        let text = deployment.metrics().await;
        if satisfied(&text) || start.elapsed() > Duration::from_secs(90) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_their_table_name_the_same_and_a_connection_takes_its_gauges_along() {
    let often = [
        ("CLOSEGRAPH_SYNC_VERIFY_S", "1"),
        ("CLOSEGRAPH_SYNC_SWEEP_S", "1"),
    ];
    let deployment = Deployment::start(&often).await;
    let token = deployment.token();
    deployment.traffic(20.0, Duration::from_secs(3)).await;
    assert_eq!(deployment.deliver("{}", false).await, 401);
    let question = RUNBOOK
        .lines()
        .skip_while(|line| !line.starts_with("    { "));
    let question: String = question.take_while(|line| !line.is_empty()).collect();
    let answer = deployment.ask(&token, &question).await;
    assert_eq!(answer["errors"], serde_json::Value::Null, "{question}");

    let complete = |text: &str| {
        let applied = samples(text).into_iter().any(|(name, labels, value)| {
            name == "closegraph_events_total" && labels["outcome"] == "applied" && value > 0.0
        });
        types(text) == documented() && applied
    };
    let text = metrics_until(&deployment, complete).await;
    assert_eq!(types(&text), documented());
    each_has_help_and_bounded_labels(&text);
    the_numbers_are_those_of_postgres(&deployment, &text).await;

    let connection = deployment.connection().await.to_string();
    assert!(text.contains(&connection));
    sqlx::query("update connection set status = 'disconnected'")
        .execute(&deployment.pool)
        .await
        .unwrap();
    let text = metrics_until(&deployment, |text| !text.contains(&connection)).await;
    assert!(!text.contains(&connection), "{text}");
    let (_, _, reads) = samples(&text)
        .into_iter()
        .find(|(name, labels, _)| {
            name == "closegraph_fact_reads_total" && labels["outcome"] == "failed"
        })
        .unwrap();
    assert!(reads.abs() < f64::EPSILON, "{reads} readings failed");
}

fn each_has_help_and_bounded_labels(text: &str) {
    let table = table();
    for name in types(text).keys() {
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
    }
    for (series, labels, _) in samples(text) {
        let parts = ["_bucket", "_sum", "_count"];
        let base = parts.iter().find_map(|part| series.strip_suffix(part));
        let row = table.get(&series).or_else(|| table.get(base?)).unwrap();
        let mut keys: BTreeSet<String> = labels.keys().cloned().collect();
        keys.remove("le");
        assert_eq!(keys, row.labels, "{series}");
        for (key, value) in &labels {
            let close_ids = ["ev_", "lead_", "cont_", "oppo_", "user_", "orga_", "whsub_"];
            let personal = value.contains('@') || close_ids.iter().any(|id| value.starts_with(id));
            assert!(!personal, "{series}: {key} is {value}");
            let uuid = value.parse::<uuid::Uuid>().is_ok();
            assert_eq!(uuid, key == "connection", "{series}: {key} is {value}");
        }
    }
}

async fn the_numbers_are_those_of_postgres(deployment: &Deployment, text: &str) {
    let value = |name: &str, label: &str| {
        let all = samples(text);
        let mut found = all.iter().filter(|(series, labels, _)| {
            series == name && (label.is_empty() || labels.values().any(|value| value == label))
        });
        found.next().unwrap().2
    };
    let count = async |question: &'static str| {
        let count: i64 = sqlx::query_scalar(question)
            .fetch_one(&deployment.pool)
            .await
            .unwrap();
        count as f64
    };
    let dead = count("select count(*) from event where state = 'dead'").await;
    assert_eq!(value("closegraph_inbox_events", "dead"), dead);
    assert_eq!(value("closegraph_connections", "active"), 1.0);
    assert_eq!(value("closegraph_backfill_complete", ""), 1.0);
    assert_eq!(value("closegraph_subscription_healthy", ""), 1.0);
    assert_eq!(value("closegraph_events_refused_total", "signature"), 1.0);
    let delivered = count("select count(*) from event where origin = 'webhook'").await;
    let logged = count("select count(*) from event where origin = 'event_log'").await;
    let received = |origin: &str| {
        let all = samples(text);
        let new = all.iter().filter(|(name, labels, _)| {
            name == "closegraph_events_received_total"
                && labels["origin"] == origin
                && labels["outcome"] != "duplicate"
        });
        new.map(|(_, _, value)| value).sum::<f64>()
    };
    assert_eq!(
        (received("webhook"), received("event_log")),
        (delivered, logged)
    );
    let now = chrono::Utc::now().timestamp() as f64;
    for task in ["catch_up", "sweep", "verify", "settings", "subscription"] {
        let at = value("closegraph_task_last_success_timestamp_seconds", task);
        assert!((now - at).abs() < 120.0, "{task}: {at}, it is {now}");
    }
}
