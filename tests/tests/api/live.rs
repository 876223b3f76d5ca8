//! Subscriptions: pushed by commits, resumed by cursors, evaluated once for all who ask the same.

use crate::changes::{tell, told};
use crate::listeners::{Events, Socket};
use crate::world::{ONE, OTHER, World};
use closegraph_api::STATEMENTS;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LIVE: &str = include_str!("../../queries/live-changes.graphql");
const NAMES: &str = "subscription ($after: String) { changes(after: $after) { cursor closeId record { ... on Company { name } } } }";

fn id(payload: &Value) -> &str {
    payload["data"]["changes"]["closeId"]
        .as_str()
        .unwrap_or_default()
}

fn cursor(payload: &Value) -> String {
    payload["data"]["changes"]["cursor"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_socket_hears_of_a_commit_and_comes_back_with_its_cursor() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let (address, token) = (world.serve().await, world.token(&[ONE]).await);
    let mut socket = Socket::connect(&address, &token).await;
    socket.subscribe("a", LIVE, json!({})).await;
    assert!(socket.is_silent(Duration::from_millis(300)).await);
    let committed = Instant::now();
    told(&world, ONE, "lead_1").await;
    let payload = socket.told("next").await;
    assert!(
        committed.elapsed() < Duration::from_secs(1),
        "{:?}",
        committed.elapsed()
    );
    let change = &payload["data"]["changes"];
    assert_eq!(
        json!([
            change["recordType"],
            change["closeId"],
            change["action"],
            change["record"]
        ]),
        json!(["COMPANY", "lead_1", "UPDATED", { "__typename": "Company" }])
    );
    drop(socket);
    told(&world, ONE, "lead_2").await;
    let mut socket = Socket::connect(&address, &token).await;
    socket
        .subscribe("b", LIVE, json!({ "after": cursor(&payload) }))
        .await;
    assert_eq!(id(&socket.told("next").await), "lead_2");
    told(&world, ONE, "lead_3").await;
    assert_eq!(id(&socket.told("next").await), "lead_3");
    socket.say(json!({ "id": "b", "type": "complete" })).await;
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await, Ok(json!({ "type": "pong" })));
    told(&world, ONE, "lead_1").await;
    assert!(socket.is_silent(Duration::from_millis(300)).await);
}

#[tokio::test]
async fn a_stream_of_events_says_the_same_and_ends_with_its_token() {
    let world = World::new().await;
    world.seed(ONE, 2).await;
    let (address, token) = (world.serve().await, world.token(&[ONE]).await);
    let mut events = Events::open(&address, &token, NAMES, json!({})).await;
    assert_eq!(events.media(), "text/event-stream");
    told(&world, ONE, "lead_1").await;
    let (name, payload) = events.next().await.unwrap();
    assert_eq!((name.as_str(), id(&payload)), ("next", "lead_1"));
    assert_eq!(payload["data"]["changes"]["record"]["name"], "Company 1");
    told(&world, ONE, "lead_2").await;
    let mut again = Events::open(
        &address,
        &token,
        NAMES,
        json!({ "after": cursor(&payload) }),
    )
    .await;
    for events in [&mut events, &mut again] {
        assert_eq!(id(&events.next().await.unwrap().1), "lead_2");
    }
    sqlx::query("update api_token set revoked_at = now()")
        .execute(&world.pool)
        .await
        .unwrap();
    let (_, refused) = events.next().await.unwrap();
    assert_eq!(
        refused["errors"][0]["extensions"]["code"],
        "UNAUTHENTICATED"
    );
    assert_eq!(events.next().await.unwrap().0, "complete");
    assert!(events.next().await.is_none());
    let refused = Events::open(&address, &token, NAMES, json!({})).await;
    assert!(refused.media().starts_with("application/json"));
}

#[tokio::test]
async fn what_commits_late_comes_in_its_place_and_once() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    let (address, token) = (world.serve().await, world.token(&[ONE]).await);
    let mut socket = Socket::connect(&address, &token).await;
    socket.subscribe("a", NAMES, json!({})).await;
    assert!(socket.is_silent(Duration::from_millis(300)).await);
    let mut early = world.pool.begin().await.unwrap();
    tell(&mut early, ONE, "lead_early", "updated").await;
    for late in 0..5 {
        told(&world, ONE, &format!("lead_{late}")).await;
    }
    assert!(
        socket.is_silent(Duration::from_millis(500)).await,
        "an older transaction runs"
    );
    early.commit().await.unwrap();
    for expected in [
        "lead_early",
        "lead_0",
        "lead_1",
        "lead_2",
        "lead_3",
        "lead_4",
    ] {
        assert_eq!(id(&socket.told("next").await), expected);
    }
    assert!(socket.is_silent(Duration::from_millis(300)).await);
}

