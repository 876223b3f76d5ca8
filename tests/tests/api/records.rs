//! Single records, and what money looks like.

use crate::world::{ONE, World};
use closegraph_entity::record::record_id;
use serde_json::{Value, json};

async fn merge(world: &World, from: &str, into: &str) {
    sqlx::query(
        "insert into tombstone (record_id, connection_id, record_type, close_id, version, merged_into_id)
         values ($1, $2, 'company', $3, now(), $4)",
    )
    .bind(record_id(ONE, from))
    .bind(ONE)
    .bind(from)
    .bind(record_id(ONE, into))
    .execute(&world.pool)
    .await
    .unwrap();
    sqlx::query("delete from company where id = $1")
        .bind(record_id(ONE, from))
        .execute(&world.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_id_of_a_merged_company_finds_where_it_went_however_often_it_was_merged() {
    let world = World::new().await;
    world.seed(ONE, 10).await;
    merge(&world, "lead_1", "lead_2").await;
    merge(&world, "lead_2", "lead_3").await;
    let token = world.token(&[ONE]).await;
    for old in ["lead_1", "lead_2", "lead_3"] {
        let query = "query ($id: ID!, $closeId: String!) { company(id: $id) { closeId } same: company(closeId: $closeId) { closeId } }";
        let variables = json!({ "id": record_id(ONE, old), "closeId": old });
        let found = world.data(&token, query, variables).await;
        assert_eq!(found["company"]["closeId"], "lead_3", "{old}");
        assert_eq!(found["same"]["closeId"], "lead_3", "{old}");
    }
    merge(&world, "lead_3", "lead_1").await;
    let circle = world
        .data(
            &token,
            "{ company(closeId: \"lead_1\") { closeId } }",
            json!({}),
        )
        .await;
    assert_eq!(circle["company"], Value::Null, "a circle ends");
}

#[tokio::test]
async fn one_of_two_ids_is_asked_for_and_what_is_no_id_is_said() {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    let token = world.token(&[ONE]).await;
    for (query, says) in [
        ("{ company { id } }", "either id or closeId"),
        (
            "{ person(id: \"x\", closeId: \"y\") { id } }",
            "either id or closeId",
        ),
        (
            "{ company(id: \"lead_1\") { id } }",
            "\"lead_1\" is no id of ours",
        ),
        (
            "{ node(id: \"lead_1\") { id } }",
            "\"lead_1\" is no id of ours",
        ),
        (
            "{ companies(filter: { id: { in: [\"1\"] } }) { totalCount } }",
            "\"1\" is no id of ours",
        ),
    ] {
        let (message, code) = world.refused(&token, query, json!({})).await;
        assert!(message.contains(says), "{query}: {message}");
        assert_eq!(code, "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn unknown_amounts_are_no_zeros_and_sums_are_exact_beyond_64_bits() {
    let world = World::new().await;
    world.seed(ONE, 12).await;
    let amounts = "update transaction set currency = case when close_id = 'oppo_3' then 'CHF' else 'USD' end,
        occurred_on = '2026-01-10', amount_minor = case when close_id = 'oppo_3' then null else 9223372036854775807 end";
    sqlx::query(amounts).execute(&world.pool).await.unwrap();
    let token = world.token(&[ONE]).await;
    let query = "{ transactions { totalCount totals { currency minorUnits amount } }
        revenue(from: \"2026-01-01\", to: \"2026-01-31\") {
          currency count unknownCount total { amount } averageDeal { minorUnits } previous { change } } }";
    let answer = world.data(&token, query, json!({})).await;
    assert_eq!(
        answer["transactions"],
        json!({ "totalCount": 4, "totals": [
            { "currency": "USD", "minorUnits": "27670116110564327421", "amount": "276701161105643274.21" },
        ] }),
        "a currency of which nothing is known has no sum"
    );
    assert_eq!(
        answer["revenue"],
        json!([
            { "currency": "CHF", "count": 1, "unknownCount": 1, "total": { "amount": "0.00" },
              "averageDeal": null, "previous": { "change": null } },
            { "currency": "USD", "count": 3, "unknownCount": 0, "total": { "amount": "276701161105643274.21" },
              "averageDeal": { "minorUnits": "9223372036854775807" }, "previous": { "change": null } },
        ])
    );
}
