//! Twenty thousand changes while everything goes wrong, one thing after the other. After each, the mirror is the same as
//! Close. `FAULT_CHANGES` asks for more changes, `FAULT_SEED` for another organization.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says how far it is"
)]

use close_sim::{SimulatorConfig, WebhookTiming};
use closegraph_sync::{Schedule, SyncOptions};
use closegraph_tests::Mirror;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Changes a second.
const TRAFFIC: f64 = 600.0;

fn number(variable: &str, usual: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(usual, |given| given.parse().unwrap())
}

/// Everything runs by itself, and often.
fn eager() -> SyncOptions {
    SyncOptions {
        poll: Duration::from_millis(100),
        schedule: Schedule {
            catch_up: Duration::from_millis(500),
            sweep: Duration::from_secs(5),
            verify: Duration::from_secs(1_000_000),
            settings: Duration::from_secs(20),
            subscription: Duration::from_secs(1),
        },
        ..SyncOptions::default()
    }
}

async fn start() -> Mirror {
    let config = SimulatorConfig {
        seed: number("FAULT_SEED", 7),
        leads: 2_000,
        traffic_per_second: 0.0,
        event_log_capacity: 500_000,
        webhooks: WebhookTiming {
            consolidation: Duration::from_millis(200),
            retry_first: Duration::from_millis(200),
            retry_max: Duration::from_secs(1),
            ..WebhookTiming::default()
        },
        ..SimulatorConfig::default()
    };
    Mirror::start(config, eager()).await.unwrap()
}

/// What is true of the mirror whenever it is at rest.
async fn is_true(mirror: &Mirror, after: &str) {
    let start = Instant::now();
    mirror.settle().await.unwrap();
    // The log may still hold what no webhook brought.
    mirror.read_log().await.unwrap();
    mirror.settle().await.unwrap();
    for drift in mirror.verify(false).await.unwrap() {
        assert_eq!(drift.found(), 0, "after {after}: {drift:?}");
    }
    for (what, wrong) in [
        ("a deal is booked twice or never", "select count(*) from (
            select o.id from opportunity o left join transaction t on t.opportunity_id = o.id
             group by o.id, o.status having count(t.id) <> (o.status = 'won')::int) d"),
        ("a write without its entries", "select abs((select count(*) from audit_entry) - (select count(*) from change_feed))"),
        ("a dead letter", "select count(*) from event where state = 'dead'"),
        ("a record both alive and dead", "select count(*) from tombstone t where exists (select from company c where c.id = t.record_id)
            or exists (select from person p where p.id = t.record_id) or exists (select from opportunity o where o.id = t.record_id)"),
    ] {
        assert_eq!(mirror.count(wrong).await.unwrap(), 0, "after {after}: {what}");
    }
    let elapsed = start.elapsed();
    let changes = mirror.close.changes().await.unwrap();
    eprintln!("after {after}: true within {elapsed:.1?}, {changes} events so far");
}

/// Lets people work until there are so many events.
async fn work_until(mirror: &Mirror, events: u64) {
    mirror.close.simulator.set_traffic(TRAFFIC);
    let start = Instant::now();
    while mirror.close.changes().await.unwrap() < events {
        assert!(start.elapsed() < Duration::from_secs(300), "too slow");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Faults of Close and of the way to it.
fn faults() -> Vec<(&'static str, Value)> {
    vec![
        ("nothing", json!({})),
        (
            "disorder and duplicates",
            json!({ "webhook_duplicates": 0.3, "webhook_disorder": 0.6, "webhook_disorder_ms": 2_000 }),
        ),
        ("lost deliveries", json!({ "webhook_drops": 0.4 })),
        (
            "a storm of 429",
            json!({ "too_many_requests": 0.3, "burst_length": 3, "webhook_drops": 0.2 }),
        ),
        (
            "500s",
            json!({ "server_errors": 0.3, "webhook_drops": 0.2 }),
        ),
        (
            "answers cut short, and resets",
            json!({ "truncations": 0.1, "half_answers": 0.2, "resets": 0.2, "webhook_drops": 0.2 }),
        ),
        (
            "slow answers",
            json!({ "slow": 0.3, "slow_ms": 500, "webhook_drops": 0.2 }),
        ),
        (
            "lists that lag",
            json!({ "read_lag_ms": 1_500, "webhook_drops": 0.2 }),
        ),
        (
            "expired cursors",
            json!({ "expired_cursors": 0.3, "webhook_drops": 0.3 }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_the_mirror_ends_true() {
    let mut mirror = start().await;
    let all = number("FAULT_CHANGES", 20_000);
    let faults = faults();
    // The faults of Close, then three of our own side.
    let share = all / (faults.len() as u64 + 3);
    let mut events = 0;
    for (name, fault) in faults {
        events += share;
        mirror.close.faults(&fault).await.unwrap();
        work_until(&mirror, events).await;
        mirror.close.simulator.set_traffic(0.0);
        mirror.close.no_faults().await.unwrap();
        is_true(&mirror, name).await;
    }

    events += share;
    mirror.close.simulator.set_traffic(TRAFFIC);
    for _ in 0..5 {
        mirror.database.cut_connections().await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    work_until(&mirror, events).await;
    is_true(&mirror, "restarts of Postgres").await;

    events += share;
    mirror.close.simulator.set_traffic(TRAFFIC / 4.0);
    mirror
        .database
        .close_for(Duration::from_secs(number("FAULT_OUTAGE_SECONDS", 8)))
        .await
        .unwrap();
    work_until(&mirror, events).await;
    is_true(&mirror, "an outage of Postgres").await;

    events += share;
    mirror.close.simulator.set_traffic(TRAFFIC);
    mirror.stop().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    mirror.resume().unwrap();
    work_until(&mirror, events).await;
    is_true(&mirror, "a stop and a start of ours").await;
}
