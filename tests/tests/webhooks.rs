//! Deliveries: what is believed, what is kept, and what becomes of it.

#![allow(
    clippy::needless_pass_by_value,
    reason = "literals read better without a borrow"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use closegraph_tests::{Demo, sign};
use serde_json::{Value, json};

const WON: &str = include_str!("../samples/opportunity-won-2019.json");
const TRANSACTION: &str = "query ($id: String!) { transaction(closeId: $id) {
    occurredOn amount { amount currency } company { name } opportunity { status } } }";
const OPPORTUNITY: &str = "oppo_7H4sjNso7FyBFaeR3RXi5PMJbilfo0c6UPCxsJtEhCO";
const LEAD: &str = "lead_zwqYhEFwzPyfCErS8uQ77is2wFLvr9BgVi6cTfbFM68";

async fn events(demo: &Demo) -> i64 {
    demo.ask("{ events { totalCount } }", json!({}))
        .await
        .unwrap()["events"]["totalCount"]
        .as_i64()
        .unwrap()
}

/// Waits until all that was acknowledged is worked off.
async fn settled(demo: &Demo) {
    let waiting = "{ connections { lag { pendingEvents } } }";
    let idle = |answer: &Value| answer["connections"][0]["lag"]["pendingEvents"] == 0;
    demo.ask_until(waiting, json!({}), idle).await.unwrap();
}

fn event(
    id: &str,
    object_type: &str,
    action: &str,
    object_id: &str,
    at: &str,
    rest: Value,
) -> String {
    let mut event = json!({
        "id": id, "object_type": object_type, "action": action, "object_id": object_id, "lead_id": null,
        "date_created": at, "date_updated": at, "changed_fields": [], "previous_data": {}, "meta": {},
        "data": null, "organization_id": "orga_x", "user_id": null, "request_id": null, "api_key_id": null,
    });
    for (key, value) in rest.as_object().unwrap() {
        event[key] = value.clone();
    }
    json!({"subscription_id": "whsub_x", "event": event}).to_string()
}

