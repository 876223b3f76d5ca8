use std::time::Duration;

use close_sim::SimulatorConfig;
use serde_json::{Value, json};

use crate::harness::{config, ids, start, text};

fn field(kind: &str, name: &str) -> Value {
    json!({ "type": "regular_field", "object_type": kind, "field_name": name })
}

fn changed_since(kind: &str, since: &str) -> Value {
    json!({
        "query": { "type": "and", "queries": [
            { "type": "object_type", "object_type": kind },
            { "type": "field_condition", "field": field(kind, "date_updated"), "condition": {
                "type": "moment_range", "on_or_after": { "type": "fixed_utc", "value": since } } },
        ]},
        "_fields": { kind: ["date_updated"] },
        "sort": [{ "direction": "asc", "field": field(kind, "date_updated") }],
        "_limit": 200,
    })
}

#[tokio::test]
async fn ids_alone_come_back_unless_fields_are_named() {
    let sim = start(config()).await;
    let query = json!({ "type": "object_type", "object_type": "contact" });
    let page = sim
        .search(json!({ "query": query, "_limit": 3 }))
        .await
        .ok();
    let first = page["data"][0].as_object().unwrap();
    assert_eq!(first.keys().collect::<Vec<_>>().len(), 2);
    assert_eq!(first["__object_type"], "contact");
    assert!(page.get("has_more").is_none());
    assert!(page.get("count").is_none());
}

#[tokio::test]
async fn keyset_windows_over_a_shared_instant_reach_every_object_once() {
    let sim = start(SimulatorConfig {
        leads: 900,
        same_instant_leads: 100,
        ..config()
    })
    .await;
    for kind in ["lead", "contact", "opportunity"] {
        let mut seen: Vec<String> = Vec::new();
        let mut anchor = "2000-01-01T00:00:00+00:00".to_owned();
        loop {
            let mut body = changed_since(kind, &anchor);
            let page = sim.search(body.clone()).await.ok();
            let mut rows = page["data"].as_array().unwrap().clone();
            let mut cursor = page["cursor"].clone();
            // A whole page of one instant is only left by the cursor.
            while rows.first().map(|row| &row["date_updated"])
                == rows.last().map(|row| &row["date_updated"])
                && !cursor.is_null()
            {
                body["cursor"] = cursor;
                let page = sim.search(body.clone()).await.ok();
                rows.extend(page["data"].as_array().unwrap().iter().cloned());
                cursor = page["cursor"].clone();
            }
            let new: Vec<String> = rows
                .iter()
                .map(|row| text(row, "id").to_owned())
                .filter(|id| !seen.contains(id))
                .collect();
            if new.is_empty() {
                break;
            }
            seen.extend(new);
            anchor = text(rows.last().unwrap(), "date_updated").to_owned();
        }
        let state = sim.control("GET", "state", Value::Null).await.ok();
        assert_eq!(state["counts"][kind], seen.len(), "{kind}");
    }
}

