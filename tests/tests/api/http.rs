//! GraphQL over HTTP: who is let in, what is refused and how.

use crate::world::{ONE, World, read};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use chrono::{TimeDelta, Utc};
use closegraph_entity::api_token::Role;
use serde_json::{Value, json};
use std::fmt::Write;

fn post(token: Option<&str>, media: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, media);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, token);
    }
    request.body(body.into()).unwrap()
}

fn get(token: &str, parameters: &str) -> Request<Body> {
    Request::get(format!("/graphql?{parameters}"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap()
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or_default()
}

#[tokio::test]
async fn only_a_live_token_is_let_in() {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    let live = world.token(&[ONE]).await;
    let hour = TimeDelta::hours(1);
    let expired = world
        .token_of(&[ONE], Role::Viewer, Some(Utc::now() - hour))
        .await;
    let revoked = world.token(&[ONE]).await;
    sqlx::query("update api_token set revoked_at = now() where starts_with($1, prefix)")
        .bind(&revoked)
        .execute(&world.pool)
        .await
        .unwrap();
    let body = r#"{"query":"{ companies { totalCount } }"}"#;
    let refused = [
        None,
        Some(live.clone()),
        Some(format!("Basic {live}")),
        Some("Bearer ".to_owned()),
        Some("Bearer cg_unknown".to_owned()),
        Some(format!("Bearer {}", live.to_uppercase())),
        Some(format!("Bearer {expired}")),
        Some(format!("Bearer {revoked}")),
    ];
    for token in refused {
        let response = world
            .send(post(token.as_deref(), "application/json", body))
            .await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{token:?}");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(code(&read(response).await), "UNAUTHENTICATED");
    }
    let soon = world
        .token_of(&[ONE], Role::Viewer, Some(Utc::now() + hour))
        .await;
    for token in [live, soon] {
        let bearer = format!("bearer {token}");
        let response = world
            .send(post(Some(&bearer), "application/json", body))
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(read(response).await["data"]["companies"]["totalCount"], 5);
    }
}

#[tokio::test]
async fn a_post_is_json_and_one_operation() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.token(&[]).await);
    let large = vec![b' '; 1024 * 1024 + 1];
    let cases: [(&str, &[u8], StatusCode, &str); 10] = [
        (
            "application/json; charset=iso-8859-1",
            b"{}",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "MEDIA_TYPE",
        ),
        (
            "text/plain",
            b"{}",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "MEDIA_TYPE",
        ),
        (
            "application/json",
            b"",
            StatusCode::BAD_REQUEST,
            "BAD_REQUEST",
        ),
        (
            "application/json",
            b"{",
            StatusCode::BAD_REQUEST,
            "BAD_REQUEST",
        ),
        (
            "application/json",
            b"\xff",
            StatusCode::BAD_REQUEST,
            "BAD_REQUEST",
        ),
        (
            "application/json",
            b"[]",
            StatusCode::BAD_REQUEST,
            "BATCH_LIMIT",
        ),
        (
            "application/json",
            b"{}",
            StatusCode::BAD_REQUEST,
            "BAD_REQUEST",
        ),
        (
            "application/json",
            br#"{"query":1}"#,
            StatusCode::BAD_REQUEST,
            "BAD_REQUEST",
        ),
        (
            "application/json",
            br#"{"query":"{a}","variables":[1]}"#,
            StatusCode::BAD_REQUEST,
            "BAD_REQUEST",
        ),
        (
            "application/json",
            &large,
            StatusCode::PAYLOAD_TOO_LARGE,
            "BODY_LIMIT",
        ),
    ];
    for (media, body, status, expected) in cases {
        let response = world.send(post(Some(&token), media, body.to_vec())).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(response.status(), status, "{shown}");
        assert_eq!(code(&read(response).await), expected, "{shown}");
    }
    let utf8 = post(
        Some(&token),
        "application/json; charset=utf-8",
        r#"{"query":"{ connections { id } }"}"#,
    );
    assert_eq!(
        read(world.send(utf8).await).await,
        json!({ "data": { "connections": [] }, "extensions": { "cost": { "rows": 10, "fields": 11 } } })
    );
}

