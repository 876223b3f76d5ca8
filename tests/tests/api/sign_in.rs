//! Sessions of browsers: made by a token, of use to pages of this server only, and over with the token, with time, or when
//! their person says so ([`ends`]).

mod ends;

use crate::browser::{Browser, FORM, ORIGIN, OWN, set, text};
use crate::world::{ONE, OTHER, World, read};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use closegraph_api::{ApiOptions, Limits, SignIn};
use closegraph_entity::api_token::Role;
use serde_json::{Value, json};
use std::net::SocketAddr;

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
    // It is taken back by its name, whether a request says that it came by HTTPS or not.
    let mut over = world.browser();
    over.cookies = [(name.clone(), "of no use".to_owned())].into();
    assert_eq!(over.session().await, Value::Null);
    assert!(over.cookies.is_empty());

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
