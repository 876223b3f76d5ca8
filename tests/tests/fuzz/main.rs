//! Deliveries that are rightly signed and wrong in every other way, among good ones: each is answered 200, 400 or 413,
//! whatever was accepted is kept, and the mirror ends true.
//!
//! `FUZZ_SEED` chooses the deliveries, `FUZZ_ITERATIONS` their number. `fuzz/` has the same for libFuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod mutate;

use close_sim::{RateLimit, SimulatorConfig, WebhookTiming};
use closegraph_entity::event::{DISCARD, REPLAY};
use closegraph_entity::record::Origin;
use closegraph_sync::close::{Object, ObjectType};
use closegraph_sync::inbox::Delivery;
use closegraph_sync::mapping::MappingContext;
use closegraph_sync::{Schedule, SyncOptions};
use closegraph_tests::{Mirror, sign};
use mutate::Mutator;
use serde::Deserialize;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::JoinSet;

const NEVER: Duration = Duration::from_secs(1_000_000);
/// Deliveries on their way at once.
const TOGETHER: usize = 16;

fn number(variable: &str, usual: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(usual, |given| given.parse().unwrap())
}

async fn start(seed: u64) -> Mirror {
    let config = SimulatorConfig {
        seed,
        leads: 60,
        traffic_per_second: 0.0,
        rate_limit: RateLimit {
            requests: 1_000_000,
            ..RateLimit::default()
        },
        webhooks: WebhookTiming {
            consolidation: Duration::from_millis(100),
            retry_first: Duration::from_millis(200),
            ..WebhookTiming::default()
        },
        ..SimulatorConfig::default()
    };
    let options = SyncOptions {
        poll: Duration::from_millis(50),
        schedule: Schedule {
            catch_up: NEVER,
            sweep: NEVER,
            verify: NEVER,
            settings: NEVER,
            subscription: NEVER,
        },
        ..SyncOptions::default()
    };
    Mirror::start(config, options).await.unwrap()
}