#[tokio::test]
async fn each_sees_its_connections_and_kinds_and_errors_are_told() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    world.seed(OTHER, 1).await;
    let address = world.serve().await;
    let mut one = Socket::connect(&address, &world.token(&[ONE]).await).await;
    let mut other = Socket::connect(&address, &world.token(&[OTHER]).await).await;
    let people = "subscription { changes(types: [PERSON]) { closeId } }";
    one.subscribe("all", NAMES, json!({})).await;
    one.subscribe("people", people, json!({})).await;
    other.subscribe("all", NAMES, json!({})).await;
    assert!(one.is_silent(Duration::from_millis(300)).await);
    told(&world, ONE, "lead_1").await;
    assert_eq!(one.hear().await.unwrap()["id"], "all");
    assert!(one.is_silent(Duration::from_millis(300)).await);
    assert!(other.is_silent(Duration::from_millis(10)).await);
    let cursor = "x";
    for (query, code) in [
        (
            "subscription { changes { nonsense } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { a: changes { closeId } b: changes { closeId } }",
            "BAD_USER_INPUT",
        ),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        (
            "subscription ($after: String) { changes(after: $after) { closeId } }",
            "BAD_CURSOR",
        ),
    ] {
        one.subscribe("bad", query, json!({ "after": cursor }))
            .await;
        let errors = one.told("error").await;
        assert_eq!(errors[0]["extensions"]["code"], code, "{query}: {errors}");
    }
    one.subscribe("question", "{ companies { totalCount } }", json!({}))
        .await;
    let payload = one.told("next").await;
    assert_eq!(payload["data"]["companies"]["totalCount"], 1);
    assert_eq!(one.hear().await.unwrap()["type"], "complete");
}

#[tokio::test]
async fn a_socket_that_breaks_the_rules_is_closed_with_the_code_for_it() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    let (address, token) = (world.serve().await, world.token(&[ONE]).await);
    let init = |token: &str| json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } });
    let subscribe = json!({ "id": "a", "type": "subscribe", "payload": { "query": NAMES } });
    for (said, code) in [
        (vec![init("cg_unknown")], 4403),
        (vec![json!({ "type": "connection_init" })], 4403),
        (vec![subscribe.clone()], 4401),
        (vec![json!({ "type": "nonsense" })], 4400),
        (
            vec![json!({ "type": "connection_init", "payload": { "many": vec![1; 60_000] } })],
            1009,
        ),
        (vec![init(&token), init(&token)], 4429),
        (
            vec![init(&token), subscribe.clone(), subscribe.clone()],
            4409,
        ),
    ] {
        let mut socket = Socket::open(&address, Some("graphql-transport-ws")).await;
        for message in &said {
            socket.say(message.clone()).await;
        }
        let closed = loop {
            if let Err(code) = socket.hear().await {
                break code;
            }
        };
        let said = format!("{said:?}");
        assert_eq!(closed, code, "{said:.300}");
    }
    let mut socket = Socket::open(&address, None).await;
    assert_eq!(socket.hear().await, Err(4406));
    let mut socket = Socket::connect(&address, &token).await;
    socket.subscribe("a", NAMES, json!({})).await;
    sqlx::query("update api_token set revoked_at = now()")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(socket.hear().await, Err(4403));
}

#[tokio::test]
async fn a_cursor_that_is_too_old_is_refused_and_a_token_that_sees_more_connects_again() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    let (address, token) = (world.serve().await, world.token(&[ONE]).await);
    let mut socket = Socket::connect(&address, &token).await;
    socket.subscribe("a", NAMES, json!({})).await;
    assert!(socket.is_silent(Duration::from_millis(300)).await);
    told(&world, ONE, "lead_1").await;
    let passed = cursor(&socket.told("next").await);
    told(&world, ONE, "lead_1").await;
    socket.told("next").await;
    sqlx::query("insert into feed_horizon select connection_id, max(xid::text)::xid8, max(seq) from change_feed group by 1")
        .execute(&world.pool)
        .await
        .unwrap();
    socket
        .subscribe("b", NAMES, json!({ "after": passed }))
        .await;
    let errors = socket.told("error").await;
    assert_eq!(errors[0]["extensions"]["code"], "CURSOR_EXPIRED");
    sqlx::query("update connection set time_zone = 'Asia/Tokyo'")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(socket.hear().await, Err(1012));
}

