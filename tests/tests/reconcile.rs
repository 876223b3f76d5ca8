//! Whatever the hook misses, the mirror converges, and a comparison shows that it has.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use chrono::{TimeDelta, Utc};
use close_sim::{Faults, SimulatorConfig, WebhookTiming};
use closegraph_entity::record::record_id;
use closegraph_sync::connect::{Watched, rotate_signing_key, watch_subscription};
use closegraph_sync::reconcile::{Drift, sweep};
use closegraph_sync::{Schedule, SyncOptions};
use closegraph_tests::Mirror;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const NEVER: Duration = Duration::from_secs(1_000_000);

/// Nothing runs by itself but the inbox.
fn by_hand() -> SyncOptions {
    SyncOptions {
        poll: Duration::from_millis(50),
        schedule: Schedule {
            catch_up: NEVER,
            sweep: NEVER,
            verify: NEVER,
            settings: NEVER,
            subscription: NEVER,
        },
        ..SyncOptions::default()
    }
}

/// The event log is read all the time.
fn eager() -> SyncOptions {
    let mut options = by_hand();
    options.schedule.catch_up = Duration::from_millis(200);
    options
}

fn busy(faults: Faults) -> SimulatorConfig {
    SimulatorConfig {
        leads: 300,
        traffic_per_second: 0.0,
        faults,
        webhooks: WebhookTiming {
            retry_first: Duration::from_millis(100),
            retry_max: Duration::from_millis(500),
            ..WebhookTiming::default()
        },
        ..SimulatorConfig::default()
    }
}

const DEAF: Faults = Faults {
    webhook_drops: 1.0,
    ..NONE
};

const NONE: Faults = Faults {
    too_many_requests: 0.0,
    burst_length: 3,
    server_errors: 0.0,
    resets: 0.0,
    truncations: 0.0,
    half_answers: 0.0,
    slow: 0.0,
    slow_ms: 0,
    expired_cursors: 0.0,
    refuse_lead_query: false,
    refuse_activity_search: false,
    omit_embedded: false,
    read_lag_ms: 0,
    webhook_drops: 0.0,
    webhook_duplicates: 0.0,
    webhook_disorder: 0.0,
    webhook_disorder_ms: 500,
};

/// Lets people work for a while.
async fn work(mirror: &Mirror, seconds: u64) {
    mirror.close.simulator.set_traffic(200.0);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    mirror.close.simulator.set_traffic(0.0);
}

#[tokio::test]
async fn the_event_log_brings_all_that_no_webhook_did() {
    let mirror = Mirror::start(busy(DEAF), by_hand()).await.unwrap();
    work(&mirror, 3).await;
    let drifted: u64 = mirror
        .verify(false)
        .await
        .unwrap()
        .iter()
        .map(Drift::found)
        .sum();
    assert!(drifted > 100, "{drifted}");
    let report = mirror.read_log().await.unwrap();
    assert!(report.new > 100 && !report.gap, "{report:?}");
    mirror.settle().await.unwrap();
    mirror.ensure_true().await.unwrap();
    let dead = mirror
        .count("select count(*) from event where state = 'dead'")
        .await;
    assert_eq!(dead.unwrap(), 0);

    let again = mirror.read_log().await.unwrap();
    assert_eq!(again.new, 0, "{again:?}");
    let held = "select count(*) from event where next_attempt_at = 'infinity'";
    assert_eq!(mirror.count(held).await.unwrap(), 0);
}

#[tokio::test]
async fn webhooks_and_the_log_together_write_each_change_once() {
    let faults = Faults {
        webhook_duplicates: 0.3,
        webhook_disorder: 0.5,
        webhook_drops: 0.2,
        ..NONE
    };
    let mirror = Mirror::start(busy(faults), eager()).await.unwrap();
    work(&mirror, 4).await;
    mirror.settle().await.unwrap();
    mirror.read_log().await.unwrap();
    mirror.settle().await.unwrap();
    mirror.ensure_true().await.unwrap();
    let doubled = "select count(*) from (select from audit_entry group by record_id, at, action, changed_fields
                    having count(*) > 1 and action <> 'updated') d";
    assert_eq!(mirror.count(doubled).await.unwrap(), 0);
    let both = "select count(*) from event where delivered_at is not null";
    assert!(mirror.count(both).await.unwrap() > 50);
    let unequal =
        "select abs((select count(*) from audit_entry) - (select count(*) from change_feed))";
    assert_eq!(mirror.count(unequal).await.unwrap(), 0);
}

