//! Invoices, and what hangs on them.

use crate::invoices::{Invoice, UNPAID};
use crate::world::{ONE, World};
use closegraph_entity::record::record_id;
use serde_json::{Value, json};

async fn one(world: &World, token: &str, close_id: &str, fields: &str) -> Value {
    let query = format!("query ($id: String) {{ receivable(closeId: $id) {{ {fields} }} }}");
    world.data(token, &query, json!({ "id": close_id })).await["receivable"].clone()
}

#[tokio::test]
async fn lines_are_exact_or_null_and_are_compared_with_the_total() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    let dinar = Invoice {
        close_id: "custobj_kwd",
        currency: "KWD",
        places: 3,
        total: Some(10_505),
        tax: Some(505),
        ..UNPAID
    };
    let yen = Invoice {
        close_id: "custobj_jpy",
        currency: "JPY",
        places: 0,
        total: Some(150),
        ..UNPAID
    };
    world.invoice(ONE, dinar).await;
    world.invoice(ONE, yen).await;
    let lines = [
        (1, ("hours", Some("2.50"), Some("1.002"), None)),
        (3, ("flat", None, None, Some("7.495"))),
        (2, ("free", Some("1"), Some("0"), Some("0"))),
    ];
    for (position, line) in lines {
        world.line(ONE, "custobj_kwd", position, line).await;
    }
    world
        .line(
            ONE,
            "custobj_jpy",
            1,
            ("half a yen", None, Some("0.5"), Some("100.5")),
        )
        .await;
    world
        .line(ONE, "custobj_jpy", 2, ("unknown", Some("3"), None, None))
        .await;
    let token = world.token(&[ONE]).await;
    let fields = "flags lineItems { description quantity unitPrice { amount } total { minorUnits currency } }";
    let dinar = one(&world, &token, "custobj_kwd", fields).await;
    let money = |minor: &str| json!({ "minorUnits": minor, "currency": "KWD" });
    assert_eq!(
        dinar,
        json!({ "flags": [], "lineItems": [
            { "description": "hours", "quantity": "2.5", "unitPrice": { "amount": "1.002" }, "total": money("2505") },
            { "description": "free", "quantity": "1", "unitPrice": { "amount": "0.000" }, "total": money("0") },
            { "description": "flat", "quantity": null, "unitPrice": null, "total": money("7495") },
        ] }),
        "2.505 + 0 + 7.495 are the total less the tax"
    );
    let yen = one(&world, &token, "custobj_jpy", fields).await;
    assert_eq!(
        yen,
        json!({ "flags": [], "lineItems": [
            { "description": "half a yen", "quantity": null, "unitPrice": null, "total": null },
            { "description": "unknown", "quantity": "3", "unitPrice": null, "total": null },
        ] }),
        "nothing is rounded, and where a line is unknown nothing differs"
    );
    sqlx::query(
        "update receivable set total_minor = total_minor + 1, flags = '[\"balance_differs\"]'",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let dinar = one(&world, &token, "custobj_kwd", "flags").await;
    assert_eq!(dinar["flags"], json!(["BALANCE_DIFFERS", "LINES_DIFFER"]));
}