/// How many statements were executed for GraphQL.
fn statements(metrics: &PrometheusHandle) -> u64 {
    let text = metrics.render();
    let line = text.lines().find(|line| line.starts_with(STATEMENTS));
    line.and_then(|line| line.split(' ').nth(1))
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_thousand_subscribers_of_one_document_cost_one_evaluation_and_nothing_while_idle() {
    // Of this thread alone, on which all of the test runs: others count what they do beside it.
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _local = metrics::set_default_local_recorder(&recorder);
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let (address, token) = (world.serve().await, world.token(&[ONE]).await);
    told(&world, ONE, "lead_1").await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(Socket::connect(&address, &token).await);
    }
    for socket in &mut sockets {
        for number in 0..100 {
            socket
                .subscribe(&number.to_string(), NAMES, json!({}))
                .await;
        }
    }
    let gauge = "closegraph_api_subscriptions 1000";
    while !metrics.render().contains(gauge) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = statements(&metrics);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(statements(&metrics), before, "nobody changed anything");
    told(&world, ONE, "lead_2").await;
    for socket in &mut sockets {
        for _ in 0..100 {
            assert_eq!(id(&socket.told("next").await), "lead_2");
        }
    }
    // Two to read the feed, one to evaluate.
    assert_eq!(statements(&metrics) - before, 3);
    drop(sockets);
    while !metrics.render().contains("closegraph_api_subscriptions 0") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = statements(&metrics);
    told(&world, ONE, "lead_3").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(statements(&metrics), before, "nobody follows any more");
}

#[tokio::test]
async fn who_hears_nothing_of_commits_still_learns_of_them_and_misses_none() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    let (address, token) = (world.serve().await, world.token(&[ONE]).await);
    let mut socket = Socket::connect(&address, &token).await;
    socket.subscribe("a", NAMES, json!({})).await;
    assert!(socket.is_silent(Duration::from_millis(300)).await);
    for turn in 0..3 {
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and (query like 'LISTEN%' or query like '%alive%')";
        sqlx::query(cut).execute(&world.pool).await.unwrap();
        told(&world, ONE, &format!("lead_{turn}")).await;
    }
    for turn in 0..3 {
        assert_eq!(id(&socket.told("next").await), format!("lead_{turn}"));
    }
    assert!(socket.is_silent(Duration::from_millis(300)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_too_slow_is_told_and_loses_nothing_by_coming_back() {
    const BATCHES: i64 = 400;
    const EACH: i64 = 200;
    let world = World::new().await;
    world.seed(ONE, 1).await;
    let (address, token) = (world.serve().await, world.token(&[ONE]).await);
    let query =
        "subscription ($after: String) { changes(after: $after) { cursor closeId changedFields } }";
    let mut events = Events::open(&address, &token, query, json!({})).await;
    for batch in 0..BATCHES {
        sqlx::query("insert into change_feed (connection_id, record_type, record_id, close_id, action, changed_fields, at)
                     select $1, 'company', gen_random_uuid(), 'lead_' || ($2 * $3 + n), 'updated', array[repeat('x', 500)], now()
                       from generate_series(0, $3 - 1) n order by n")
            .bind(ONE)
            .bind(batch)
            .bind(EACH)
            .execute(&world.pool)
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut heard = 0;
    let mut refusals = 0;
    let mut last = String::new();
    while heard < BATCHES * EACH {
        let (name, payload) = events.next().await.unwrap();
        if let Some(error) = payload["errors"].get(0) {
            assert_eq!(error["extensions"]["code"], "SLOW_CONSUMER");
            assert_eq!(error["extensions"]["cursor"], last.as_str());
            assert_eq!(events.next().await.unwrap().0, "complete");
            refusals += 1;
            events = Events::open(&address, &token, query, json!({ "after": last })).await;
            continue;
        }
        assert_eq!(
            (name.as_str(), id(&payload)),
            ("next", format!("lead_{heard}").as_str())
        );
        last = cursor(&payload);
        heard += 1;
    }
    assert_eq!(refusals, 1);
}
