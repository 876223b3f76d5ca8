//! The change feed as a question: in the order of the commits, without loss or repeat.

use crate::world::{ONE, OTHER, World};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use closegraph_entity::record::record_id;
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::time::Duration;
use uuid::Uuid;

const CHANGES: &str = include_str!("../../queries/changed-since.graphql");

/// Writes an entry of the feed about a company, without changing the company.
pub(crate) async fn tell(
    session: &mut PgConnection,
    connection: Uuid,
    close_id: &str,
    action: &str,
) {
    sqlx::query(
        "insert into change_feed (connection_id, record_type, record_id, close_id, action, at)
         values ($1, 'company', $2, $3, $4, '2026-02-03Z')",
    )
    .bind(connection)
    .bind(record_id(connection, close_id))
    .bind(close_id)
    .bind(action)
    .execute(session)
    .await
    .unwrap();
}

/// The same in a transaction of its own.
pub(crate) async fn told(world: &World, connection: Uuid, close_id: &str) {
    let mut session = world.pool.acquire().await.unwrap();
    tell(&mut session, connection, close_id, "updated").await;
}

/// The Close ids of a page, and where it ends.
async fn page(world: &World, token: &str, after: Option<&str>) -> (Vec<String>, String) {
    let data = world.data(token, CHANGES, json!({ "after": after })).await;
    let nodes = data["changes"]["nodes"].as_array().unwrap();
    let ids = nodes
        .iter()
        .map(|node| node["closeId"].as_str().unwrap().to_owned());
    let end = data["changes"]["pageInfo"]["endCursor"].as_str().unwrap();
    (ids.collect(), end.to_owned())
}

#[tokio::test]
async fn changes_come_in_order_with_their_records_and_an_empty_page_can_be_read_on_from() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token(&[ONE]).await;
    let (ids, start) = page(&world, &token, None).await;
    assert!(ids.is_empty());
    let mut session = world.pool.acquire().await.unwrap();
    tell(&mut session, ONE, "lead_1", "updated").await;
    tell(&mut session, ONE, "lead_2", "deleted").await;
    tell(&mut session, ONE, "lead_99", "updated").await;
    let data = world.data(&token, CHANGES, json!({ "after": start })).await;
    let nodes = data["changes"]["nodes"].as_array().unwrap();
    let shown = |node: &Value| {
        json!([
            node["closeId"],
            node["action"],
            node["recordType"],
            node["record"]
        ])
    };
    let company = json!({ "__typename": "Company", "id": record_id(ONE, "lead_1") });
    assert_eq!(
        nodes.iter().map(shown).collect::<Vec<_>>(),
        [
            json!(["lead_1", "UPDATED", "COMPANY", company]),
            json!(["lead_2", "DELETED", "COMPANY", null]),
            json!(["lead_99", "UPDATED", "COMPANY", null]),
        ]
    );
    assert_eq!(nodes[0]["at"], "2026-02-03T00:00:00+00:00");
    let middle = nodes[1]["cursor"].as_str().unwrap();
    assert_eq!(page(&world, &token, Some(middle)).await.0, ["lead_99"]);
    let end = data["changes"]["pageInfo"]["endCursor"].as_str().unwrap();
    let (nothing, end) = page(&world, &token, Some(end)).await;
    assert!(nothing.is_empty());
    told(&world, ONE, "lead_3").await;
    assert_eq!(page(&world, &token, Some(&end)).await.0, ["lead_3"]);
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_neither_missed_nor_repeated() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    let token = world.token(&[ONE]).await;
    let mut early = world.pool.begin().await.unwrap();
    tell(&mut early, ONE, "lead_early", "updated").await;
    told(&world, ONE, "lead_late").await;
    let (ids, cursor) = page(&world, &token, None).await;
    assert!(
        ids.is_empty(),
        "{ids:?} would be passed by what commits later"
    );
    tell(&mut early, ONE, "lead_early_too", "updated").await;
    early.commit().await.unwrap();
    let (ids, cursor) = page(&world, &token, Some(&cursor)).await;
    assert_eq!(ids, ["lead_early", "lead_early_too", "lead_late"]);
    assert!(page(&world, &token, Some(&cursor)).await.0.is_empty());
}