#[tokio::test]
async fn the_cursor_ends_in_null_and_expires_after_its_lifetime() {
    let lifetime = Duration::from_millis(300);
    let sim = start(SimulatorConfig {
        search_cursor_lifetime: lifetime,
        ..config()
    })
    .await;
    let query = json!({ "type": "object_type", "object_type": "lead" });
    let mut body = json!({ "query": query, "_limit": 50, "include_counts": true });
    let mut seen = Vec::new();
    loop {
        let page = sim.search(body.clone()).await.ok();
        assert_eq!(page["count"], json!({ "limited": 120, "total": 120 }));
        seen.extend(ids(&page));
        body["cursor"] = page["cursor"].clone();
        if page["cursor"].is_null() {
            break;
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 120);

    body["cursor"] = Value::Null;
    body["cursor"] = sim.search(body.clone()).await.ok()["cursor"].clone();
    let mut other = body.clone();
    other["query"] = json!({ "type": "match_all" });
    sim.search(other).await.field_error("cursor");
    tokio::time::sleep(lifetime + Duration::from_millis(50)).await;
    assert_eq!(
        sim.search(body).await.field_error("cursor"),
        "Expired cursor"
    );
}

#[tokio::test]
async fn a_walk_ends_at_ten_thousand_objects() {
    let leads = 10_100;
    let few = Some(0);
    let config = SimulatorConfig {
        leads,
        contacts_per_lead: few,
        opportunities_per_lead: few,
        ..config()
    };
    let sim = start(config).await;
    let query = json!({ "type": "object_type", "object_type": "lead" });
    let mut body = json!({ "query": query, "_limit": 200, "include_counts": true });
    let mut walked = 0;
    loop {
        let page = sim.search(body.clone()).await.ok();
        assert_eq!(page["count"], json!({ "limited": 10_000, "total": leads }));
        walked += page["data"].as_array().unwrap().len();
        body["cursor"] = page["cursor"].clone();
        if page["cursor"].is_null() {
            break;
        }
    }
    assert_eq!(walked, 10_000);
    body["results_limit"] = json!(30);
    assert_eq!(
        sim.search(body).await.ok()["data"]
            .as_array()
            .unwrap()
            .len(),
        30
    );
}

#[tokio::test]
async fn queries_that_close_refuses_are_refused() {
    let sim = start(config()).await;
    let with = |condition: Value| json!({ "query": { "type": "field_condition", "field": field("lead", "date_updated"), "condition": condition } });
    let local = json!({ "type": "moment_range", "on_or_after": { "type": "fixed_local_date", "value": "2026-01-01" } });
    sim.search(with(local)).await.field_error("which");
    sim.search(with(json!({ "type": "feeling" })))
        .await
        .field_error("query");
    sim.search(json!({ "query": { "type": "nothing" } }))
        .await
        .field_error("query");
    sim.search(json!({})).await.field_error("query");
    let query = json!({ "type": "match_all" });
    sim.search(json!({ "query": query, "_limit": 201 }))
        .await
        .field_error("_limit");
}

#[tokio::test]
async fn conditions_relations_and_negation_find_what_the_lists_show() {
    let sim = start(config()).await;
    let deals = sim.all("opportunity/").await;
    let count = async |query: Value| {
        sim.search(json!({ "query": query, "include_counts": true }))
            .await
            .ok()["count"]["total"]
            .as_u64()
            .unwrap()
    };
    let condition = |kind: &str, name: &str, condition: Value| json!({ "type": "field_condition", "field": field(kind, name), "condition": condition });
    let expected =
        |keep: &dyn Fn(&Value) -> bool| deals.iter().filter(|deal| keep(deal)).count() as u64;
    let won = condition(
        "opportunity",
        "status_type",
        json!({ "type": "term", "values": ["won"] }),
    );
    assert_eq!(
        count(won.clone()).await,
        expected(&|deal| deal["status_type"] == "won")
    );
    let large = condition(
        "opportunity",
        "value",
        json!({ "type": "number_range", "gte": 1_000_000 }),
    );
    assert_eq!(
        count(large).await,
        expected(&|deal| deal["value"].as_i64() >= Some(1_000_000))
    );
    let mut unvalued = condition("opportunity", "value", json!({ "type": "exists" }));
    unvalued["negate"] = json!(true);
    let unvalued = json!({ "type": "and", "queries": [{ "type": "object_type", "object_type": "opportunity" }, unvalued] });
    assert_eq!(
        count(unvalued).await,
        expected(&|deal| deal["value"].is_null())
    );
    let with_won = json!({
        "type": "has_related", "this_object_type": "lead", "related_object_type": "opportunity", "related_query": won,
    });
    let mut leads: Vec<&str> = deals
        .iter()
        .filter(|deal| deal["status_type"] == "won")
        .map(|deal| text(deal, "lead_id"))
        .collect();
    leads.sort_unstable();
    leads.dedup();
    assert_eq!(count(with_won).await, leads.len() as u64);
    let one = json!({ "type": "id", "value": leads[0] });
    assert_eq!(count(one).await, 1);
    let none = json!({ "type": "object_type", "object_type": "task" });
    assert_eq!(count(none).await, 0);
    let state = sim.control("GET", "state", Value::Null).await.ok();
    let all: u64 = ["lead", "contact", "opportunity", "custom_object"]
        .iter()
        .map(|kind| state["counts"][kind].as_u64().unwrap())
        .sum();
    assert_eq!(count(json!({ "type": "match_all" })).await, all);
}
