use std::time::Duration;

use close_sim::{Faults, SimulatorConfig, WebhookTiming};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::harness::{Arrived, Receiver, config, start, subscription, text};

fn signature(key: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&hex::decode(key).unwrap()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

fn quick() -> WebhookTiming {
    WebhookTiming {
        consolidation: Duration::from_millis(150),
        retry_first: Duration::from_millis(50),
        retry_max: Duration::from_millis(100),
        ..WebhookTiming::default()
    }
}

#[tokio::test]
async fn a_subscription_shows_its_key_only_when_it_is_made() {
    let sim = start(config()).await;
    let made = sim
        .send(
            "POST",
            "webhook/",
            subscription("https://hooks.example/close"),
        )
        .await;
    assert_eq!(made.status, 201);
    let made = made.body;
    assert_eq!(text(&made, "signature_key").len(), 64);
    assert_eq!(
        (&made["status"], &made["verify_ssl"]),
        (&json!("active"), &json!(true))
    );
    assert_eq!(made["events"][0]["extra_filter"], Value::Null);
    assert_eq!(text(&made, "date_created").len(), 26, "no offset");
    let path = format!("webhook/{}/", text(&made, "id"));
    let mut expected = made.clone();
    expected.as_object_mut().unwrap().remove("signature_key");
    assert_eq!(sim.get(&path).await.ok(), expected);
    assert_eq!(sim.get("webhook/").await.ok()["data"], json!([expected]));
    let keys = sim.control("GET", "webhooks", Value::Null).await.ok();
    assert_eq!(keys["data"][0]["signature_key"], made["signature_key"]);
    let paused = sim
        .send("PUT", &path, json!({ "status": "paused" }))
        .await
        .ok();
    assert_eq!(
        (&paused["status"], &paused["url"]),
        (&json!("paused"), &made["url"])
    );
    let gone = sim.send("DELETE", &path, json!({})).await;
    assert_eq!((gone.status, gone.body), (200, json!({})));
    assert_eq!(sim.get(&path).await.status, 404);
}

#[tokio::test]
async fn wrong_subscriptions_and_a_forty_first_are_refused() {
    let sim = start(config()).await;
    sim.send("POST", "webhook/", json!({ "events": [] }))
        .await
        .field_error("url");
    sim.send(
        "POST",
        "webhook/",
        json!({ "url": "ftp://a.example", "events": [] }),
    )
    .await
    .field_error("url");
    sim.send(
        "POST",
        "webhook/",
        json!({ "url": "https://a.example", "events": [] }),
    )
    .await
    .field_error("events");
    for _ in 0..40 {
        sim.send("POST", "webhook/", subscription("https://a.example"))
            .await
            .ok();
    }
    assert_eq!(
        sim.send("POST", "webhook/", subscription("https://a.example"))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn deliveries_are_signed_creations_come_at_once_and_updates_consolidated() {
    let sim = start(SimulatorConfig {
        webhooks: quick(),
        ..config()
    })
    .await;
    let receiver = Receiver::start(0).await;
    let made = sim
        .send("POST", "webhook/", subscription(&receiver.url))
        .await
        .ok();
    let lead = sim
        .send("POST", "lead/", json!({ "name": "First" }))
        .await
        .ok();
    let path = format!("lead/{}/", text(&lead, "id"));
    for name in ["Second", "Third", "Fourth"] {
        sim.send("PUT", &path, json!({ "name": name })).await.ok();
    }
    sim.idle().await;
    let arrived = receiver.wait(2).await;
    assert_eq!(
        arrived.iter().map(Arrived::what).collect::<Vec<_>>(),
        ["lead created", "lead updated"]
    );
    for one in &arrived {
        assert_eq!(one.body.as_object().unwrap().len(), 2);
        assert_eq!(one.body["subscription_id"], made["id"]);
        assert_eq!(
            one.signature,
            signature(text(&made, "signature_key"), &one.timestamp, &one.raw)
        );
        let age = chrono::Utc::now().timestamp() - one.timestamp.parse::<i64>().unwrap();
        assert!((0..60).contains(&age), "signed by the machine's clock");
    }
    let update = arrived[1].event();
    assert_eq!(
        (&update["data"]["name"], &update["previous_data"]["name"]),
        (&json!("Fourth"), &json!("First"))
    );
    let logged = sim
        .get(&format!("event/{}/", text(update, "id")))
        .await
        .ok();
    assert_eq!(logged, *update);
    let shown = sim.get("webhook/").await.ok();
    assert_eq!(shown["data"][0]["counters"], json!({ "first_success": 2 }));
    assert_eq!(
        shown["data"][0]["history"]["successes"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_failed_delivery_is_retried_signed_anew_and_shows_in_the_history() {
    let sim = start(SimulatorConfig {
        webhooks: quick(),
        ..config()
    })
    .await;
    let receiver = Receiver::start(2).await;
    let made = sim
        .send("POST", "webhook/", subscription(&receiver.url))
        .await
        .ok();
    sim.send("POST", "lead/", json!({ "name": "A" })).await.ok();
    let arrived = receiver.wait(3).await;
    sim.idle().await;
    assert!(arrived.iter().all(|one| one.event() == arrived[0].event()));
    for one in &arrived {
        assert_eq!(
            one.signature,
            signature(text(&made, "signature_key"), &one.timestamp, &one.raw)
        );
    }
    let shown = sim
        .get(&format!("webhook/{}/", text(&made, "id")))
        .await
        .ok();
    assert_eq!(
        shown["counters"],
        json!({ "first_fail": 1, "retry_fail": 1, "retry_success": 1 })
    );
    assert_eq!(
        shown["latest_error"],
        "Exception name: HTTPError, Status code: 503"
    );
    let error = &shown["history"]["errors"][0];
    assert_eq!(
        (&error["attempt_number"], &error["response_status_code"]),
        (&json!(2), &json!(503))
    );
    assert_eq!(shown["history"]["successes"][0]["attempt_number"], 3);
}

#[tokio::test]
async fn filters_let_through_only_what_they_describe() {
    let sim = start(SimulatorConfig {
        webhooks: quick(),
        ..config()
    })
    .await;
    let receiver = Receiver::start(0).await;
    let accessor = |field: &str, filter: Value| json!({ "type": "field_accessor", "field": field, "filter": filter });
    let won = accessor(
        "data",
        accessor("status_type", json!({ "type": "equals", "value": "won" })),
    );
    let events = json!([
        { "object_type": "opportunity", "action": "updated", "extra_filter": won },
        { "object_type": "opportunity", "action": "created" },
    ]);
    let filter = accessor("api_key_id", json!({ "type": "non_null" }));
    let body = json!({ "url": receiver.url, "events": events, "event_filter": filter });
    sim.send("POST", "webhook/", body).await.ok();
    let deal = sim
        .send("POST", "opportunity/", json!({ "value": 100 }))
        .await
        .ok();
    let path = format!("opportunity/{}/", text(&deal, "id"));
    sim.send("PUT", &path, json!({ "value": 200 })).await.ok();
    sim.idle().await;
    let statuses = sim.get("status/opportunity/").await.ok();
    let won = statuses["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|status| status["type"] == "won")
        .unwrap();
    sim.send("PUT", &path, json!({ "status_id": won["id"] }))
        .await
        .ok();
    sim.idle().await;
    let what: Vec<String> = receiver.arrived().iter().map(Arrived::what).collect();
    assert_eq!(what, ["opportunity created", "opportunity updated"]);
    assert_eq!(receiver.arrived()[1].event()["data"]["status_type"], "won");
}

#[tokio::test]
async fn duplicates_drops_and_disorder_can_be_switched_on() {
    let sim = start(SimulatorConfig {
        webhooks: quick(),
        ..config()
    })
    .await;
    let receiver = Receiver::start(0).await;
    sim.send("POST", "webhook/", subscription(&receiver.url))
        .await
        .ok();
    sim.control("PUT", "faults", json!({ "webhook_duplicates": 1.0 }))
        .await
        .ok();
    sim.send("POST", "lead/", json!({ "name": "Twice" }))
        .await
        .ok();
    let arrived = receiver.wait(2).await;
    assert_eq!(arrived[0].event(), arrived[1].event());
    sim.control(
        "PUT",
        "faults",
        json!({ "webhook_duplicates": 0.0, "webhook_drops": 1.0 }),
    )
    .await
    .ok();
    sim.send("POST", "lead/", json!({ "name": "Never" }))
        .await
        .ok();
    sim.idle().await;
    assert_eq!(receiver.arrived().len(), 2);
    let disorder =
        json!({ "webhook_drops": 0.0, "webhook_disorder": 1.0, "webhook_disorder_ms": 400 });
    sim.control("PUT", "faults", disorder).await.ok();
    for number in 0..12 {
        sim.send("POST", "lead/", json!({ "name": format!("{number}") }))
            .await
            .ok();
    }
    let arrived = receiver.wait(14).await;
    let order: Vec<&str> = arrived[2..]
        .iter()
        .map(|one| text(&one.event()["data"], "name"))
        .collect();
    let mut sorted = order.clone();
    sorted.sort_by_key(|name| name.parse::<u32>().unwrap());
    assert_ne!(order, sorted);
}

#[tokio::test]
async fn a_backlog_or_lasting_failure_pauses_and_what_happens_then_is_lost() {
    let timing = WebhookTiming {
        pause_backlog: 5,
        retry_first: Duration::from_secs(60),
        ..quick()
    };
    let sim = start(SimulatorConfig {
        webhooks: timing,
        ..config()
    })
    .await;
    let receiver = Receiver::start(1_000).await;
    let made = sim
        .send("POST", "webhook/", subscription(&receiver.url))
        .await
        .ok();
    let path = format!("webhook/{}/", text(&made, "id"));
    for number in 0..40 {
        sim.send("POST", "lead/", json!({ "name": format!("{number}") }))
            .await
            .ok();
    }
    assert_eq!(sim.get(&path).await.ok()["status"], "paused");
    sim.idle().await;
    let before = receiver.arrived().len();
    sim.send("POST", "lead/", json!({ "name": "unseen" }))
        .await
        .ok();
    sim.send("PUT", &path, json!({ "status": "active" }))
        .await
        .ok();
    sim.send("POST", "lead/", json!({ "name": "seen" }))
        .await
        .ok();
    let arrived = receiver.wait(before + 1).await;
    assert_eq!(arrived[before].event()["data"]["name"], "seen");

    let timing = WebhookTiming {
        pause_after: Duration::from_millis(200),
        ..quick()
    };
    let sim = start(SimulatorConfig {
        webhooks: timing,
        ..config()
    })
    .await;
    let made = sim
        .send("POST", "webhook/", subscription(&receiver.url))
        .await
        .ok();
    sim.send("POST", "lead/", json!({ "name": "A" })).await.ok();
    sim.idle().await;
    assert_eq!(
        sim.get(&format!("webhook/{}/", text(&made, "id")))
            .await
            .ok()["status"],
        "paused"
    );
}

#[tokio::test]
async fn a_given_body_is_signed_and_delivered_as_it_is() {
    let sim = start(SimulatorConfig {
        faults: Faults::default(),
        ..config()
    })
    .await;
    let receiver = Receiver::start(0).await;
    let made = sim
        .send("POST", "webhook/", subscription(&receiver.url))
        .await
        .ok();
    let envelope = r#"{"event": {"id": "ev_old",  "object_type": "opportunity", "action": "updated"}, "subscription_id": "whsub_other"}"#;
    let url = format!("{}deliver", sim.simulator.control_url());
    let answer: Value = sim
        .client
        .post(&url)
        .body(envelope)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        answer,
        json!({ "subscription_id": made["id"], "status": 200 })
    );
    let arrived = receiver.wait(1).await;
    assert_eq!(arrived[0].raw, envelope.as_bytes());
    assert_eq!(
        arrived[0].signature,
        signature(
            text(&made, "signature_key"),
            &arrived[0].timestamp,
            envelope.as_bytes()
        )
    );
    sim.client
        .post(&url)
        .body(r#"{"id": "ev_bare"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(
        receiver.wait(2).await[1].body["subscription_id"],
        made["id"]
    );
}
