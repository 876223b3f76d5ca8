use std::collections::BTreeMap;
use std::time::Duration;

use close_sim::{InvoiceLayout, SimulatorConfig, WebhookTiming};
use serde_json::{Value, json};

use crate::harness::{Sim, config, ids, start, text};

const ACTIVITY: &str = "activity.custom_activity";

async fn lead(sim: &Sim, name: &str) -> Value {
    sim.send("POST", "lead/", json!({ "name": name }))
        .await
        .ok()
}

#[tokio::test]
async fn quick_changes_of_one_object_become_one_event_with_one_id() {
    let sim = start(config()).await;
    let lead = lead(&sim, "First").await;
    let path = format!("lead/{}/", text(&lead, "id"));
    sim.send("PUT", &path, json!({ "name": "Second" }))
        .await
        .ok();
    let filter = format!("?object_type=lead&object_id={}", text(&lead, "id"));
    let before = sim.events(&filter).await.pop().unwrap();
    sim.send(
        "PUT",
        &path,
        json!({ "name": "Third", "url": "https://third.example" }),
    )
    .await
    .ok();
    let events = sim.events(&filter).await;
    assert_eq!(events.len(), 2, "created and one updated");
    let after = &events[1];
    assert_eq!(
        (&after["id"], &after["date_created"]),
        (&before["id"], &before["date_created"])
    );
    assert!(text(after, "date_updated") > text(&before, "date_updated"));
    assert_eq!(
        after["changed_fields"],
        json!(["date_updated", "display_name", "name", "url"])
    );
    assert_eq!(after["previous_data"]["name"], "First");
    assert_eq!(after["previous_data"]["date_updated"], lead["date_updated"]);
    assert_eq!(after["data"]["name"], "Third");
    let one = sim.get(&format!("event/{}/", text(after, "id"))).await.ok();
    assert_eq!(one, *after);
}

#[tokio::test]
async fn changes_further_apart_stay_events_of_their_own() {
    let consolidation = Duration::from_millis(100);
    let webhooks = WebhookTiming {
        consolidation,
        ..WebhookTiming::default()
    };
    let sim = start(SimulatorConfig {
        webhooks,
        ..config()
    })
    .await;
    let lead = lead(&sim, "First").await;
    let path = format!("lead/{}/", text(&lead, "id"));
    for name in ["Second", "Third"] {
        sim.send("PUT", &path, json!({ "name": name })).await.ok();
        tokio::time::sleep(consolidation * 2).await;
    }
    assert_eq!(
        sim.events(&format!(
            "?object_type=lead&object_id={}",
            text(&lead, "id")
        ))
        .await
        .len(),
        3
    );
}

#[tokio::test]
async fn an_event_carries_naive_times_ids_and_its_request() {
    let sim = start(config()).await;
    let lead = lead(&sim, "Northwind").await;
    let event = sim
        .events(&format!(
            "?object_type=lead&object_id={}",
            text(&lead, "id")
        ))
        .await
        .remove(0);
    assert_eq!(text(&event, "date_created").len(), 26, "no offset");
    assert_eq!(text(&event["data"], "date_created").len(), 32, "classic");
    assert_eq!(
        event["meta"],
        json!({ "request_method": "POST", "request_path": "/api/v1/lead/" })
    );
    assert_eq!(event["organization_id"], sim.simulator.organization_id());
    assert!(text(&event, "api_key_id").starts_with("api_"));
    assert!(text(&event, "request_id").starts_with("req_"));
    assert_eq!(
        (&event["changed_fields"], &event["previous_data"]),
        (&json!([]), &json!({}))
    );
    assert_eq!(event["data"]["contact_ids"], json!([]));
    assert!(event["data"].get("contacts").is_none());
}

#[tokio::test]
async fn the_log_is_walked_both_ways_in_pages_of_fifty() {
    let sim = start(config()).await;
    for number in 0..120 {
        lead(&sim, &format!("Lead {number}")).await;
    }
    let first = sim.get("event/").await.ok();
    assert_eq!(ids(&first).len(), 50);
    let events = first["data"].as_array().unwrap();
    assert!(
        events.is_sorted_by_key(|event| std::cmp::Reverse(text(event, "date_updated").to_owned()))
    );
    assert_eq!(first["cursor_previous"], Value::Null);
    let second = sim
        .get(&format!("event/?_cursor={}", text(&first, "cursor_next")))
        .await
        .ok();
    let third = sim
        .get(&format!("event/?_cursor={}", text(&second, "cursor_next")))
        .await
        .ok();
    assert_eq!((ids(&second).len(), ids(&third).len()), (50, 20));
    assert_eq!(third["cursor_next"], Value::Null);
    let back = sim
        .get(&format!(
            "event/?_cursor={}",
            text(&second, "cursor_previous")
        ))
        .await
        .ok();
    assert_eq!(ids(&back), ids(&first));
    sim.get("event/?_limit=51").await.field_error("_limit");
    sim.get("event/?_skip=1").await.field_error("_skip");
    sim.get("event/?_cursor=nonsense")
        .await
        .field_error("_cursor");

    let since = text(&events[10], "date_updated");
    let recent = sim
        .get(&format!("event/?date_updated__gte={since}&_limit=5"))
        .await
        .ok();
    let rest = sim
        .get(&format!(
            "event/?_limit=50&_cursor={}",
            text(&recent, "cursor_next")
        ))
        .await
        .ok();
    assert_eq!(
        ids(&recent).len() + ids(&rest).len(),
        11,
        "the cursor keeps the date filter"
    );
}