#[tokio::test]
async fn a_comparison_counts_what_differs_and_a_repair_ends_it() {
    let mirror = Mirror::start(busy(DEAF), by_hand()).await.unwrap();
    mirror.ensure_true().await.unwrap();
    for statement in [
        "delete from company where close_id in (select close_id from company order by id limit 3)",
        "update person set name = 'wrong', raw = jsonb_set(raw, '{name}', '\"wrong\"'),
                source_updated_at = source_updated_at - interval '1 day'
          where close_id in (select close_id from person order by id limit 5)",
    ] {
        sqlx::query(statement)
            .execute(&mirror.database.pool)
            .await
            .unwrap();
    }
    let ghost = "oppo_ghost";
    sqlx::query(
        "insert into opportunity (id, connection_id, close_id, status, currency, value_period, raw, source_updated_at, synced_at)
         values ($1, $2, $3, 'active', 'USD', 'one_time', '{\"status_type\": \"active\"}', now(), now() - interval '1 hour')",
    )
    .bind(record_id(mirror.close.connection, ghost))
    .bind(mirror.close.connection)
    .bind(ghost)
    .execute(&mirror.database.pool)
    .await
    .unwrap();
    for repair in [false, true] {
        let drifts = mirror.verify(repair).await.unwrap();
        let found = |record_type: &str| {
            let drift = drifts.iter().find(|drift| drift.record_type == record_type);
            drift
                .map(|drift| (drift.missing, drift.extra, drift.stale))
                .unwrap()
        };
        assert_eq!(found("company"), (3, 0, 0), "repair: {repair}");
        assert_eq!(found("person"), (0, 0, 5), "repair: {repair}");
        assert_eq!(found("opportunity"), (0, 1, 0), "repair: {repair}");
        let examples = drifts.iter().flat_map(|drift| &drift.examples);
        assert_eq!(
            examples.filter(|example| example.close_id == ghost).count(),
            1
        );
    }
    mirror.ensure_true().await.unwrap();
}

#[tokio::test]
async fn deletes_and_creates_that_left_no_event_are_found_by_comparing() {
    let mirror = Mirror::start(busy(DEAF), by_hand()).await.unwrap();
    work(&mirror, 2).await;
    let found = mirror.verify(true).await.unwrap();
    assert!(found.iter().any(|drift| drift.extra > 0), "{found:?}");
    assert!(found.iter().any(|drift| drift.missing > 0), "{found:?}");
    assert!(found.iter().any(|drift| drift.stale > 0), "{found:?}");
    assert!(found.iter().all(|drift| drift.left() == 0), "{found:?}");
    mirror.ensure_true().await.unwrap();
    // What the log says later is all known.
    mirror.read_log().await.unwrap();
    mirror.settle().await.unwrap();
    mirror.ensure_true().await.unwrap();
}

#[tokio::test]
async fn a_sweep_finds_changes_and_the_next_one_writes_nothing() {
    let mirror = Mirror::start(busy(DEAF), by_hand()).await.unwrap();
    work(&mirror, 2).await;
    let (pool, stop) = (&mirror.database.pool, CancellationToken::new());
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let first = sweep(pool, connections, id, &stop).await.unwrap();
    assert!(first.created > 0 && first.updated > 0, "{first:?}");
    let written = "select (extract(epoch from max(at)) * 1000000)::bigint from (
        select max(synced_at) as at from company union all select max(synced_at) from person
        union all select max(synced_at) from opportunity union all select max(synced_at) from transaction) w";
    let trail = "select (select count(*) from audit_entry) + (select count(*) from change_feed)";
    let before = (
        mirror.count(written).await.unwrap(),
        mirror.count(trail).await.unwrap(),
    );
    let second = sweep(pool, connections, id, &stop).await.unwrap();
    assert_eq!((second.created, second.updated, second.deleted), (0, 0, 0));
    assert!(second.unchanged > 0, "{second:?}");
    let after = (
        mirror.count(written).await.unwrap(),
        mirror.count(trail).await.unwrap(),
    );
    assert_eq!(after, before, "no row was written again");
}

#[tokio::test]
async fn a_subscription_that_is_paused_moved_or_gone_is_repaired() {
    let mirror = Mirror::start(busy(NONE), by_hand()).await.unwrap();
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    assert_eq!(
        watch_subscription(connections, id).await.unwrap(),
        Watched::Healthy
    );
    let hook = mirror.subscriptions().await.unwrap()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("webhook/{hook}/");
    for (method, body) in [
        (Method::PUT, json!({ "status": "paused" })),
        (Method::PUT, json!({ "url": "https://elsewhere.example/" })),
        (
            Method::PUT,
            json!({ "events": [{ "object_type": "lead", "action": "created" }] }),
        ),
        (Method::DELETE, json!({})),
    ] {
        mirror.close.write(method, &path, &body).await.unwrap();
        let watched = watch_subscription(connections, id).await.unwrap();
        assert!(
            matches!(watched, Watched::Repaired(_)),
            "{body}: {watched:?}"
        );
        assert_eq!(
            watch_subscription(connections, id).await.unwrap(),
            Watched::Healthy
        );
        if body == json!({}) {
            break;
        }
    }
    // The new key is in use.
    work(&mirror, 1).await;
    mirror.settle().await.unwrap();
    let delivered = "select count(*) from event where delivered_at is not null";
    assert!(mirror.count(delivered).await.unwrap() > 0);
}