#[tokio::test]
async fn the_deal_of_an_invoice_is_the_surest_that_it_is_linked_with() {
    let world = World::new().await;
    world.seed(ONE, 9).await;
    world.invoice(ONE, UNPAID).await;
    let other = Invoice {
        close_id: "custobj_2",
        ..UNPAID
    };
    world.invoice(ONE, other).await;
    for (deal, link) in [
        ("oppo_3", ("linked", "match", 90)),
        ("oppo_6", ("linked", "person", 90)),
        ("oppo_9", ("candidate", "field", 100)),
        ("oppo_1", ("rejected", "person", 100)),
        ("oppo_2", ("linked", "field", 80)),
    ] {
        world.link(ONE, ("custobj_1", deal), link).await;
    }
    let token = world.token(&[ONE]).await;
    let found = one(
        &world,
        &token,
        "custobj_1",
        "opportunity { closeId receivables { nodes { closeId } } }",
    )
    .await;
    assert_eq!(
        found,
        json!({ "opportunity": { "closeId": "oppo_6", "receivables": { "nodes": [{ "closeId": "custobj_1" }] } } })
    );
    assert_eq!(
        one(&world, &token, "custobj_2", "opportunity { id }").await,
        json!({ "opportunity": null })
    );
    let query = "{
        billed: opportunities(filter: { receivables: { some: {} } }, orderBy: [{ field: CREATED_AT }]) { totalCount }
        candidate: opportunity(closeId: \"oppo_9\") { receivables { totalCount } }
        of: receivables(filter: { opportunity: { closeId: { eq: \"oppo_6\" } } }) { nodes { closeId } }
        less: receivables(filter: { opportunity: { closeId: { eq: \"oppo_3\" } } }) { nodes { closeId } } }";
    let answer = world.data(&token, query, json!({})).await;
    assert_eq!(
        answer,
        json!({
            "billed": { "totalCount": 3 },
            "candidate": { "receivables": { "totalCount": 0 } },
            "of": { "nodes": [{ "closeId": "custobj_1" }] },
            "less": { "nodes": [] },
        })
    );
}

#[tokio::test]
async fn records_of_custom_types_show_only_as_what_they_mean() {
    let world = World::new().await;
    world.seed(ONE, 10).await;
    world.seed_invoices(ONE, 10).await;
    sqlx::query("insert into drift (connection_id, record_type, run_id, compared, missing, extra, stale, repaired)
                 values ($1, 'custom_object', gen_random_uuid(), 3, 1, 0, 0, 0),
                        ($1, 'custom_activity', gen_random_uuid(), 4, 0, 1, 0, 0)")
        .bind(ONE)
        .execute(&world.pool)
        .await
        .unwrap();
    let token = world.token(&[ONE]).await;
    let id = record_id(ONE, "custobj_4");
    let query = "query ($id: ID!) {
        node(id: $id) { __typename ... on MirroredRecord { closeId sourceUrl customFields { id name type value } } }
        receivable(id: $id) { raw auditTrail { totalCount nodes { recordType } } payments { closeId customFields { id } receivable { id } } }
        byCloseId: transactions(filter: { closeId: { in: [\"custobj_4\", \"oppo_3\"] } }, orderBy: [{ field: CATEGORY }]) { nodes { kind } }
        not: transactions(filter: { closeId: { notIn: [\"custobj_4\", \"oppo_3\"] } }) { totalCount }
        every: transactions { totalCount }
        deal: transaction(closeId: \"oppo_3\") { closeId category categoryRule }
        connections { drift { compared types { recordType missing extra } } } }";
    let answer = world.data(&token, query, json!({ "id": id })).await;
    assert_eq!(
        answer["node"],
        json!({
            "__typename": "Receivable",
            "closeId": "custobj_4",
            "sourceUrl": "https://app.close.com/lead/lead_5/",
            "customFields": [{ "id": "cf_po", "name": "Purchase order", "type": "text", "value": "PO 7" }],
        })
    );
    assert_eq!(
        answer["receivable"],
        json!({
            "raw": { "id": "custobj_4" },
            "auditTrail": { "totalCount": 1, "nodes": [{ "recordType": "RECEIVABLE" }] },
            "payments": [{ "closeId": "custobj_4", "customFields": [], "receivable": { "id": id } }],
        })
    );
    let mut kinds: Vec<String> = answer["byCloseId"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["kind"].to_string())
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["\"INVOICE_PAYMENT\"", "\"WON_DEAL\""]);
    let count = |name: &str| answer[name]["totalCount"].as_i64().unwrap();
    assert_eq!(count("not") + 2, count("every"));
    assert_eq!(
        answer["deal"],
        json!({ "closeId": "oppo_3", "category": null, "categoryRule": null })
    );
    assert_eq!(
        answer["connections"],
        json!([{ "drift": { "compared": 7, "types": [{ "recordType": "RECEIVABLE", "missing": 1, "extra": 1 }] } }])
    );
}

#[tokio::test]
async fn won_deals_and_payments_are_never_added_up() {
    let world = World::new().await;
    world.seed(ONE, 4).await;
    world.invoice(ONE, UNPAID).await;
    world.payment(ONE, UNPAID, (1, "2026-02-01", 4_000)).await;
    sqlx::query(
        "update transaction set currency = 'USD', amount_minor = 4000, category = upper(kind)",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let token = world.token(&[ONE]).await;
    let query = "{ both: transactions { totals { kind amount currency } }
        one: transactions(filter: { kind: { eq: INVOICE_PAYMENT }, category: { eq: \"INVOICE_PAYMENT\" } }) {
          totals { formatted minorUnits } nodes { receivable { number } opportunity { id } } }
        of: transactions(filter: { receivable: { number: { eq: \"custobj_1\" } } }) { totalCount } }";
    let answer = world.data(&token, query, json!({})).await;
    assert_eq!(
        answer,
        json!({
            "both": { "totals": [
                { "kind": "WON_DEAL", "amount": "40.00", "currency": "USD" },
                { "kind": "INVOICE_PAYMENT", "amount": "40.00", "currency": "USD" },
            ] },
            "one": { "totals": [{ "formatted": "$40.00", "minorUnits": "4000" }],
                     "nodes": [{ "receivable": { "number": "custobj_1" }, "opportunity": null }] },
            "of": { "totalCount": 1 },
        })
    );
}

#[tokio::test]
async fn deals_are_of_high_value_from_the_connection_s_threshold_on() {
    let world = World::new().await;
    world.seed(ONE, 60).await;
    let token = world.token(&[ONE]).await;
    let query =
        "{ opportunities(first: 60) { nodes { highValue value { minorUnits currency } } } }";
    let none = world.data(&token, query, json!({})).await;
    let is_high = |node: &Value| node["highValue"].as_bool().unwrap();
    let nodes = none["opportunities"]["nodes"].as_array().unwrap();
    assert!(!nodes.iter().any(is_high), "without a threshold none is");
    sqlx::query("update connection set high_value_minor = 10000")
        .execute(&world.pool)
        .await
        .unwrap();
    let some = world.data(&token, query, json!({})).await;
    for node in some["opportunities"]["nodes"].as_array().unwrap() {
        let minor = node["value"]["minorUnits"].as_str();
        let minor: Option<i64> = minor.map(|minor| minor.parse().unwrap());
        let expected = minor >= Some(10_000) && node["value"]["currency"] == "USD";
        assert_eq!(is_high(node), expected, "{node}");
    }
}