#[tokio::test]
async fn only_the_documented_combinations_of_filters_are_taken() {
    let sim = start(config()).await;
    let lead = lead(&sim, "A").await;
    let id = text(&lead, "id");
    for allowed in [
        String::new(),
        "?object_type=lead&action=created".into(),
        format!("?object_type=lead&object_id={id}"),
        format!("?object_id={id}&action=created"),
        format!("?lead_id={id}"),
        format!("?lead_id={id}&object_type=lead&action=created"),
        format!("?user_id={}", text(&lead, "created_by")),
    ] {
        assert_eq!(
            ids(&sim.get(&format!("event/{allowed}")).await.ok()).len(),
            1,
            "{allowed}"
        );
    }
    for refused in [
        "?object_type=lead",
        "?action=created",
        "?object_type=lead&request_id=req_1",
    ] {
        assert_eq!(
            sim.get(&format!("event/{refused}")).await.status,
            400,
            "{refused}"
        );
    }
    let refused = sim
        .get(&format!("event/?lead_id={id}&action=created"))
        .await;
    assert_eq!(refused.status, 400);
}

/// The live objects of a type by id, as the control endpoint gives them.
async fn objects(sim: &Sim, kind: &str) -> BTreeMap<String, Value> {
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
    let objects = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    objects
        .map(|object| (text(&object, "id").to_owned(), object))
        .collect()
}

/// Every event of the log, oldest first.
async fn whole_log(sim: &Sim) -> Vec<Value> {
    let (mut events, mut path) = (Vec::new(), "event/".to_owned());
    loop {
        let page = sim.get(&path).await.ok();
        events.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["cursor_next"].as_str() {
            Some(cursor) => path = format!("event/?_cursor={cursor}"),
            None => break,
        }
    }
    events.reverse();
    events
}

#[tokio::test]
async fn the_log_alone_carries_a_mirror_from_the_start_to_the_end() {
    // Custom objects in one layout, custom activities in another.
    for invoices in [InvoiceLayout::English, InvoiceLayout::German] {
        let sim = start(SimulatorConfig {
            invoices,
            ..config()
        })
        .await;
        carried_by_the_log(&sim).await;
    }
}

async fn carried_by_the_log(sim: &Sim) {
    let mut mirror = BTreeMap::new();
    for kind in ["lead", "contact", "opportunity", "custom_object", ACTIVITY] {
        mirror.insert(kind.to_owned(), objects(sim, kind).await);
    }
    sim.simulator.set_traffic(500.0);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    sim.simulator.set_traffic(0.0);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let log = whole_log(sim).await;
    assert!(log.len() > 300, "{}", log.len());
    for event in log {
        let table = mirror.get_mut(text(&event, "object_type")).unwrap();
        let id = text(&event, "object_id").to_owned();
        match text(&event, "action") {
            "deleted" => table.remove(&id),
            _ => table.insert(id, event["data"].clone()),
        };
    }
    // Copies of another object's name move without an event, a lead's date with its contacts', and
    // events do not carry the old form of custom fields.
    let unsaid = [
        "lead_name",
        "contact_name",
        "display_name",
        "contact_ids",
        "custom",
    ];
    for (kind, table) in mirror {
        let live = objects(sim, &kind).await;
        assert!(table.keys().eq(live.keys()), "{kind}");
        for (mine, theirs) in table.values().zip(live.values()) {
            let strip = |object: &Value| {
                let mut object = object.as_object().unwrap().clone();
                object.retain(|key, _| {
                    let moves_alone = kind == "lead" && key == "date_updated";
                    !moves_alone && !unsaid.contains(&key.as_str())
                });
                object
            };
            assert_eq!(strip(mine), strip(theirs), "{kind}");
        }
    }
}
