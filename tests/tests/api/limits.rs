//! What a token may ask: how much at once, how often, and whether for the schema.

use crate::world::{ONE, World, read};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode, header};
use closegraph_api::{ApiOptions, Introspection, Limits};
use closegraph_entity::api_token::Role;
use serde_json::{Value, json};
use std::net::SocketAddr;

const PAGES: &str = "query ($size: Int) {
  companies(first: $size) { totalCount pageInfo { hasNextPage } ...rows }
}
fragment rows on CompanyConnection {
  nodes { name people(first: 2) { nodes { name primaryEmail } } }
  edges { cursor }
}";

fn limited(limits: Limits) -> ApiOptions {
    ApiOptions {
        limits,
        ..ApiOptions::default()
    }
}

async fn send(world: &World, token: &str, query: &str) -> Response<Body> {
    let request = Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(json!({ "query": query }).to_string()))
        .unwrap();
    world.send(request).await
}

fn wait(response: &Response<Body>) -> u64 {
    let header = &response.headers()[header::RETRY_AFTER];
    header.to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_cost_of_an_answer_bounds_what_it_holds() {
    let world = World::new().await;
    world.seed(ONE, 30).await;
    let token = world.token(&[ONE]).await;
    for (size, records) in [
        (json!(3), 3),
        (json!(0), 0),
        (Value::Null, 50),
        (json!(500), 500),
    ] {
        let answer = world.ask(&token, PAGES, json!({ "size": size })).await;
        // A row is a node with a page of two people, and an edge.
        let expected = json!({ "rows": records * 4, "fields": 6 + records * 8 });
        assert_eq!(answer["extensions"]["cost"], expected, "{size}");
        let nodes = answer["data"]["companies"]["nodes"].as_array().unwrap();
        assert!(nodes.len() as u64 <= records, "{size}");
    }
    let schema = "{ __schema { types { fields { name args { name } } } } }";
    let answer = world.ask(&token, schema, json!({})).await;
    let cost = &answer["extensions"]["cost"];
    let types = answer["data"]["__schema"]["types"].as_array().unwrap();
    let fields = types.iter().filter_map(|of| of["fields"].as_array());
    let held = types.len() + fields.map(Vec::len).sum::<usize>();
    assert!(cost["rows"].as_u64().unwrap() > held as u64, "{cost}");
}

#[tokio::test]
async fn what_costs_more_than_the_budget_names_both_numbers() {
    let world = World::new().await;
    let token = world.token(&[ONE]).await;
    let set = "update api_token set cost_budget = $1";
    for (budget, refused) in [(200, None), (199, Some("199")), (0, Some("0"))] {
        sqlx::query(set)
            .bind(i64::from(budget))
            .execute(&world.pool)
            .await
            .unwrap();
        let answer = world.ask(&token, PAGES, json!({})).await;
        match refused {
            None => assert!(answer.get("errors").is_none(), "{answer}"),
            Some(budget) => {
                let error = &answer["errors"][0];
                assert_eq!(error["extensions"]["code"], "COST_LIMIT", "{answer}");
                let message = error["message"].as_str().unwrap();
                assert!(message.contains("200 rows"), "{message}");
                assert!(
                    message.contains(&format!("budget is {budget}:")),
                    "{message}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_when_to_come_back() {
    let world = World::serving(limited(Limits {
        requests_per_second: 1,
        request_burst: 3,
        ..Limits::default()
    }))
    .await;
    let (token, other) = (world.token(&[ONE]).await, world.token(&[ONE]).await);
    let mut refused = 0;
    // More in one go than four seconds allow.
    for _ in 0..7 {
        let response = send(&world, &token, "{ __typename }").await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(wait(&response), 1);
            let answer = read(response).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "RATE_LIMITED");
            refused += 1;
        }
    }
    assert!((1..=4).contains(&refused), "{refused} are refused");
    let response = send(&world, &other, "{ __typename }").await;
    assert_eq!(
        response.status(),
        StatusCode::OK,
        "the other token is not held up"
    );
}

#[tokio::test]
async fn the_rows_of_a_minute_are_counted_whatever_the_requests() {
    let world = World::serving(limited(Limits {
        cost_per_minute: 100,
        ..Limits::default()
    }))
    .await;
    let token = world.token(&[ONE]).await;
    let of = |rows: u32| format!("{{ companies(first: {rows}) {{ nodes {{ id }} }} }}");
    for (rows, status) in [
        (90, StatusCode::OK),
        (90, StatusCode::TOO_MANY_REQUESTS),
        (101, StatusCode::TOO_MANY_REQUESTS),
        (0, StatusCode::OK),
    ] {
        let response = send(&world, &token, &of(rows)).await;
        assert_eq!(response.status(), status, "{rows}");
        if status != StatusCode::OK {
            assert!((1..=60).contains(&wait(&response)));
        }
    }
}

#[tokio::test]
async fn an_address_that_tries_tokens_is_held_up_and_others_are_not() {
    let world = World::serving(limited(Limits {
        failures_per_minute: 3,
        ..Limits::default()
    }))
    .await;
    let token = world.token(&[ONE]).await;
    let from = |address: &str, token: &str| {
        let address: SocketAddr = address.parse().unwrap();
        let request = Request::get("/graphql?query=%7B__typename%7D")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .extension(ConnectInfo(address))
            .body(Body::empty());
        world.send(request.unwrap())
    };
    for (address, token, status) in [
        ("[2001:db8::1]:1", "cg_a", StatusCode::UNAUTHORIZED),
        ("[2001:db8::2]:2", "cg_b", StatusCode::UNAUTHORIZED),
        ("[2001:db8::3]:3", "cg_c", StatusCode::UNAUTHORIZED),
        ("[2001:db8::4]:4", "cg_d", StatusCode::TOO_MANY_REQUESTS),
        ("[2001:db8::1]:1", &token, StatusCode::TOO_MANY_REQUESTS),
        ("[2001:db8:0:1::1]:1", &token, StatusCode::OK),
        ("192.0.2.1:1", "cg_a", StatusCode::UNAUTHORIZED),
        ("192.0.2.1:1", &token, StatusCode::OK),
    ] {
        let response = from(address, token).await;
        assert_eq!(response.status(), status, "{address} {token}");
    }
}

#[tokio::test]
async fn the_schema_is_told_to_those_who_may_know_it() {
    let world = World::serving(ApiOptions {
        introspection: Introspection::Operators,
        ..ApiOptions::default()
    })
    .await;
    let viewer = world.token(&[ONE]).await;
    let operator = world.token_of(&[ONE], Role::Operator, None).await;
    let asked = "{ ...a } fragment a on Query { __schema { queryType { name } } }";
    let (message, code) = world.refused(&viewer, asked, json!({})).await;
    assert_eq!(code, "INTROSPECTION_REFUSED", "{message}");
    let code_of_type = world.refused(&viewer, "{ __type(name: \"Company\") { name } }", json!({}));
    assert_eq!(code_of_type.await.1, "INTROSPECTION_REFUSED");
    world.data(&viewer, "{ __typename }", json!({})).await;
    let told = world.data(&operator, asked, json!({})).await;
    assert_eq!(told["__schema"]["queryType"]["name"], "Query");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let world = World::serving(limited(Limits {
        request_ms: 300,
        ..Limits::default()
    }))
    .await;
    let token = world.token(&[ONE]).await;
    let mut lock = world.pool.begin().await.unwrap();
    sqlx::query("lock table company in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    let response = send(&world, &token, "{ companies { totalCount } }").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let answer = read(response).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "TIMEOUT",
        "{answer}"
    );
    lock.rollback().await.unwrap();
    world
        .data(&token, "{ companies { totalCount } }", json!({}))
        .await;
}