#[tokio::test]
async fn get_answers_queries_and_nothing_else() {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    let token = world.token(&[ONE]).await;
    let query =
        "query=query($id:String!){company(closeId:$id){closeId}}&variables={\"id\":\"lead_2\"}";
    let encoded = query
        .replace('{', "%7B")
        .replace('}', "%7D")
        .replace('"', "%22")
        .replace('$', "%24");
    let answer = read(world.send(get(&token, &encoded)).await).await;
    assert_eq!(
        answer,
        json!({
            "data": { "company": { "closeId": "lead_2" } },
            "extensions": { "cost": { "rows": 0, "fields": 2 } }
        })
    );

    for operation in [
        "mutation%7Ba%7D",
        "query+Q%7Bconnections%7Bid%7D%7D+mutation+M%7Ba%7D",
    ] {
        let response = world.send(get(&token, &format!("query={operation}"))).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[header::ALLOW], "POST");
    }
    for parameters in [
        "",
        "query=%7Ba%7D&variables=x",
        "query=%7Ba%7D&variables=%5B1%5D",
    ] {
        let response = world.send(get(&token, parameters)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{parameters}");
        assert_eq!(code(&read(response).await), "BAD_REQUEST", "{parameters}");
    }
    let delete = Request::builder()
        .method(Method::DELETE)
        .uri("/graphql")
        .body(Body::empty());
    let response = world.send(delete.unwrap()).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn errors_have_codes_and_hide_the_inside() {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    let token = world.token(&[ONE]).await;
    let mut deep = String::new();
    for _ in 0..12 {
        deep.push_str("opportunities { nodes { company { ");
    }
    let cases = [
        ("{ companies".to_owned(), "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        (format!("{{ {} }}", "a ".repeat(20_000)), "TOKEN_LIMIT"),
        ("{a".repeat(100), "NESTING_LIMIT"),
        (
            format!(
                "{{ companies {{ nodes {{ {deep} id {} }} }} }}",
                "} } } ".repeat(12)
            ),
            "DEPTH_LIMIT",
        ),
        (
            "{ companies(first: 500) { nodes { people(first: 500) { nodes { id } } } } }"
                .to_owned(),
            "QUERY_TOO_COSTLY",
        ),
        (
            "{ companies(filter: { name: { eq: \"a\\u0000\" } }) { totalCount } }".to_owned(),
            "BAD_USER_INPUT",
        ),
    ];
    for (query, expected) in cases {
        let answer = world.ask(&token, &query, json!({})).await;
        assert_eq!(code(&answer), expected, "{answer}");
    }
    sqlx::query("alter table company rename to elsewhere")
        .execute(&world.pool)
        .await
        .unwrap();
    let (message, code) = world
        .refused(&token, "{ companies { totalCount } }", json!({}))
        .await;
    assert_eq!(code, "INTERNAL");
    assert!(
        !message.contains("company") && !message.contains("relation"),
        "{message}"
    );
}

#[tokio::test]
async fn fields_are_answered_as_they_were_asked_for() {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    let token = world.token(&[ONE]).await;
    // The statement of the first field is ready last.
    let mut slow = world.pool.begin().await.unwrap();
    sqlx::query("lock table transaction in access exclusive mode")
        .execute(&mut *slow)
        .await
        .unwrap();
    let query = "{ transactions { totalCount } ...more deals: opportunities { totalCount } ... { companies { totalCount } } }
        fragment more on Query { people { totalCount } ...more2 } fragment more2 on Query { members { totalCount } }";
    let body = json!({ "query": query }).to_string();
    let bearer = format!("Bearer {token}");
    let asked = world.send(post(Some(&bearer), "application/json", body));
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        slow.rollback().await.unwrap();
    };
    let (response, ()) = tokio::join!(asked, release);
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    let text = String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let names = ["transactions", "people", "members", "deals", "companies"];
    let places = names.map(|name| text.find(name));
    assert!(places.is_sorted() && places[0].is_some(), "{text}");
}

#[tokio::test]
async fn a_subscription_is_refused_once() {
    let world = World::new().await;
    let token = world.token(&[ONE]).await;
    let answer = world.ask(&token, "subscription { changes { id } }", json!({}));
    let answer = answer.await;
    assert_eq!(code(&answer), "GRAPHQL_VALIDATION_FAILED", "{answer}");
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1, "{answer}");
}

