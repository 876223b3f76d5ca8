//! The end of sessions, also of those that follow what changes.

use super::{COUNT, REPLAY, seeded};
use crate::browser::{Browser, OWN, text};
use crate::listeners::Socket;
use crate::world::{ONE, OTHER, World};
use axum::Router;
use axum::http::StatusCode;
use closegraph_api::{Api, ApiOptions, SignIn, router};
use closegraph_entity::api_token::Role;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A process that would believe a session for an hour, if it heard nothing.
fn process(world: &World) -> Router {
    let options = ApiOptions {
        token_cache: Duration::from_secs(3_600),
        ..ApiOptions::default()
    };
    router(Api::new(world.pool.clone(), options, String::new))
}

/// Waits until all processes refuse the cookie.
async fn refused_by_all(browsers: &mut [Browser; 2]) {
    let committed = Instant::now();
    for browser in browsers {
        while browser.ask(COUNT).await.0 != StatusCode::UNAUTHORIZED {
            assert!(
                committed.elapsed() < Duration::from_secs(1),
                "still believed"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_and_revoking_the_token_end_a_session_in_all_processes_at_once() {
    let world = seeded().await;
    let token = world.token(&[ONE]).await;
    let mut browsers = [process(&world), process(&world)].map(|process| Browser::new(&process));
    for ending in ["sign out", "revoke"] {
        browsers[0].sign_in(&token).await;
        browsers[1].cookies = browsers[0].cookies.clone();
        for browser in &mut browsers {
            assert_eq!(browser.ask(COUNT).await.0, StatusCode::OK);
        }
        match ending {
            "sign out" => {
                // Who copied the cookie has nothing of it.
                assert_eq!(browsers[1].sign_out().await, StatusCode::NO_CONTENT);
                assert!(browsers[1].cookies.is_empty());
                browsers[1].cookies = browsers[0].cookies.clone();
            }
            _ => {
                sqlx::query("update api_token set revoked_at = now()")
                    .execute(&world.pool)
                    .await
                    .unwrap();
            }
        }
        refused_by_all(&mut browsers).await;
        assert_eq!(browsers[0].session().await, Value::Null);
        assert!(
            browsers[0].cookies.is_empty(),
            "what is of no use is taken back"
        );
    }
}

#[tokio::test]
async fn a_session_ends_with_its_time_with_its_token_and_when_nobody_uses_it() {
    let world = seeded().await;
    let token = world.token(&[ONE]).await;
    for ending in [
        "update browser_session set expires_at = now()",
        "update browser_session set used_at = now() - interval '7201 seconds'",
        "update api_token set expires_at = now()",
    ] {
        let mut browser = world.browser();
        browser.sign_in(&token).await;
        assert_eq!(browser.ask(COUNT).await.0, StatusCode::OK);
        // A use that is written later would keep it alive.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        sqlx::query(ending).execute(&world.pool).await.unwrap();
        let (status, answer) = browser.ask(COUNT).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{ending}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn use_keeps_a_session_alive_and_the_next_sign_in_clears_away_what_has_ended() {
    let world = seeded().await;
    let token = world.token(&[ONE]).await;
    let mut browser = world.browser();
    browser.sign_in(&token).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    sqlx::query("update browser_session set used_at = now() - interval '7000 seconds'")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(browser.ask(COUNT).await.0, StatusCode::OK);
    let begun = Instant::now();
    loop {
        let used =
            "select count(*) from browser_session where used_at > now() - interval '1 minute'";
        let used: i64 = sqlx::query_scalar(used)
            .fetch_one(&world.pool)
            .await
            .unwrap();
        if used == 1 {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the use is not written"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The same browser: the session before is replaced. Another: what has ended goes.
    browser.sign_in(&token).await;
    let mut other = world.browser();
    other.sign_in(&token).await;
    let kept = "select count(*) from browser_session";
    let kept_now: i64 = sqlx::query_scalar(kept)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(kept_now, 2);
    sqlx::query("update browser_session set expires_at = now()")
        .execute(&world.pool)
        .await
        .unwrap();
    world.browser().sign_in(&token).await;
    let kept_now: i64 = sqlx::query_scalar(kept)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(kept_now, 1);
}

#[tokio::test]
async fn who_signed_in_and_out_and_decided_is_in_the_access_log() {
    let world = seeded().await;
    let token = world.token_of(&[ONE], Role::Operator, None).await;
    let admin = world.token_of(&[ONE], Role::Admin, None).await;
    let mut browser = world.browser();
    browser.sign_in(&token).await;
    browser.ask(REPLAY).await;
    browser.sign_out().await;
    let log = "{ accessLog { nodes { actor tokenPrefix action details connections { id } } } }";
    let log = world.data(&admin, log, json!({})).await;
    let nodes = log["accessLog"]["nodes"].as_array().unwrap();
    let of_session: Vec<Value> = nodes
        .iter()
        .filter(|entry| entry["tokenPrefix"] == token[..9])
        .map(|entry| {
            json!([
                entry["actor"],
                entry["action"],
                entry["details"],
                entry["connections"]
            ])
        })
        .collect();
    let about = json!([{ "id": ONE }]);
    assert_eq!(
        of_session,
        [
            json!(["test", "SIGNED_OUT", {}, about]),
            json!(["test", "EVENTS_REPLAYED", { "events": 1 }, about]),
            json!(["test", "SIGNED_IN", { "role": "operator" }, about]),
        ]
    );
}

#[tokio::test]
async fn a_socket_opens_by_cookie_for_a_page_of_this_server_and_ends_with_the_session() {
    let world = seeded().await;
    let address = world.serve().await;
    let (token, elsewhere) = (world.token(&[ONE]).await, world.token(&[OTHER]).await);
    let mut browser = world.browser();
    browser.sign_in(&token).await;
    let cookie = format!("closegraph={}", browser.cookies["closegraph"]);
    let own = format!("http://{address}");
    let open = async |origin: &str, payload: Value| {
        let headers = [("cookie", cookie.as_str()), ("origin", origin)];
        let mut socket = Socket::open_with(&address, &headers).await;
        socket
            .say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        socket
    };
    let acknowledged = Ok(json!({ "type": "connection_ack" }));
    // Another page's socket is none of the session's.
    for origin in ["http://evil.example", "http://127.0.0.1:1", "null"] {
        let mut socket = open(origin, json!({})).await;
        assert_eq!(socket.hear().await, Err(4403), "{origin}");
    }
    let count = async |socket: &mut Socket| {
        socket.subscribe("a", COUNT, json!({})).await;
        let told = socket.told("next").await;
        assert_eq!(socket.hear().await.unwrap()["type"], "complete");
        told["data"]["companies"]["totalCount"].clone()
    };
    // A token wins over the cookie.
    for origin in [own.as_str(), "http://evil.example"] {
        let mut socket = open(origin, json!({ "token": elsewhere })).await;
        assert_eq!(socket.hear().await, acknowledged, "{origin}");
        assert_eq!(count(&mut socket).await, 5);
    }
    let mut socket = open(&own, json!({})).await;
    assert_eq!(socket.hear().await, acknowledged);
    assert_eq!(count(&mut socket).await, 3);
    browser.sign_out().await;
    let left = Instant::now();
    assert_eq!(socket.hear().await, Err(4403));
    assert!(
        left.elapsed() < Duration::from_secs(2),
        "{:?}",
        left.elapsed()
    );
    let mut socket = open(&own, json!({})).await;
    assert_eq!(socket.hear().await, Err(4403), "the session is over");
}

#[tokio::test]
async fn a_socket_ends_when_its_session_is_used_by_nobody() {
    let mut world = seeded().await;
    world.sign_in_by(SignIn {
        idle: Duration::from_secs(2),
        ..SignIn::default()
    });
    let address = world.serve().await;
    let token = world.token(&[ONE]).await;
    let mut browser = world.browser();
    browser.sign_in(&token).await;
    let cookie = format!("closegraph={}", browser.cookies["closegraph"]);
    let origin = format!("http://{address}");
    let headers = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let mut socket = Socket::open_with(&address, &headers).await;
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.hear().await, Ok(json!({ "type": "connection_ack" })));
    let begun = Instant::now();
    assert_eq!(socket.hear().await, Err(4403));
    assert!(
        begun.elapsed() > Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_stream_opens_by_cookie_and_ends_with_the_session() {
    let world = seeded().await;
    let token = world.token(&[ONE]).await;
    let mut browser = world.browser();
    browser.sign_in(&token).await;
    let query = "subscription { changes { closeId } }";
    let body = json!({ "query": query }).to_string();
    let headers = [OWN[0], ("accept", "text/event-stream")];
    let sent = browser.send(("POST", "/graphql"), &headers, ("application/json", body));
    let response = sent.await;
    assert_eq!(response.status(), StatusCode::OK);
    browser.sign_out().await;
    let heard = tokio::time::timeout(Duration::from_secs(5), text(response)).await;
    let heard = heard.unwrap();
    assert!(
        heard.contains("UNAUTHENTICATED") && heard.contains("event: complete"),
        "{heard}"
    );
}