/// What people did in a second, as Close told of it.
async fn real_events(mirror: &Mirror) -> Vec<Value> {
    mirror.close.simulator.set_traffic(200.0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    mirror.settle().await.unwrap();
    let told = "select payload from event where origin = 'webhook' order by close_event_id";
    let events: Vec<Value> = sqlx::query_scalar(told)
        .fetch_all(&mirror.database.pool)
        .await
        .unwrap();
    assert!(events.len() > 50, "{}", events.len());
    events
}

/// Delivers a body as Close would, and answers the status.
async fn deliver(http: reqwest::Client, url: String, key: String, body: Vec<u8>) -> u16 {
    let timestamp = chrono::Utc::now().timestamp().to_string();
    let hash = sign(&key, &timestamp, &body).unwrap();
    let request = http
        .post(url)
        .header("close-sig-timestamp", timestamp)
        .header("close-sig-hash", hash);
    request.body(body).send().await.unwrap().status().as_u16()
}

/// The id under which an accepted body has to be kept.
fn event_id(mirror: &Mirror, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Event {
        id: String,
    }
    let text = std::str::from_utf8(body).unwrap();
    let delivery = Delivery::from_envelope(mirror.close.connection, Origin::Webhook, text).unwrap();
    let event: Event = serde_json::from_str(delivery.payload()).unwrap();
    event.id
}

/// Maps what the body holds as an object of every type: whatever it is, its raw text keeps every key.
fn map(context: &MappingContext, body: &[u8]) {
    #[derive(Deserialize)]
    struct Envelope {
        event: Event,
    }
    #[derive(Deserialize)]
    struct Event {
        data: Object,
    }
    let Ok(Envelope { event }) = serde_json::from_slice(body) else {
        return;
    };
    let version = chrono::DateTime::UNIX_EPOCH;
    for object_type in [
        ObjectType::User,
        ObjectType::Lead,
        ObjectType::Contact,
        ObjectType::Opportunity,
        ObjectType::CustomObject,
        ObjectType::CustomActivity,
    ] {
        let mapped = context.columns(object_type, &event.data, "x_1", version);
        if let Ok(mapped) = mapped {
            assert_eq!(mapped.raw, event.data.to_json());
        }
    }
}

/// Sends bodies while people go on working; answers the ids of what was accepted, and how many were refused.
async fn bombard(
    mirror: &Mirror,
    mutator: &mut Mutator,
    iterations: u64,
) -> (BTreeSet<String>, u64) {
    let subscription = mirror.subscriptions().await.unwrap().remove(0);
    let word = |name: &str| subscription[name].as_str().unwrap().to_owned();
    let (url, key) = (word("url"), word("signature_key"));
    let context = mirror
        .close
        .connections
        .mapping(mirror.close.connection)
        .await;
    let context = context.unwrap();
    let http = reqwest::Client::new();
    let (mut accepted, mut refused) = (BTreeSet::new(), 0);
    mirror.close.simulator.set_traffic(20.0);
    let mut on_their_way = JoinSet::new();
    for number in 0..iterations {
        let mut body = mutator.body();
        if number % 1_000 == 999 {
            body.resize(5 * 1024 * 1024, b' ');
        }
        map(&context, &body);
        let answer = deliver(http.clone(), url.clone(), key.clone(), body.clone());
        on_their_way.spawn(async move { (answer.await, number, body) });
        let full = on_their_way.len() >= TOGETHER || number + 1 == iterations;
        while full && let Some(answered) = on_their_way.join_next().await {
            let (status, number, body) = answered.unwrap();
            let shown = String::from_utf8_lossy(&body[..body.len().min(2_000)]).into_owned();
            assert!(
                [200, 400, 413].contains(&status),
                "{status} for delivery {number}: {shown}"
            );
            if status == 200 {
                accepted.insert(event_id(mirror, &body));
            } else {
                refused += 1;
            }
        }
    }
    (accepted, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_delivered_nothing_breaks_and_nothing_is_lost() {
    let seed = number("FUZZ_SEED", 7);
    let mirror = start(seed).await;
    let mut mutator = Mutator::new(seed, real_events(&mirror).await);
    let (accepted, refused) =
        bombard(&mirror, &mut mutator, number("FUZZ_ITERATIONS", 2_000)).await;
    assert!(
        accepted.len() > 100 && refused > 10,
        "{} {refused}",
        accepted.len()
    );
    mirror.settle().await.unwrap();

    let kept = "select close_event_id from event where connection_id = $1";
    let kept: Vec<String> = sqlx::query_scalar(kept)
        .bind(mirror.close.connection)
        .fetch_all(&mirror.database.pool)
        .await
        .unwrap();
    let kept: BTreeSet<String> = kept.into_iter().collect();
    let lost: Vec<&String> = accepted.difference(&kept).collect();
    assert!(lost.is_empty(), "accepted and not kept: {lost:?}");
    let unexplained =
        "select count(*) from event where state = 'dead' and coalesce(error, '') = ''";
    assert_eq!(mirror.count(unexplained).await.unwrap(), 0);
    let dead: Vec<(String, String, String)> =
        sqlx::query_as("select close_event_id, object_id, error from event where state = 'dead'")
            .fetch_all(&mirror.database.pool)
            .await
            .unwrap();
    let good = dead.iter().filter(|(id, _, _)| !accepted.contains(id));
    let good: Vec<_> = good.collect();
    assert!(good.is_empty(), "good events are dead: {good:?}");

    // Trying again what is dead makes nothing worse, and it can be given up.
    let dead = "select count(*) from event where state = 'dead'";
    let before = mirror.count(dead).await.unwrap();
    assert!(before > 0);
    for outcome in [REPLAY, DISCARD] {
        let update = AssertSqlSafe(format!("update event set {outcome} where state = 'dead'"));
        sqlx::query(update)
            .execute(&mirror.database.pool)
            .await
            .unwrap();
        mirror.settle().await.unwrap();
        let left = mirror.count(dead).await.unwrap();
        let most = if outcome == REPLAY { before } else { 0 };
        assert!(left <= most, "{left} dead letters, {before} before");
    }
    // The strangers' objects are not Close's: a repair takes them away, and what is left is what Close has.
    mirror.verify(true).await.unwrap();
    mirror.ensure_true().await.unwrap();
    mirror
        .close
        .ensure_mirrored(&mirror.database)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_postgres_cannot_hold_is_answered_200_and_a_dead_letter() {
    let mirror = start(7).await;
    let subscription = mirror.subscriptions().await.unwrap().remove(0);
    let word = |name: &str| subscription[name].as_str().unwrap().to_owned();
    let send = async |id: &str, object_id: &str, at: &str, name: &str| {
        let body = format!(
            r#"{{"event":{{"id":"{id}","object_type":"lead","action":"updated","object_id":"{object_id}",
                "date_updated":"{at}","changed_fields":[],"data":{{"id":"{object_id}","name":{name}}}}}}}"#
        );
        let http = reqwest::Client::new();
        deliver(http, word("url"), word("signature_key"), body.into_bytes()).await
    };
    let at = "2026-03-01T12:00:00";
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let long = (0..9_000).map(|n: u32| char::from_u32(0x4e00 + n * 7 % 20_000).unwrap());
    let long = format!("\"{}\"", long.collect::<String>());
    for (id, object_id, name) in [
        ("ev_deep", "lead_deep", deep.as_str()),
        ("ev_number", "lead_number", "1e200000"),
        ("ev_long", "lead_long", long.as_str()),
        ("ev_path", "../me", "\"x\""),
        ("ev_no_id", "", "\"x\""),
    ] {
        assert_eq!(send(id, object_id, at, name).await, 200, "{id}");
    }
    for (id, at) in [
        ("ev_early", "-4800-01-01T00:00:00"),
        ("ev_late", "+262142-01-01T00:00:00"),
        (&"x".repeat(3_000), at),
    ] {
        assert_eq!(send(id, "lead_x", at, "null").await, 400, "{id} {at}");
    }
    assert_eq!(send("ev_good", "lead_good", at, "\"good\"").await, 200);
    mirror.settle().await.unwrap();
    let told: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "select close_event_id, state, error from event where close_event_id = any($1)",
    )
    .bind(["ev_deep", "ev_number", "ev_path", "ev_no_id"])
    .fetch_all(&mirror.database.pool)
    .await
    .unwrap();
    let is_dead =
        |state: &str, error: &Option<String>| state == "dead" && error.as_deref() > Some("");
    let dead = told.iter().filter(|(_, state, why)| is_dead(state, why));
    assert_eq!(dead.count(), 4, "{told:?}");
    let long =
        "select count(*) from company where close_id = 'lead_long' and char_length(name) = 500
                and char_length(raw ->> 'name') = 9000";
    assert_eq!(mirror.count(long).await.unwrap(), 1);
    let good = "select count(*) from company where close_id = 'lead_good'";
    assert_eq!(mirror.count(good).await.unwrap(), 1);
}