#[tokio::test]
async fn a_document_within_the_limits_that_fans_out_is_refused_by_its_rows() {
    let world = World::new().await;
    let token = world.token(&[]).await;
    let mut aliases = String::new();
    for number in 0..250 {
        write!(aliases, "a{number}: id ").unwrap();
    }
    let query = format!("{{ connections {{ {aliases} }} }}");
    let answer = world.ask(&token, &query, json!({})).await;
    assert_eq!(code(&answer), "ALIAS_LIMIT");
}

#[tokio::test]
async fn the_id_of_a_request_is_in_the_answer_and_in_each_error() {
    let world = World::new().await;
    let token = world.token(&[ONE]).await;
    let ask = |query: &str, token: &str, id: &str| {
        let mut request = post(
            Some(&format!("Bearer {token}")),
            "application/json",
            json!({ "query": query }).to_string(),
        );
        request
            .headers_mut()
            .insert("x-request-id", id.parse().unwrap());
        world.send(request)
    };
    for (query, token) in [
        ("{ nothing more }", token.as_str()),
        ("{", &token),
        ("{ company { id } }", &token),
        ("{ connections { id } }", "cg_unknown"),
    ] {
        let response = ask(query, token, "mine-1").await;
        assert_eq!(response.headers()["x-request-id"], "mine-1", "{query}");
        let answer = read(response).await;
        for error in answer["errors"].as_array().unwrap() {
            assert_eq!(error["extensions"]["requestId"], "mine-1", "{answer}");
        }
    }
    let response = ask("{", &token, "ann@example.com").await;
    let made = response.headers()["x-request-id"].clone();
    assert_ne!(made, "ann@example.com");
    let answer = read(response).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["requestId"],
        made.to_str().unwrap()
    );
}

#[tokio::test]
async fn the_media_type_of_an_answer_is_one_that_is_accepted() {
    let world = World::new().await;
    let token = world.token(&[ONE]).await;
    let ask = |query: &str, accept: &str| {
        let mut request = post(
            Some(&format!("Bearer {token}")),
            "application/json",
            json!({ "query": query }).to_string(),
        );
        request
            .headers_mut()
            .insert(header::ACCEPT, accept.parse().unwrap());
        world.send(request)
    };
    let (json, modern) = (
        "application/json; charset=utf-8",
        "application/graphql-response+json; charset=utf-8",
    );
    for (query, accept, status, media) in [
        ("{ connections { id } }", "*/*", StatusCode::OK, json),
        ("{", "application/json", StatusCode::OK, json),
        (
            "{",
            "application/json;q=0.2, application/graphql-response+json",
            StatusCode::BAD_REQUEST,
            modern,
        ),
        (
            "{ connections { id } }",
            "text/html",
            StatusCode::NOT_ACCEPTABLE,
            json,
        ),
    ] {
        let response = ask(query, accept).await;
        assert_eq!(response.status(), status, "{accept}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], media, "{accept}");
        let answer = read(response).await;
        assert_eq!(
            answer.get("data").is_some(),
            answer.get("errors").is_none(),
            "{answer}"
        );
    }
    let put = Request::put("/graphql").body(Body::empty()).unwrap();
    let response = world.send(put).await;
    assert_eq!(response.headers()[header::ALLOW], "GET, HEAD, POST");
    assert_eq!(code(&read(response).await), "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn a_root_field_that_failed_is_null_and_where_it_may_not_be_there_is_no_data() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    let token = world.token(&[ONE]).await;
    let list = r#"companies(after: "?") { nodes { id } }"#;
    let one = r#"company(id: "?") { id }"#;
    let fine = "__typename";
    for (query, data, errors) in [
        (format!("{{ {one} }}"), json!({"company": null}), 1),
        (
            format!("{{ a: {one} {fine} ...More }} fragment More on Query {{ b: {one} }}"),
            json!({"a": null, "__typename": "Query", "b": null}),
            2,
        ),
        (
            r#"{ company(id: "?") @skip(if: true) { id } __typename }"#.to_owned(),
            json!({"__typename": "Query"}),
            0,
        ),
        (format!("{{ {fine} {list} }}"), Value::Null, 1),
        (format!("{{ {one} {list} }}"), Value::Null, 2),
    ] {
        let answer = world.ask(&token, &query, json!({})).await;
        assert_eq!(answer.get("data"), Some(&data), "{query}");
        let found = answer["errors"].as_array().map_or(0, Vec::len);
        assert_eq!(found, errors, "{query}: {answer}");
    }
}
