//! Who changed what: noted with the change, and shown to admins.

use crate::invoices::{Invoice, UNPAID};
use crate::world::{ONE, OTHER, World};
use closegraph_entity::api_token::Role;
use closegraph_entity::record::record_id;
use serde_json::{Value, json};

const LOG: &str = "query ($first: Int, $after: String) { accessLog(first: $first, after: $after) { totalCount
    nodes { actor tokenPrefix action subjectId details connections { id } } pageInfo { hasNextPage endCursor } } }";

/// A world of two connections with an invoice each, and what an operator decided in both.
async fn decided() -> (World, String) {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 9).await;
        let invoice = Invoice {
            company: Some("lead_1"),
            ..UNPAID
        };
        world.invoice(connection, invoice).await;
    }
    let operator = world.token_of(&[ONE, OTHER], Role::Operator, None).await;
    let ids = json!({ "r": record_id(ONE, "custobj_1"), "o": record_id(ONE, "oppo_3"), "c": ONE });
    for decision in [
        "mutation { replayEvents(filter: { objectId: { in: [\"lead_1\", \"lead_2\"] } }) { count } }",
        "mutation { discardEvents(filter: { objectId: { eq: \"lead_1\" } }) { count } }",
        "mutation ($r: ID!, $o: ID!) { linkRecords(receivable: $r, opportunity: $o) { id } }",
        "mutation ($r: ID!, $o: ID!) { unlinkRecords(receivable: $r, opportunity: $o) { id } }",
        "mutation ($c: ID!) { setInvoiceMapping(connection: $c, none: true) { state } }",
        "mutation ($c: ID!) { resetInvoiceMapping(connection: $c) { state } }",
    ] {
        world.data(&operator, decision, ids.clone()).await;
    }
    (world, operator)
}

async fn entries(world: &World, admin: &str) -> Vec<Value> {
    let data = world.data(admin, LOG, json!({})).await;
    let nodes = data["accessLog"]["nodes"].as_array().unwrap().clone();
    assert_eq!(data["accessLog"]["totalCount"], nodes.len());
    nodes
}

#[tokio::test]
async fn each_decision_is_noted_with_who_made_it() {
    let (world, operator) = decided().await;
    let admin = world.token_of(&[ONE], Role::Admin, None).await;
    let shown: Vec<Value> = entries(&world, &admin)
        .await
        .iter()
        .filter(|entry| entry["tokenPrefix"] == operator[..9])
        .map(|entry| {
            assert_eq!(entry["actor"], "test");
            assert_eq!(entry["connections"], json!([{ "id": ONE }]));
            json!([entry["action"], entry["subjectId"], entry["details"]])
        })
        .collect();
    let (invoice, deal) = (record_id(ONE, "custobj_1"), record_id(ONE, "oppo_3"));
    assert_eq!(
        shown,
        [
            json!(["MAPPING_RESET", null, {}]),
            json!(["MAPPING_SET", null, { "typeId": null }]),
            json!(["RECORDS_UNLINKED", invoice, { "opportunity": deal }]),
            json!(["RECORDS_LINKED", invoice, { "opportunity": deal }]),
            json!(["EVENTS_DISCARDED", null, { "events": 1 }]),
            json!(["EVENTS_REPLAYED", null, { "events": 2 }]),
        ]
    );
}

#[tokio::test]
async fn an_admin_is_shown_what_was_about_nothing_beyond_its_own_view() {
    let (world, _) = decided().await;
    let other = world.token_of(&[OTHER], Role::Admin, None).await;
    let shown: Vec<Value> = entries(&world, &other)
        .await
        .iter()
        .map(|entry| entry["action"].clone())
        .collect();
    // Its own token, and the events of its connection; the operator's token sees more.
    assert_eq!(
        shown,
        ["TOKEN_CREATED", "EVENTS_DISCARDED", "EVENTS_REPLAYED"]
    );
    sqlx::query("update api_token set connections = null")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(entries(&world, &other).await.len(), 10);
}

#[tokio::test]
async fn a_decision_that_fails_or_is_refused_is_not_noted() {
    let (world, operator) = decided().await;
    let count = "select count(*) from access_entry";
    let before: i64 = sqlx::query_scalar(count)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    for decision in [
        "mutation { replayEvents(filter: { objectId: { eq: \"nobody\" } }) { count } }",
        "mutation { linkRecords(receivable: \"00010000-0000-4000-8000-000000000001\", opportunity: \"00010000-0000-4000-8000-000000000001\") { id } }",
        "mutation { setInvoiceMapping(connection: \"00010000-0000-4000-8000-000000000001\") { state } }",
        "mutation { createToken(input: { name: \"x\" }) { secret } }",
    ] {
        world.ask(&operator, decision, json!({})).await;
    }
    let after: i64 = sqlx::query_scalar(count)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(after, before);
    // Where the entry can't be written, nothing is changed.
    sqlx::query("alter table access_entry add constraint full_up check (action <> 'events_replayed') not valid")
        .execute(&world.pool)
        .await
        .unwrap();
    let replay = "mutation { replayEvents(filter: { objectId: { eq: \"lead_5\" } }) { count } }";
    assert_eq!(
        world.refused(&operator, replay, json!({})).await.1,
        "INTERNAL"
    );
    let replayed: i64 = sqlx::query_scalar(
        "select count(*) from event where object_id = 'lead_5' and state = 'pending'",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(replayed, 0);
}

#[tokio::test]
async fn the_log_is_paged_and_only_ever_added_to() {
    let (world, _) = decided().await;
    let admin = world.token_of(&[ONE, OTHER], Role::Admin, None).await;
    let whole = entries(&world, &admin).await;
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = world
            .data(&admin, LOG, json!({ "first": 4, "after": after }))
            .await;
        let page = &page["accessLog"];
        seen.extend(page["nodes"].as_array().unwrap().clone());
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(seen, whole);
    for statement in [
        "update access_entry set actor = 'somebody else'",
        "delete from access_entry",
        "truncate access_entry",
    ] {
        let refused = sqlx::query(statement)
            .execute(&world.pool)
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("only ever added to"),
            "{refused}"
        );
    }
}
