use std::time::{Duration, Instant};

use close_sim::{Faults, SimulatorConfig};
use serde_json::json;

use crate::harness::{config, ids, start, text};

async fn with(faults: Faults) -> crate::harness::Sim {
    start(SimulatorConfig { faults, ..config() }).await
}

#[tokio::test]
async fn bursts_of_429_and_server_errors_come_as_often_as_asked() {
    let sim = with(Faults {
        too_many_requests: 1.0,
        ..Faults::default()
    })
    .await;
    let refused = sim.get("me/").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["retry-after"], "1");
    sim.control(
        "PUT",
        "faults",
        json!({ "too_many_requests": 0.0, "server_errors": 1.0 }),
    )
    .await
    .ok();
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(sim.get("me/").await.status);
    }
    // What is left of the burst comes first.
    assert!(
        statuses
            .iter()
            .skip(3)
            .all(|status| [500, 502, 503].contains(status)),
        "{statuses:?}"
    );
    sim.control("DELETE", "faults", json!({})).await.ok();
    assert_eq!(sim.get("me/").await.status, 200);
}

#[tokio::test]
async fn broken_and_truncated_answers_fail_in_the_client() {
    let sim = with(Faults {
        resets: 1.0,
        ..Faults::default()
    })
    .await;
    let reset = async || match sim.request("GET", "me/").send().await {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(reset().await);
    sim.control(
        "PUT",
        "faults",
        json!({ "resets": 0.0, "truncations": 1.0 }),
    )
    .await
    .ok();
    let response = sim.request("GET", "lead/?_limit=5").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
    sim.control(
        "PUT",
        "faults",
        json!({ "truncations": 0.0, "half_answers": 1.0 }),
    )
    .await
    .ok();
    let response = sim.request("GET", "lead/?_limit=5").send().await.unwrap();
    let text = response.text().await.unwrap();
    assert!(text.starts_with('{') && serde_json::from_str::<serde_json::Value>(&text).is_err());
}

#[tokio::test]
async fn slow_answers_wait() {
    let sim = with(Faults {
        slow: 1.0,
        slow_ms: 300,
        ..Faults::default()
    })
    .await;
    let started = Instant::now();
    sim.get("me/").await.ok();
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn the_legacy_query_and_the_embedded_children_can_be_taken_away() {
    let sim = with(Faults {
        refuse_lead_query: true,
        omit_embedded: true,
        ..Faults::default()
    })
    .await;
    sim.get("lead/?query=sort:date_updated")
        .await
        .field_error("query");
    let page = sim.get("lead/?_limit=5").await.ok();
    assert!(page["data"][0].get("contacts").is_none());
    assert!(page["data"][0].get("opportunities").is_none());
    assert!(page["data"][0].get("name").is_some());
}

#[tokio::test]
async fn cursors_can_expire_early() {
    let sim = with(Faults {
        expired_cursors: 1.0,
        ..Faults::default()
    })
    .await;
    let mut body = json!({ "query": { "type": "match_all" }, "_limit": 10 });
    body["cursor"] = sim.search(body.clone()).await.ok()["cursor"].clone();
    assert_eq!(
        sim.search(body).await.field_error("cursor"),
        "Expired cursor"
    );
}

#[tokio::test]
async fn lists_and_search_lag_behind_writes_and_a_deleted_object_still_answers() {
    let sim = with(Faults {
        read_lag_ms: 600,
        ..Faults::default()
    })
    .await;
    let newest = ids(&sim.get("lead/?_limit=1").await.ok());
    let lead = sim
        .send("POST", "lead/", json!({ "name": "Fresh" }))
        .await
        .ok();
    let path = format!("lead/{}/", text(&lead, "id"));
    assert_eq!(
        sim.get(&path).await.status,
        200,
        "a GET by id shows it at once"
    );
    assert_eq!(ids(&sim.get("lead/?_limit=1").await.ok()), newest);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(
        ids(&sim.get("lead/?_limit=1").await.ok()),
        [text(&lead, "id")]
    );
    sim.send("DELETE", &path, json!({})).await.ok();
    assert_eq!(sim.get(&path).await.status, 200, "stale");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(sim.get(&path).await.status, 404);
}

#[tokio::test]
async fn unknown_faults_and_impossible_probabilities_are_refused() {
    let sim = with(Faults::default()).await;
    assert_eq!(
        sim.control("PUT", "faults", json!({ "gremlins": 1.0 }))
            .await
            .status,
        400
    );
    sim.control("PUT", "faults", json!({ "resets": 1.5 }))
        .await
        .field_error("resets");
}
