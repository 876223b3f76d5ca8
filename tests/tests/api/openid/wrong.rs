//! All that may be wrong with a provider and what it says.

use super::{come_back, go, known, refused, sessions, sign_in};
use crate::browser::Browser;
use crate::world::World;
use axum::Extension;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use closegraph_api::{Api, ApiOptions, Limits, router};
use closegraph_tests::{Behaviour, CLIENT_ID, IdentityProvider, Signing};
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[tokio::test]
async fn what_is_wrong_signs_nobody_in_and_says_why() {
    let (world, provider) = known().await;
    let claims = |claims: Value| Behaviour {
        claims,
        ..Behaviour::default()
    };
    let signed = |signing: Signing| Behaviour {
        signing,
        ..Behaviour::default()
    };
    let ended = |error| Behaviour {
        error: Some(error),
        ..Behaviour::default()
    };
    let untrusted = |why: &str| (502, format!("can't be trusted: {why}"));
    let no_role = (403, "gives you a role here".to_owned());
    for (behaviour, (status, told)) in [
        (claims(json!({ "groups": ["everybody"] })), no_role.clone()),
        (claims(json!({ "groups": null })), no_role),
        (
            claims(json!({ "aud": "another" })),
            untrusted("it is meant for another application"),
        ),
        (
            claims(json!({ "aud": [CLIENT_ID, "another"] })),
            untrusted("it is meant for another application"),
        ),
        (
            claims(json!({ "nonce": "another" })),
            untrusted("it answers another sign-in"),
        ),
        (
            claims(json!({ "nonce": null })),
            untrusted("it answers another sign-in"),
        ),
        (
            claims(json!({ "exp": 1_700_000_000 })),
            untrusted("it has expired"),
        ),
        (
            claims(json!({ "iss": "http://127.0.0.1/realm" })),
            untrusted("another provider says so"),
        ),
        (
            claims(json!({ "sub": "a\nb" })),
            untrusted("it is not made as it should be"),
        ),
        (signed(Signing::Wrong), untrusted("its signature is wrong")),
        (
            signed(Signing::Foreign),
            untrusted("it is signed with a key"),
        ),
        (signed(Signing::Shared), untrusted("its signature is wrong")),
        (signed(Signing::None), untrusted("its signature is wrong")),
        (
            ended("access_denied"),
            (403, "access was denied".to_owned()),
        ),
        (
            ended("temporarily_unavailable"),
            (502, "the error temporarily_unavailable.".to_owned()),
        ),
        (
            ended("<script>"),
            (502, "no word of OpenID Connect".to_owned()),
        ),
        (
            Behaviour {
                refuses: true,
                ..Behaviour::default()
            },
            (502, "gave no identity".to_owned()),
        ),
    ] {
        provider.behave(behaviour);
        let mut browser = world.browser();
        let back = go(&mut browser, &provider).await;
        let response = come_back(&mut browser, &back).await;
        refused(&world, &provider, response, (status, &told)).await;
        assert!(browser.cookies.is_empty(), "the attempt is over");
    }
}

#[tokio::test]
async fn an_answer_is_good_in_the_browser_that_began_once_and_for_ten_minutes() {
    let (world, provider) = known().await;
    let not_begun = (400, "not begun in this browser");
    let mut browser = world.browser();
    let back = go(&mut browser, &provider).await;
    // In another browser: one that began nothing, and one that began something else.
    let response = come_back(&mut world.browser(), &back).await;
    refused(&world, &provider, response, not_begun).await;
    let mut other = world.browser();
    go(&mut other, &provider).await;
    let response = come_back(&mut other, &back).await;
    refused(&world, &provider, response, not_begun).await;
    // With another state, or none, or no code.
    let begun = browser.cookies.clone();
    let mut without_code = back.clone();
    let state = back
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    without_code.set_query(Some(&format!("state={state}")));
    for query in ["code=a&state=b", "code=a", without_code.query().unwrap()] {
        let mut address = back.clone();
        address.set_query(Some(query));
        browser.cookies = begun.clone();
        let response = come_back(&mut browser, &address).await;
        refused(&world, &provider, response, not_begun).await;
    }
    // Too late: whoever changes the time in the cookie changes the state.
    let value = &begun["closegraph-sign-in"];
    let (seconds, secret) = value.split_once('.').unwrap();
    let seconds: i64 = seconds.parse().unwrap();
    for age in [601, 1, -60] {
        let moved = format!("{}.{secret}", seconds - age);
        browser.cookies = [("closegraph-sign-in".to_owned(), moved)].into();
        let response = come_back(&mut browser, &back).await;
        refused(&world, &provider, response, not_begun).await;
    }
    browser.cookies = begun.clone();
    let response = come_back(&mut browser, &back).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(sessions(&world).await, 1);
    // Once more, as by the back button: the browser has no attempt any more, and the code is used up.
    let response = come_back(&mut browser, &back).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let mut copied = world.browser();
    copied.cookies = begun;
    let response = come_back(&mut copied, &back).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(sessions(&world).await, 1);
}

