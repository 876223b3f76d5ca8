//! What an operator decides about events.

use crate::world::{ONE, OTHER, World};
use closegraph_entity::api_token::Role;
use serde_json::{Value, json};

const REPLAY: &str = "mutation ($f: EventFilter!) { replayEvents(filter: $f) { count } }";
const DISCARD: &str = "mutation ($f: EventFilter!) { discardEvents(filter: $f) { count } }";

async fn states(world: &World) -> Vec<(String, i64)> {
    sqlx::query_as(
        "select state || ' ' || (connection_id = $1), count(*) from event group by 1 order by 1",
    )
    .bind(ONE)
    .fetch_all(&world.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn dead_events_are_replayed_or_discarded_by_operators_in_their_own_connections() {
    let world = World::new().await;
    world.seed(ONE, 10).await;
    world.seed(OTHER, 10).await;
    sqlx::query("update event set state = 'dead', attempts = 10, error = 'why' where object_id in ('lead_1', 'lead_2')")
        .execute(&world.pool)
        .await
        .unwrap();
    let dead = json!({ "f": { "state": { "eq": "DEAD" }, "objectId": { "eq": "lead_1" } } });
    let viewer = world.token(&[ONE]).await;
    let (message, code) = world.refused(&viewer, REPLAY, dead.clone()).await;
    assert_eq!(code, "FORBIDDEN", "{message}");

    let operator = world.token_of(&[ONE], Role::Operator, None).await;
    let done = world.data(&operator, REPLAY, dead).await;
    assert_eq!(done, json!({ "replayEvents": { "count": 1 } }));
    let rest = json!({ "f": { "state": { "in": ["DEAD", "APPLIED"] } } });
    let done = world.data(&operator, DISCARD, rest).await;
    assert_eq!(
        done,
        json!({ "discardEvents": { "count": 1 } }),
        "applied ones are not dropped"
    );
    let expected = [
        ("applied false", 8),
        ("applied true", 8),
        ("dead false", 2),
        ("discarded true", 1),
        ("pending true", 1),
    ];
    let expected: Vec<_> = expected
        .map(|(state, count)| (state.to_owned(), count))
        .into();
    assert_eq!(states(&world).await, expected);
    let fresh: (i32, Option<String>) =
        sqlx::query_as("select attempts, error from event where state = 'pending'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(fresh, (0, None));
}

#[tokio::test]
async fn a_decision_about_everything_is_not_made_by_mistake() {
    let world = World::new().await;
    world.seed(ONE, 10).await;
    let operator = world.token_of(&[ONE], Role::Operator, None).await;
    let before = states(&world).await;
    for filter in [
        json!({}),
        json!({ "state": null }),
        json!({ "state": { "eq": null } }),
        Value::Null,
    ] {
        for mutation in [REPLAY, DISCARD] {
            let answer = world.ask(&operator, mutation, json!({ "f": filter })).await;
            assert!(
                answer["errors"][0]["message"].is_string(),
                "{filter}: {answer}"
            );
        }
    }
    assert_eq!(states(&world).await, before);
}
