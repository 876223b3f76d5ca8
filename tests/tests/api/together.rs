//! Records that are looked for by their ids at the same time: one statement, and everybody gets the own one.

use crate::world::{ONE, OTHER, World};
use closegraph_api::STATEMENTS;
use closegraph_entity::record::record_id;
use futures::future::join_all;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use sqlx::{Postgres, Transaction};
use std::time::Duration;
use uuid::Uuid;

const QUERY: &str =
    "query ($id: ID!) { company(id: $id) { id name people(first: 2) { nodes { name } } } }";

/// How many statements were executed for GraphQL.
fn statements(metrics: &PrometheusHandle) -> u64 {
    let text = metrics.render();
    let line = text.lines().find(|line| line.starts_with(STATEMENTS));
    let count = line.and_then(|line| line.split(' ').nth(1));
    count.map_or(0, |count| count.parse().unwrap())
}

fn company(connection: Uuid, number: usize) -> Uuid {
    record_id(connection, &format!("lead_{number}"))
}

async fn ask(world: &World, token: &str, id: Uuid) -> Value {
    let data = world.data(token, QUERY, json!({ "id": id })).await;
    data["company"].clone()
}

/// Nobody reads a company until this is dropped.
async fn locked(world: &World) -> Transaction<'static, Postgres> {
    let mut lock = world.pool.begin().await.unwrap();
    sqlx::query("lock table company in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    lock
}

#[tokio::test]
async fn everybody_gets_the_own_record_and_nobody_what_a_token_does_not_see() {
    // Of this thread alone, on which all of the test runs.
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _local = metrics::set_default_local_recorder(&recorder);
    let world = World::new().await;
    world.seed(ONE, 40).await;
    world.seed(OTHER, 40).await;
    let one = world.token(&[ONE]).await;
    let other = world.token(&[OTHER]).await;
    ask(&world, &one, company(ONE, 1)).await;
    ask(&world, &other, company(OTHER, 1)).await;
    let before = statements(&metrics);

    // Own ones, each twice; some of the other organization, and one that nobody has.
    let mut ids: Vec<(&String, Uuid)> = (1..=40).map(|n| (&one, company(ONE, n))).collect();
    ids.extend_from_within(..);
    ids.extend((1..=5).map(|n| (&one, company(OTHER, n))));
    ids.extend((1..=5).map(|n| (&other, company(OTHER, n))));
    ids.push((&one, Uuid::from_u128(7)));
    let asked = ids.iter().map(|(token, id)| ask(&world, token, *id));
    let lock = locked(&world).await;
    let unlocked = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        lock.rollback().await.unwrap();
    };
    let (answers, ()) = tokio::join!(join_all(asked), unlocked);
    for ((token, id), answer) in ids.iter().zip(answers) {
        let sees = match *token == &one {
            true => (1..=40).any(|n| *id == company(ONE, n)),
            false => true,
        };
        if sees {
            assert_eq!(answer["id"], json!(id));
            assert_eq!(answer["people"]["nodes"].as_array().unwrap().len(), 2);
        } else {
            assert_eq!(answer, Value::Null, "{id} is shown");
        }
    }
    // What is not found is looked for among the merged ones, too, each by itself.
    let cost = statements(&metrics) - before;
    assert!(
        cost <= 6 + 10,
        "{cost} statements for {} questions",
        ids.len()
    );
}

#[tokio::test]
async fn who_goes_away_takes_nobody_along() {
    let world = World::new().await;
    world.seed(ONE, 20).await;
    let token = world.token(&[ONE]).await;
    ask(&world, &token, company(ONE, 1)).await;
    let lock = locked(&world).await;
    let mut first = Box::pin(ask(&world, &token, company(ONE, 1)));
    let mut others = Box::pin(join_all(
        (2..=20).map(|n| ask(&world, &token, company(ONE, n))),
    ));
    let waited = async {
        tokio::select! {
            _ = &mut first => panic!("it is answered from a table that is locked"),
            _ = &mut others => panic!("they are answered from a table that is locked"),
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
        }
    };
    waited.await;
    drop(first);
    lock.rollback().await.unwrap();
    for (answer, number) in others.await.into_iter().zip(2..) {
        assert_eq!(answer["id"], json!(company(ONE, number)));
    }
    let answer = ask(&world, &token, company(ONE, 1)).await;
    assert_eq!(answer["id"], json!(company(ONE, 1)));
}

#[tokio::test]
async fn an_error_is_everybodys_own() {
    let world = World::with(&[("statement_timeout", "300")]).await;
    world.seed(ONE, 5).await;
    let token = world.token(&[ONE]).await;
    ask(&world, &token, company(ONE, 1)).await;
    let lock = locked(&world).await;
    let refused = (1..=5).map(|n| {
        let id = json!({ "id": company(ONE, n) });
        let (world, token) = (&world, &token);
        async move { world.refused(token, QUERY, id).await.1 }
    });
    assert_eq!(join_all(refused).await, ["TIMEOUT"; 5]);
    lock.rollback().await.unwrap();
    let answer = ask(&world, &token, company(ONE, 5)).await;
    assert_eq!(answer["id"], json!(company(ONE, 5)));
}