#[tokio::test]
async fn a_provider_that_is_down_or_is_another_sends_nobody_anywhere() {
    let (mut world, provider) = known().await;
    provider.behave(Behaviour {
        is_down: true,
        ..Behaviour::default()
    });
    let response = world.browser().open("/sign-in/openid-connect").await;
    refused(
        &world,
        &provider,
        response,
        (503, "does not answer as it should"),
    )
    .await;
    // It is asked again when it may be there again.
    provider.behave(Behaviour::default());
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut browser = world.browser();
    let back = go(&mut browser, &provider).await;
    assert_eq!(
        come_back(&mut browser, &back).await.status(),
        StatusCode::SEE_OTHER
    );
    world.browser().sign_out().await;
    sqlx::query("delete from browser_session")
        .execute(&world.pool)
        .await
        .unwrap();
    for issuer in [
        provider.issuer.replace("/realm", "/elsewhere"),
        format!("{}/", provider.issuer),
        "http://127.0.0.1:1/realm".to_owned(),
    ] {
        world.sign_in_by(sign_in(&provider, |openid| openid.issuer = issuer));
        let response = world.browser().open("/sign-in/openid-connect").await;
        refused(
            &world,
            &provider,
            response,
            (503, "does not answer as it should"),
        )
        .await;
    }
}

#[tokio::test]
async fn whoever_brings_answers_that_come_to_nothing_is_held_up() {
    let provider = IdentityProvider::start().await.unwrap();
    let world = World::new().await;
    let limits = Limits {
        failures_per_minute: 3,
        ..Limits::default()
    };
    let options = ApiOptions {
        limits,
        ..ApiOptions::default()
    };
    let api = Api::new(world.pool.clone(), options, String::new);
    let router = router(api.signing_in(sign_in(&provider, |_| {})).unwrap());
    // As the server knows where a request comes from.
    let from: SocketAddr = "192.0.2.1:1".parse().unwrap();
    let router = router.layer(Extension(ConnectInfo(from)));
    provider.behave(Behaviour {
        refuses: true,
        ..Behaviour::default()
    });
    for expected in [502, 502, 502, 429] {
        let mut browser = Browser::new(&router);
        let back = go(&mut browser, &provider).await;
        let response = come_back(&mut browser, &back).await;
        assert_eq!(response.status().as_u16(), expected);
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_says_why_and_holds_no_secret() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || written.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let (world, provider) = known().await;
    let mut secrets = Vec::new();
    for behaviour in [
        Behaviour::default(),
        Behaviour {
            refuses: true,
            ..Behaviour::default()
        },
        Behaviour {
            signing: Signing::Foreign,
            ..Behaviour::default()
        },
        Behaviour {
            claims: json!({ "aud": "another" }),
            ..Behaviour::default()
        },
    ] {
        provider.behave(behaviour);
        let mut browser = world.browser();
        let back = go(&mut browser, &provider).await;
        secrets.extend(browser.cookies.values().cloned());
        come_back(&mut browser, &back).await;
        secrets.extend(browser.cookies.values().cloned());
    }
    secrets.extend(provider.secrets());
    assert!(secrets.len() > 10, "{secrets:?}");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("it answers invalid_grant"), "{log}");
    assert!(log.contains("meant for another application"), "{log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is logged");
    }
    assert!(!log.contains("ann@example.com"));
}
