//! Sessions of browsers: made by a token, of use to pages of this server only, and over with the token, with time, or when
//! their person says so.

use crate::browser::{Browser, FORM, ORIGIN, OWN, set, text};
use crate::listeners::Socket;
use crate::world::{ONE, OTHER, World, read};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use closegraph_api::{Api, ApiOptions, Limits, SignIn, router};
use closegraph_entity::api_token::Role;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const COUNT: &str = "{ companies { totalCount } }";
const REPLAY: &str =
    "mutation { replayEvents(filter: { objectId: { eq: \"lead_1\" } }) { count } }";

async fn seeded() -> World {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    world.seed(OTHER, 5).await;
    world
}

#[tokio::test]
async fn the_form_needs_no_script_and_loads_nothing() {
    let world = World::new().await;
    let response = world.browser().open("/sign-in").await;
    assert_eq!(response.status(), StatusCode::OK);
    let says = |name| response.headers()[name].to_str().unwrap().to_owned();
    let policy = says("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(
        !policy.contains("script-src") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(policy.contains("form-action 'self'") && policy.contains("frame-ancestors 'none'"));
    // Browsers leave out the origin of a form otherwise.
    assert_eq!(says("referrer-policy"), "same-origin");
    assert_eq!(says("cache-control"), "no-store");
    let page = text(response).await;
    for part in [
        "<html lang=\"en\">",
        "<form method=\"post\" action=\"sign-in\">",
        "<label for=\"token\">",
        "type=\"password\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for part in ["<script", "http:", "https:", "openid-connect"] {
        assert!(!page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn a_token_signs_in_and_its_cookie_asks_what_the_token_may() {
    let world = seeded().await;
    let token = world.token_of(&[ONE], Role::Operator, None).await;
    let mut browser = world.browser();
    assert_eq!(browser.session().await, Value::Null);
    let response = browser.sign_in(&token).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["location"], "graphiql/");
    let cookies = set(response.headers());
    let [(name, secret, attributes)] = cookies.as_slice() else {
        unreachable!("{cookies:?}");
    };
    assert_eq!((name.as_str(), secret.len()), ("closegraph", 43));
    let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
    assert_eq!(
        attributes,
        ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"]
    );

    let (status, answer) = browser.ask(COUNT).await;
    assert_eq!(
        (status, &answer["data"]["companies"]["totalCount"]),
        (StatusCode::OK, &json!(3))
    );
    let (_, decided) = browser.ask(REPLAY).await;
    assert_eq!(decided["data"]["replayEvents"]["count"], 1, "{decided}");
    let session = browser.session().await;
    assert_eq!(
        json!([session["name"], session["role"], session["tokenPrefix"]]),
        json!(["test", "operator", token[..9]])
    );
    // By an address a session asks, and changes nothing.
    let get = async |browser: &mut Browser, query: &str| {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let path = format!("/graphql?query={query}");
        let sent = browser.send(("GET", &path), &OWN, ("text/plain", String::new()));
        sent.await
    };
    let response = get(&mut browser, COUNT).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["vary"], "authorization, cookie, accept");
    let response = get(&mut browser, REPLAY).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);

    let kept: Vec<String> = sqlx::query_scalar(
        "select to_jsonb(s)::text from browser_session s union all select to_jsonb(a)::text from access_entry a",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    let kept = kept.concat();
    assert!(
        !kept.contains(secret) && !kept.contains(&token[9..]),
        "{kept}"
    );
    // A secret is good for what it was given for, and for nothing else.
    let (_, code) = world.refused(secret, COUNT, json!({})).await;
    assert_eq!(code, "UNAUTHENTICATED");
    browser.cookies.insert("closegraph".to_owned(), token);
    assert_eq!(browser.ask(COUNT).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn by_https_the_cookie_is_of_this_host_alone() {
    let mut world = seeded().await;
    let token = world.token(&[ONE]).await;
    // The browser says so.
    let mut browser = world.browser();
    let headers = [OWN[0], ("origin", "https://cg.example")];
    let body = (FORM, format!("token={token}"));
    let response = browser
        .send(("POST", "/sign-in"), &headers, body.clone())
        .await;
    let (name, _, attributes) = &set(response.headers())[0];
    assert_eq!(name, "__Host-closegraph");
    let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
    assert_eq!(
        attributes,
        [
            "HttpOnly",
            "SameSite=Strict",
            "Secure",
            "Path=/",
            "Max-Age=43200"
        ]
    );
    assert_eq!(browser.ask(COUNT).await.0, StatusCode::OK);

    // The configuration says so: no other cookie is read, and by HTTP nobody signs in.
    let public_url = Some("https://cg.example/".parse().unwrap());
    world.sign_in_by(SignIn {
        public_url,
        ..SignIn::default()
    });
    let mut behind = world.browser();
    behind.cookies = browser.cookies.clone();
    assert_eq!(behind.ask(COUNT).await.0, StatusCode::OK);
    let secret = behind.cookies.remove("__Host-closegraph").unwrap();
    behind.cookies.insert("closegraph".to_owned(), secret);
    assert_eq!(behind.ask(COUNT).await.0, StatusCode::UNAUTHORIZED);
    let response = behind.sign_in(&token).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let page = text(response).await;
    assert!(page.contains("https://cg.example/"), "{page}");
}

#[tokio::test]
async fn a_token_that_does_not_work_signs_nobody_in_and_says_what_a_bearer_is_told() {
    let world = seeded().await;
    let revoked = world.token(&[ONE]).await;
    sqlx::query("update api_token set revoked_at = now()")
        .execute(&world.pool)
        .await
        .unwrap();
    let mut browser = world.browser();
    for token in ["cg_wrong", revoked.as_str(), ""] {
        let (message, code) = world.refused(token, COUNT, json!({})).await;
        let response = browser.sign_in(token).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(set(response.headers()).is_empty());
        let page = text(response).await;
        assert!(
            page.contains(&format!("role=\"alert\">{message}<")),
            "{page}"
        );
        assert!(token.is_empty() || !page.contains(token));
        let body = json!({ "token": token }).to_string();
        let sent = browser.send(("POST", "/sign-in"), &OWN, ("application/json", body));
        let response = sent.await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let told = read(response).await;
        assert_eq!(told["errors"][0]["extensions"]["code"], code);
        assert_eq!(told["errors"][0]["message"], message);
    }
    for (media, body, status) in [
        (FORM, "tok=x", StatusCode::BAD_REQUEST),
        ("application/json", "{}", StatusCode::BAD_REQUEST),
        ("text/plain", "token=x", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let sent = browser.send(("POST", "/sign-in"), &OWN, (media, body.to_owned()));
        assert_eq!(sent.await.status(), status, "{media} {body}");
    }
    let made: i64 = sqlx::query_scalar("select count(*) from browser_session")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(made, 0);
}

#[tokio::test]
async fn whoever_tries_tokens_in_the_form_is_held_up() {
    let limits = Limits {
        failures_per_minute: 3,
        ..Limits::default()
    };
    let world = World::serving(ApiOptions {
        limits,
        ..ApiOptions::default()
    })
    .await;
    let token = world.token(&[ONE]).await;
    let from = async |address: &str, token: &str| {
        let address: SocketAddr = address.parse().unwrap();
        let request = Request::post("/sign-in")
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, FORM)
            .extension(ConnectInfo(address))
            .body(Body::from(format!("token={token}")));
        world.send(request.unwrap()).await.status()
    };
    for _ in 0..3 {
        assert_eq!(from("192.0.2.1:1", "cg_a").await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        from("192.0.2.1:1", &token).await,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(from("192.0.2.2:1", &token).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_cookie_counts_only_on_requests_of_pages_of_this_server() {
    let world = seeded().await;
    let token = world.token(&[ONE]).await;
    let mut browser = world.browser();
    browser.sign_in(&token).await;
    let own = ("origin", ORIGIN);
    for (headers, expected) in [
        (&OWN[..], StatusCode::OK),
        // What says nothing of the site says an origin.
        (&[own], StatusCode::OK),
        (&[], StatusCode::FORBIDDEN),
        (&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (&[("sec-fetch-site", "same-site")], StatusCode::FORBIDDEN),
        (&[("sec-fetch-site", "none")], StatusCode::FORBIDDEN),
        (
            &[("sec-fetch-site", "cross-site"), own],
            StatusCode::FORBIDDEN,
        ),
        (
            &[("origin", "http://evil.example:8080")],
            StatusCode::FORBIDDEN,
        ),
        (&[("origin", "http://cg.example")], StatusCode::FORBIDDEN),
        (&[("origin", "null")], StatusCode::FORBIDDEN),
    ] {
        let (status, answer) = browser.ask_with(COUNT, headers).await;
        assert_eq!(status, expected, "{headers:?}");
        if expected == StatusCode::FORBIDDEN {
            assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
            assert!(answer.get("data").is_none(), "{answer}");
        }
    }
    // Nor is anybody signed in or out from elsewhere.
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "http://evil.example"),
    ];
    let mut other = world.browser();
    let body = (FORM, format!("token={token}"));
    let response = other.send(("POST", "/sign-in"), &foreign, body).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(set(response.headers()).is_empty());
    let sent = browser.send(("POST", "/sign-out"), &foreign, (FORM, String::new()));
    assert_eq!(sent.await.status(), StatusCode::FORBIDDEN);
    assert_ne!(browser.session().await, Value::Null);
    // A token wins over the cookie, from wherever it comes.
    let elsewhere = world.token(&[OTHER]).await;
    let bearer = format!("Bearer {elsewhere}");
    let (_, answer) = browser
        .ask_with(COUNT, &[("authorization", &bearer), foreign[0], foreign[1]])
        .await;
    assert_eq!(answer["data"]["companies"]["totalCount"], 5);
    let (status, _) = browser
        .ask_with(COUNT, &[("authorization", "Bearer cg_no"), OWN[0]])
        .await;
    assert_eq!(
        status,
        StatusCode::UNAUTHORIZED,
        "it does not fall back to the cookie"
    );
}

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