#[tokio::test]
async fn a_real_delivery_is_booked_before_its_lead_is_known_and_named_once_it_is() {
    let demo = Demo::start(10).unwrap();
    assert_eq!(demo.deliver_signed(WON.to_owned()).await.unwrap(), 200);
    let booked = |answer: &Value| answer["transaction"].is_object();
    let answer = demo
        .ask_until(TRANSACTION, json!({"id": OPPORTUNITY}), booked)
        .await
        .unwrap();
    let transaction = &answer["transaction"];
    assert_eq!(transaction["occurredOn"], "2019-01-15");
    assert_eq!(
        transaction["amount"],
        json!({"amount": "1000.00", "currency": "USD"})
    );
    assert_eq!(transaction["company"], Value::Null);

    let data = json!({"id": LEAD, "name": "KLine", "date_created": "2019-01-01T00:00:00+00:00",
                      "date_updated": "2019-01-15T12:00:00+00:00"});
    let lead = event(
        "ev_lead",
        "lead",
        "created",
        LEAD,
        "2019-01-15T12:00:00",
        json!({"data": data}),
    );
    assert_eq!(demo.deliver_signed(lead).await.unwrap(), 200);
    let named = |answer: &Value| answer["transaction"]["company"]["name"] == "KLine";
    demo.ask_until(TRANSACTION, json!({"id": OPPORTUNITY}), named)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_delivery_that_is_not_signed_well_is_401_and_leaves_no_row() {
    let demo = Demo::start(10).unwrap();
    let before = events(&demo).await;
    let key = demo.signing_key().await.unwrap();
    let now = chrono::Utc::now().timestamp();
    let (fresh, old) = (now.to_string(), (now - 301).to_string());
    let good = sign(&key, &fresh, WON.as_bytes()).unwrap();
    let stale = sign(&key, &old, WON.as_bytes()).unwrap();
    let wrong = sign(&"00".repeat(32), &fresh, WON.as_bytes()).unwrap();
    for (timestamp, hash) in [
        (None, None),
        (Some(fresh.as_str()), None),
        (None, Some(good.as_str())),
        (Some(fresh.as_str()), Some(wrong.as_str())),
        (Some(fresh.as_str()), good.get(..40)),
        (Some(old.as_str()), Some(stale.as_str())),
    ] {
        assert_eq!(
            demo.deliver(WON, timestamp, hash).await.unwrap(),
            401,
            "{timestamp:?} {hash:?}"
        );
    }
    assert_eq!(events(&demo).await, before);
}

#[tokio::test]
async fn a_body_that_is_no_event_is_400_and_a_large_one_413() {
    let demo = Demo::start(10).unwrap();
    for body in ["no json", "{}", "[]", r#"{"event": {"id": "ev_1"}}"#] {
        assert_eq!(
            demo.deliver_signed(body.to_owned()).await.unwrap(),
            400,
            "{body}"
        );
    }
    assert_eq!(
        demo.deliver_signed("x".repeat(10 * 1024 * 1024))
            .await
            .unwrap(),
        413
    );
}

#[tokio::test]
async fn an_unknown_type_is_kept_and_ignored_and_a_repeated_event_is_kept_once() {
    let demo = Demo::start(10).unwrap();
    let before = events(&demo).await;
    let group = event(
        "ev_group",
        "group",
        "created",
        "group_1",
        "2026-01-01T00:00:00",
        json!({"oauth_scope": "x"}),
    );
    for _ in 0..3 {
        assert_eq!(demo.deliver_signed(group.clone()).await.unwrap(), 200);
    }
    settled(&demo).await;
    assert_eq!(events(&demo).await, before + 1);
    let query =
        "{ events(filter: { objectType: { eq: \"group\" } }) { nodes { state closeEventId } } }";
    let answer = demo.ask(query, json!({})).await.unwrap();
    assert_eq!(
        answer["events"]["nodes"],
        json!([{"state": "IGNORED", "closeEventId": "ev_group"}])
    );
}

#[tokio::test]
async fn older_and_deleted_states_do_not_come_back_and_newer_ones_do() {
    let demo = Demo::start(10).unwrap();
    let query = "query ($id: String!) { company(closeId: $id) { name description } }";
    let id = json!({"id": LEAD});
    let lead = |name: &str, at: &str| {
        json!({"data": {"id": LEAD, "name": name, "description": "kept",
        "date_created": "2026-01-01T00:00:00+00:00", "date_updated": format!("{at}+00:00")}, "changed_fields": ["name"]})
    };
    let update = |event_id: &str, name: &str, at: &str| {
        event(event_id, "lead", "updated", LEAD, at, lead(name, at))
    };
    let named = async || {
        settled(&demo).await;
        demo.ask(query, id.clone()).await.unwrap()["company"]["name"].clone()
    };
    let send = async |body: String| assert_eq!(demo.deliver_signed(body).await.unwrap(), 200);

    send(update("ev_1", "first", "2026-01-01T10:00:00.000001")).await;
    // Two changes in one second: a microsecond tells them apart.
    send(update("ev_2", "second", "2026-01-01T10:00:00.000002")).await;
    assert_eq!(named().await, "second");
    send(update("ev_3", "older", "2026-01-01T09:00:00")).await;
    assert_eq!(named().await, "second");
    // A partial update: what it does not carry stays, what it names and does not carry is cleared.
    let partial = json!({"data": {"name": "third", "date_updated": "2026-01-01T11:00:00+00:00"}, "changed_fields": ["name"]});
    send(event(
        "ev_4",
        "lead",
        "updated",
        LEAD,
        "2026-01-01T11:00:00",
        partial,
    ))
    .await;
    assert_eq!(named().await, "third");
    let answer = demo.ask(query, id.clone()).await.unwrap();
    assert_eq!(answer["company"]["description"], "kept");
    let cleared = json!({"data": {"date_updated": "2026-01-01T12:00:00+00:00"}, "changed_fields": ["description"]});
    send(event(
        "ev_5",
        "lead",
        "updated",
        LEAD,
        "2026-01-01T12:00:00",
        cleared,
    ))
    .await;
    assert_eq!(named().await, "third");
    let answer = demo.ask(query, id.clone()).await.unwrap();
    assert_eq!(answer["company"]["description"], Value::Null);

    let gone = json!({"data": {}, "previous_data": {"id": "lead_another"}});
    send(event(
        "ev_6",
        "lead",
        "deleted",
        LEAD,
        "2026-01-01T13:00:00",
        gone,
    ))
    .await;
    assert_eq!(named().await, Value::Null);
    send(update("ev_7", "late", "2026-01-01T12:30:00")).await;
    assert_eq!(named().await, Value::Null);
    send(update("ev_8", "restored", "2026-01-01T14:00:00")).await;
    assert_eq!(named().await, "restored");
}

#[tokio::test]
async fn a_deal_that_leaves_won_is_booked_no_more_and_a_bad_one_blocks_nobody() {
    let demo = Demo::start(10).unwrap();
    let deal = |id: &str, status: &str, value: Value, at: &str| {
        json!({"data": {"id": id, "status_type": status,
        "status_id": format!("stat_{status}"), "value": value, "value_currency": "EUR", "value_period": "one_time",
        "date_won": "2026-02-03", "date_created": "2026-01-01T00:00:00+00:00", "date_updated": format!("{at}+00:00")},
        "changed_fields": ["status_type"]})
    };
    let send = async |event_id: &str, id: &str, status: &str, value: Value, at: &str| {
        let body = event(
            event_id,
            "opportunity",
            "updated",
            id,
            at,
            deal(id, status, value, at),
        );
        assert_eq!(demo.deliver_signed(body).await.unwrap(), 200);
    };
    send(
        "ev_1",
        "oppo_bad",
        "won",
        json!("a lot"),
        "2026-02-03T10:00:00",
    )
    .await;
    send("ev_2", "oppo_nul", "won", json!(12), "2026-02-03T10:00:00").await;
    send(
        "ev_3",
        "oppo_a",
        "won",
        json!(250_000),
        "2026-02-03T10:00:00",
    )
    .await;
    let booked = |answer: &Value| answer["transaction"].is_object();
    let answer = demo
        .ask_until(TRANSACTION, json!({"id": "oppo_a"}), booked)
        .await
        .unwrap();
    assert_eq!(
        answer["transaction"]["amount"],
        json!({"amount": "2500.00", "currency": "EUR"})
    );
    demo.ask_until(TRANSACTION, json!({"id": "oppo_nul"}), booked)
        .await
        .unwrap();
    let dead = "{ events(filter: { state: { eq: DEAD } }) { nodes { objectId error } } }";
    let answer = demo.ask(dead, json!({})).await.unwrap();
    assert_eq!(answer["events"]["nodes"][0]["objectId"], "oppo_bad");
    assert!(
        answer["events"]["nodes"][0]["error"]
            .as_str()
            .unwrap()
            .contains("value")
    );
    send(
        "ev_4",
        "oppo_a",
        "active",
        json!(250_000),
        "2026-02-03T11:00:00",
    )
    .await;
    demo.ask_until(TRANSACTION, json!({"id": "oppo_a"}), |answer| {
        !booked(answer)
    })
    .await
    .unwrap();
}
