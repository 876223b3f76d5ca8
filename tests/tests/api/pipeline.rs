//! The open deals by pipeline and stage.

use crate::world::{ONE, OTHER, World};
use closegraph_entity::record::record_id;
use serde_json::{Value, json};
use uuid::Uuid;

const PIPELINE: &str = include_str!("../../../web/graphiql/examples/pipeline.graphql");

/// A deal: stage, currency, value, confidence, days in the stage, days from today to its estimated close date.
type Deal<'a> = (
    &'a str,
    &'a str,
    Option<i64>,
    Option<i16>,
    Option<i32>,
    Option<i32>,
);

async fn deal(world: &World, connection: Uuid, number: usize, deal: Deal<'_>) {
    let (stage, currency, value, confidence, dwell, expected) = deal;
    let close_id = format!("oppo_made_{number}");
    sqlx::query(
        "insert into opportunity (id, connection_id, close_id, status, status_id, status_label, pipeline_id, pipeline_name,
                currency, value_minor, confidence, stage_entered_at, expected_on, value_period, raw, source_updated_at)
         values ($1, $2, $3, 'active', 'stat_' || $4, $4, 'pipe_1', 'Sales', $5, $6, $7,
                 now() - make_interval(days => $8), (now() at time zone 'UTC')::date + $9, 'one_time', '{}', '2026-01-01Z')",
    )
    .bind(record_id(connection, &close_id))
    .bind(connection)
    .bind(&close_id)
    .bind(stage)
    .bind(currency)
    .bind(value)
    .bind(confidence)
    .bind(dwell)
    .bind(expected)
    .execute(&world.pool)
    .await
    .unwrap();
}

fn stage(
    label: &str,
    currency: &str,
    count: i64,
    sums: (&str, &str),
    dwell: Option<&str>,
    overdue: i64,
) -> Value {
    json!({ "pipelineName": "Sales", "stageLabel": label, "currency": currency, "count": count,
            "value": { "amount": sums.0 }, "weightedValue": { "amount": sums.1 },
            "medianDwellDays": dwell, "overdueCount": overdue })
}

#[tokio::test]
async fn open_deals_are_weighted_by_confidence_and_rounded_once() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    sqlx::query("delete from opportunity")
        .execute(&world.pool)
        .await
        .unwrap();
    let deals: [Deal<'_>; 10] = [
        // 0.5 + 0.5 + 1.5 minor units: rounded one by one they would be 2, 0 + 0 + 2.
        ("Demo", "USD", Some(1), Some(50), Some(1), Some(-1)),
        ("Demo", "USD", Some(1), Some(50), Some(4), Some(0)),
        ("Demo", "USD", Some(3), Some(50), Some(20), Some(1)),
        ("Demo", "USD", None, Some(50), Some(7), None),
        ("Demo", "USD", Some(1_000), None, None, None),
        ("Demo", "JPY", Some(1_001), Some(50), None, Some(-30)),
        ("Demo", "KWD", Some(1_235), Some(100), Some(3), None),
        ("Closing", "USD", Some(i64::MAX), Some(100), Some(0), None),
        ("Closing", "USD", Some(i64::MAX), Some(100), Some(9), None),
        ("Closing", "EUR", None, None, None, None),
    ];
    for (number, values) in deals.into_iter().enumerate() {
        deal(&world, ONE, number, values).await;
    }
    let token = world.token(&[ONE]).await;
    let answer = world.data(&token, PIPELINE, json!({})).await;
    let huge = "184467440737095516.14";
    assert_eq!(
        answer["pipeline"],
        json!([
            stage("Closing", "EUR", 1, ("0.00", "0.00"), None, 0),
            stage("Closing", "USD", 2, (huge, huge), Some("4.5"), 0),
            stage("Demo", "JPY", 1, ("1001", "500"), None, 1),
            stage("Demo", "KWD", 1, ("1.235", "1.235"), Some("3"), 0),
            stage("Demo", "USD", 5, ("10.05", "0.02"), Some("5.5"), 1),
        ])
    );
}

#[tokio::test]
async fn pipelines_of_one_name_in_two_organizations_stay_apart() {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 30).await;
    }
    let of_one = world.token(&[ONE]).await;
    let query = "{ pipeline { stageLabel currency count unknownCount value { minorUnits } } opportunities(filter: { status: { eq: ACTIVE } }) { totalCount totals { currency minorUnits } } }";
    let alone = world.data(&of_one, query, json!({})).await;
    let rows = alone["pipeline"].as_array().unwrap();
    let count: i64 = rows.iter().map(|row| row["count"].as_i64().unwrap()).sum();
    assert_eq!(alone["opportunities"]["totalCount"], count);
    for total in alone["opportunities"]["totals"].as_array().unwrap() {
        let rows = rows
            .iter()
            .filter(|row| row["currency"] == total["currency"]);
        let sum: i64 = rows
            .map(|row| {
                row["value"]["minorUnits"]
                    .as_str()
                    .unwrap()
                    .parse::<i64>()
                    .unwrap()
            })
            .sum();
        assert_eq!(total["minorUnits"], sum.to_string());
    }
    let both = world.token(&[ONE, OTHER]).await;
    let both = world.data(&both, query, json!({})).await;
    assert_eq!(both["pipeline"].as_array().unwrap().len(), 2 * rows.len());
}

#[tokio::test]
async fn what_was_not_witnessed_is_not_zero_days() {
    let world = World::new().await;
    world.seed(ONE, 44).await;
    let token = world.token(&[ONE]).await;
    let query = "{ opportunities(first: 44) { nodes { createdAt ageDays stageDwellDays } } }";
    let answer = world.data(&token, query, json!({})).await;
    for node in answer["opportunities"]["nodes"].as_array().unwrap() {
        assert_eq!(node["createdAt"].is_null(), node["ageDays"].is_null());
        assert_eq!(node["stageDwellDays"], Value::Null);
    }
}
