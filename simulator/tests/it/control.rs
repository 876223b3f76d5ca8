use std::time::Duration;

use close_sim::SimulatorConfig;
use serde_json::{Value, json};

use crate::harness::{config, start, subscription, text};

#[tokio::test]
async fn objects_come_as_rest_gives_them_one_a_line() {
    let sim = start(config()).await;
    for kind in ["lead", "contact", "opportunity", "user"] {
        let url = format!("{}objects/{kind}", sim.simulator.control_url());
        let lines = sim
            .client
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let objects: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut listed = sim.all(&format!("{kind}/")).await;
        assert_eq!(objects.len(), listed.len(), "{kind}");
        for object in &mut listed {
            for child in ["contacts", "opportunities", "tasks"] {
                object.as_object_mut().unwrap().remove(child);
            }
            assert!(objects.contains(object), "{kind} {}", object["id"]);
        }
    }
}

#[tokio::test]
async fn revenue_is_the_sum_over_won_deals() {
    let sim = start(config()).await;
    let won = sim.all("opportunity/?status_type=won").await;
    let sum = |deals: &mut dyn Iterator<Item = &Value>| -> i64 {
        deals.filter_map(|deal| deal["value"].as_i64()).sum()
    };
    let all = sim.control("GET", "revenue", Value::Null).await.ok();
    assert_eq!(all[0]["total"], sum(&mut won.iter()));
    assert_eq!(all[0]["count"], won.len());
    let within = |deal: &&Value| {
        (text(deal, "date_won") >= "2026-01-01") && (text(deal, "date_won") <= "2026-03-31")
    };
    let quarter = sim
        .control("GET", "revenue?from=2026-01-01&to=2026-03-31", Value::Null)
        .await
        .ok();
    assert_eq!(quarter[0]["total"], sum(&mut won.iter().filter(within)));
    assert_eq!(quarter[0]["count"], won.iter().filter(within).count());
    let state = sim.control("GET", "state", Value::Null).await.ok();
    let by_day: i64 = state["won"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["value"].as_i64().unwrap())
        .sum();
    assert_eq!(by_day, all[0]["total"].as_i64().unwrap());
    assert_eq!(
        sim.control("GET", "revenue?from=2030-01-01", Value::Null)
            .await
            .ok(),
        json!([])
    );
    sim.control("GET", "revenue?from=soon", Value::Null)
        .await
        .field_error("from");
}

#[tokio::test]
async fn requests_are_counted_by_route_and_writes_are_kept() {
    let sim = start(config()).await;
    let lead = sim.send("POST", "lead/", json!({ "name": "A" })).await.ok();
    sim.get(&format!("lead/{}/", text(&lead, "id"))).await.ok();
    sim.search(json!({ "query": { "type": "match_all" } }))
        .await
        .ok();
    let seen = sim.control("GET", "requests", Value::Null).await.ok();
    let expected = json!({ "GET /lead/{id}/": 1, "POST /data/search/": 1, "POST /lead/": 1 });
    assert_eq!((&seen["counts"], &seen["total"]), (&expected, &json!(3)));
    assert_eq!(
        seen["writes"].as_array().unwrap().len(),
        1,
        "a search is no write"
    );
    assert_eq!(seen["writes"][0]["path"], "/api/v1/lead/");
    sim.control("DELETE", "requests", Value::Null).await.ok();
    assert_eq!(
        sim.control("GET", "requests", Value::Null).await.ok()["total"],
        0
    );
}

#[tokio::test]
async fn traffic_starts_and_stops_while_running() {
    let sim = start(config()).await;
    sim.control("PUT", "traffic", json!({ "per_second": 500.0 }))
        .await
        .ok();
    tokio::time::sleep(Duration::from_millis(900)).await;
    sim.control("PUT", "traffic", json!({ "per_second": 0 }))
        .await
        .ok();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let events = sim.control("GET", "state", Value::Null).await.ok()["counts"]["event"].clone();
    assert!(events.as_u64().unwrap() > 100, "{events}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        sim.control("GET", "state", Value::Null).await.ok()["counts"]["event"],
        events
    );
    sim.control("PUT", "traffic", json!({ "per_second": -1 }))
        .await
        .field_error("per_second");
}

#[tokio::test]
async fn a_control_token_is_required_when_there_is_one() {
    let sim = start(SimulatorConfig {
        control_token: Some("behind".into()),
        ..config()
    })
    .await;
    assert_eq!(sim.control("GET", "state", Value::Null).await.status, 401);
    let url = format!("{}state", sim.simulator.control_url());
    assert_eq!(
        sim.client
            .get(url)
            .bearer_auth("behind")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn a_cancelled_shutdown_token_ends_everything_with_connections_open() {
    let sim = start(SimulatorConfig {
        traffic_per_second: 50.0,
        ..config()
    })
    .await;
    sim.send(
        "POST",
        "webhook/",
        subscription("http://127.0.0.1:9/nobody"),
    )
    .await
    .ok();
    sim.send("POST", "lead/", json!({ "name": "A" })).await.ok();
    let stopped = tokio::time::timeout(Duration::from_secs(5), sim.stop()).await;
    assert!(stopped.is_ok());
}