/// Many writers whose transactions overlap; a reader follows them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_writers_at_work_sees_each_change_once_and_in_one_order() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    let token = world.token(&[ONE]).await;
    let writers = (0..4).map(|writer| {
        let pool = world.pool.clone();
        tokio::spawn(async move {
            for turn in 0..25 {
                let mut transaction = pool.begin().await.unwrap();
                tell(
                    &mut transaction,
                    ONE,
                    &format!("lead_{writer}_{turn}_a"),
                    "updated",
                )
                .await;
                tokio::time::sleep(Duration::from_millis(writer * 3)).await;
                tell(
                    &mut transaction,
                    ONE,
                    &format!("lead_{writer}_{turn}_b"),
                    "updated",
                )
                .await;
                transaction.commit().await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let (mut followed, mut cursor) = page(&world, &token, None).await;
    while followed.len() < 200 {
        let (ids, end) = page(&world, &token, Some(&cursor)).await;
        followed.extend(ids);
        cursor = end;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(page(&world, &token, Some(&cursor)).await.0.is_empty());
    assert_eq!(followed, page(&world, &token, None).await.0);
}

#[tokio::test]
async fn a_token_follows_its_connections_and_asks_for_kinds() {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 1).await;
        told(&world, connection, "lead_1").await;
    }
    let token = world.token(&[OTHER]).await;
    let query = "query ($types: [RecordType!], $first: Int) { changes(first: $first, types: $types) {
        nodes { recordId } edges { cursor node { cursor } } pageInfo { hasNextPage endCursor startCursor } } }";
    let data = world
        .data(&token, query, json!({ "types": ["COMPANY"] }))
        .await;
    let nodes = data["changes"]["nodes"].as_array().unwrap();
    assert_eq!(nodes, &[json!({ "recordId": record_id(OTHER, "lead_1") })]);
    let edge = &data["changes"]["edges"][0];
    assert_eq!(edge["cursor"], edge["node"]["cursor"]);
    let data = world
        .data(&token, query, json!({ "types": ["PERSON"] }))
        .await;
    assert_eq!(data["changes"]["nodes"], json!([]));
    assert!(data["changes"]["pageInfo"]["endCursor"].is_string());
    let both = world.token(&[ONE, OTHER]).await;
    let data = world.data(&both, query, json!({ "first": 1 })).await;
    assert_eq!(data["changes"]["pageInfo"]["hasNextPage"], true);
    let (_, code) = world.refused(&both, query, json!({ "first": 501 })).await;
    assert_eq!(code, "PAGE_TOO_LARGE");
    let (_, code) = world.refused(&both, CHANGES, json!({ "after": "x" })).await;
    assert_eq!(code, "BAD_CURSOR");
}

#[tokio::test]
async fn a_cursor_behind_which_entries_were_let_go_is_refused() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    world.seed(OTHER, 1).await;
    let (one, other) = (world.token(&[ONE]).await, world.token(&[OTHER]).await);
    told(&world, ONE, "lead_1").await;
    let (_, passed) = page(&world, &one, None).await;
    told(&world, ONE, "lead_2").await;
    told(&world, ONE, "lead_3").await;
    let forget = "with gone as (delete from change_feed where close_id = any($1) returning connection_id, xid, seq)
        insert into feed_horizon as known select distinct on (connection_id) * from gone order by connection_id, xid desc, seq desc
        on conflict (connection_id) do update set xid = excluded.xid, seq = excluded.seq";
    for (forgotten, refused) in [("lead_1", false), ("lead_2", true)] {
        sqlx::query(forget)
            .bind(vec![forgotten])
            .execute(&world.pool)
            .await
            .unwrap();
        let answer = world.ask(&one, CHANGES, json!({ "after": passed })).await;
        let expired = answer["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED";
        assert_eq!(expired, refused, "{answer}");
    }
    let foreign = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1000";
    let foreign: i64 = sqlx::query_scalar(foreign)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let of_another_server = json!(["feed", [foreign.to_string(), "1"]]).to_string();
    let of_another_server = BASE64_URL_SAFE_NO_PAD.encode(of_another_server);
    let (_, code) = world
        .refused(&one, CHANGES, json!({ "after": of_another_server }))
        .await;
    assert_eq!(code, "CURSOR_EXPIRED");
    assert_eq!(page(&world, &one, None).await.0, ["lead_3"]);
    page(&world, &other, Some(&passed)).await;
}
