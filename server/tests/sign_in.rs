//! Signing in with a provider, by the configuration of a running server.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use closegraph_tests::{
    Behaviour, CLIENT_ID, CLIENT_SECRET, DataDir, IdentityProvider, PrivatePostgres, Serving,
    free_port,
};
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, redirect};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The cookie that an answer gives, of this name.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(SET_COOKIE).iter();
    let all = all.filter_map(|cookie| cookie.to_str().unwrap().split(';').next());
    let mut all = all.filter(|cookie| cookie.starts_with(&format!("{name}=")));
    all.next().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_with_the_provider_of_the_configuration_and_no_secret_is_logged() {
    let provider = IdentityProvider::start().await.unwrap();
    let postgres = PrivatePostgres::start().await.unwrap();
    let url = postgres.database("sign_in").await.unwrap();
    let data_dir = DataDir::new().unwrap();
    let secret = data_dir.path().join("client-secret");
    std::fs::write(&secret, format!("{CLIENT_SECRET}\n")).unwrap();
    let port = free_port().unwrap();
    let address = format!("http://127.0.0.1:{port}");
    let set = |key: &str, value: &str| (format!("CLOSEGRAPH_{key}"), value.to_owned());
    let variables = [
        ("DATABASE_URL".to_owned(), url),
        set("HTTP_PUBLIC_URL", &address),
        set("LOG_FILTER", "debug"),
        set("SIGN_IN_OPENID_CONNECT_ISSUER", &provider.issuer),
        set("SIGN_IN_OPENID_CONNECT_CLIENT_ID", CLIENT_ID),
        set(
            "SIGN_IN_OPENID_CONNECT_CLIENT_SECRET_FILE",
            secret.to_str().unwrap(),
        ),
        set("SIGN_IN_OPENID_CONNECT_ROLES", "crm=viewer,boss=admin"),
        set("SIGN_IN_OPENID_CONNECT_LABEL", "Example"),
    ];
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let mut server = Serving::start(&data_dir, port, &variables).unwrap();
    server.ready().await.unwrap();
    let client = Client::builder().redirect(redirect::Policy::none());
    let client = client.build().unwrap();
    let page = client
        .get(format!("{address}/sign-in"))
        .send()
        .await
        .unwrap();
    assert!(page.text().await.unwrap().contains("Sign in with Example"));

    let mut secrets = Vec::new();
    let mut sign_in = async || {
        let begun = client.get(format!("{address}/sign-in/openid-connect"));
        let begun = begun.send().await.unwrap();
        assert_eq!(begun.status(), 303);
        let attempt = cookie(begun.headers(), "closegraph-sign-in").unwrap();
        let sent_to = begun.headers()[LOCATION].to_str().unwrap();
        let back = provider.visit(sent_to).await.unwrap();
        let done = client.get(back.clone()).header(COOKIE, &attempt);
        let done = done
            .header("sec-fetch-site", "cross-site")
            .send()
            .await
            .unwrap();
        secrets.push(attempt.split_once('=').unwrap().1.to_owned());
        let session = cookie(done.headers(), "closegraph");
        secrets.extend(
            session
                .iter()
                .map(|cookie| cookie.split_once('=').unwrap().1.to_owned()),
        );
        (done.status().as_u16(), session)
    };
    let (status, session) = sign_in().await;
    assert_eq!(status, 303);
    provider.behave(Behaviour {
        claims: json!({ "groups": ["nobody"] }),
        ..Behaviour::default()
    });
    assert_eq!(sign_in().await, (403, None));

    let session = session.unwrap();
    let show = || {
        let asked = client.get(format!("{address}/session"));
        let asked = asked.header(COOKIE, &session);
        asked.header("sec-fetch-site", "same-origin")
    };
    let shown: Value = show().send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["session"]["role"], "viewer", "{shown}");
    assert_eq!(shown["openIdConnect"], "Example");

    // An operator ends it.
    let command = |args: &[&str]| {
        let done = assert_cmd::Command::new(env!("CARGO_BIN_EXE_closegraph"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DATABASE_URL", variables[0].1)
            .args(args)
            .assert();
        let output = done.get_output().clone();
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), printed)
    };
    let (_, listed) = command(&["session", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let who = format!("ann-1 of {}", provider.issuer);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        json!([listed[0]["who"], listed[0]["role"]]),
        json!([who, "viewer"])
    );
    assert_eq!(command(&["session", "end", "--subject", "bob"]).0, Some(1));
    assert_eq!(command(&["session", "end"]).0, Some(2));
    let ended = command(&["session", "end", "--subject", "ann-1"]);
    assert_eq!(ended, (Some(0), "Ended 1 session\n".to_owned()));
    let ended = Instant::now();
    loop {
        let shown: Value = show().send().await.unwrap().json().await.unwrap();
        if shown["session"].is_null() {
            break;
        }
        assert!(ended.elapsed() < Duration::from_secs(1), "{shown}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (_, listed) = command(&["session", "list"]);
    assert_eq!(listed, "Nobody is signed in by browser.\n");
    let (_, log) = command(&["access-log", "--json"]);
    let log: Value = serde_json::from_str(&log).unwrap();
    let entry = json!([log[0]["action"], log[0]["actor"], log[0]["details"]]);
    assert_eq!(
        entry,
        json!(["signed_out", "closegraph session end", { "sessions": 1 }])
    );

    let log = std::fs::read_to_string(data_dir.path().join("serve.log")).unwrap();
    assert!(log.contains("nobody is signed in by the provider"), "{log}");
    secrets.extend(provider.secrets());
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is logged");
    }
    for of_a_person in ["ann@example.com", "ann-1"] {
        assert!(!log.contains(of_a_person), "{of_a_person} is logged");
    }
}