#[tokio::test]
async fn what_is_on_its_way_is_no_drift() {
    let mirror = Mirror::start(busy(NONE), by_hand()).await.unwrap();
    mirror.close.simulator.set_traffic(20.0);
    for _ in 0..3 {
        let found = mirror.verify_within(Duration::from_secs(30), false).await;
        let found: u64 = found.unwrap().iter().map(Drift::found).sum();
        assert_eq!(found, 0);
    }
}

#[tokio::test]
async fn the_signing_key_changes_without_a_gap() {
    let mirror = Mirror::start(busy(NONE), by_hand()).await.unwrap();
    let old = mirror.subscriptions().await.unwrap()[0]["id"].clone();
    mirror.close.simulator.set_traffic(200.0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let new = rotate_signing_key(connections, id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    mirror.settle().await.unwrap();
    let left = mirror.subscriptions().await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["id"], json!(new));
    assert_ne!(left[0]["id"], old);
    // What the old subscription had not delivered when it was removed is in the log.
    mirror.read_log().await.unwrap();
    mirror.settle().await.unwrap();
    mirror.ensure_true().await.unwrap();
}

#[tokio::test]
async fn clocks_that_differ_by_ten_minutes_lose_nothing() {
    for skew in [TimeDelta::minutes(-10), TimeDelta::minutes(10)] {
        let config = SimulatorConfig {
            now: Some(Utc::now() + skew),
            ..busy(NONE)
        };
        let mirror = Mirror::start(config, eager()).await.unwrap();
        work(&mirror, 2).await;
        mirror.settle().await.unwrap();
        mirror.read_log().await.unwrap();
        mirror.settle().await.unwrap();
        mirror.ensure_true().await.unwrap();
        // Signed at what is another time here, and confirmed by the log.
        let delivered = "select count(*) from event where delivered_at is not null";
        assert!(mirror.count(delivered).await.unwrap() > 0, "{skew}");
    }
}

#[tokio::test]
async fn a_subscription_that_nobody_has_the_key_of_goes_when_another_is_made() {
    let mirror = Mirror::start(busy(NONE), by_hand()).await.unwrap();
    let ours = mirror.subscriptions().await.unwrap()[0].clone();
    let stray = json!({ "url": ours["url"], "events": ours["events"] });
    let written = mirror.close.write(Method::POST, "webhook/", &stray).await;
    written.unwrap();
    assert_eq!(mirror.subscriptions().await.unwrap().len(), 2);
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let new = rotate_signing_key(connections, id).await.unwrap();
    let left = mirror.subscriptions().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["id"], json!(new));
}

#[tokio::test]
async fn two_days_without_deliveries_are_caught_up() {
    let two_days = Duration::from_secs(2 * 24 * 3_600);
    let config = SimulatorConfig {
        now: Some(Utc::now() - two_days),
        ..busy(NONE)
    };
    let mut mirror = Mirror::start(config, by_hand()).await.unwrap();
    let hook = mirror.subscriptions().await.unwrap()[0]["id"].clone();
    let path = format!("webhook/{}/", hook.as_str().unwrap());
    let paused = json!({ "status": "paused" });
    mirror
        .close
        .write(Method::PUT, &path, &paused)
        .await
        .unwrap();
    for _ in 0..8 {
        work(&mirror, 1).await;
        mirror.close.simulator.advance(two_days / 8);
    }
    mirror.settle().await.unwrap();
    let drifted = mirror.verify(false).await.unwrap();
    assert!(drifted.iter().map(Drift::found).sum::<u64>() > 100);

    mirror.stop().await;
    mirror.resume().unwrap();
    mirror
        .wait("select exists (select from event where origin = 'event_log')")
        .await
        .unwrap();
    mirror.settle().await.unwrap();
    mirror.ensure_true().await.unwrap();
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let watched = watch_subscription(connections, id).await.unwrap();
    assert!(matches!(watched, Watched::Repaired(_)), "{watched:?}");
    work(&mirror, 1).await;
    mirror.settle().await.unwrap();
    mirror.ensure_true().await.unwrap();
    let delivered = "select count(*) from event where delivered_at is not null";
    assert!(mirror.count(delivered).await.unwrap() > 0);
}

#[tokio::test]
async fn a_stop_of_ours_is_caught_up_at_the_next_start() {
    let mut mirror = Mirror::start(busy(NONE), by_hand()).await.unwrap();
    mirror.stop().await;
    mirror
        .close
        .faults(&json!({ "webhook_drops": 1.0 }))
        .await
        .unwrap();
    work(&mirror, 2).await;
    mirror.resume().unwrap();
    mirror
        .wait("select exists (select from event where origin = 'event_log' and state = 'applied')")
        .await
        .unwrap();
    mirror.settle().await.unwrap();
    mirror.ensure_true().await.unwrap();
}
