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

/// A server whose people a provider knows.
struct Server {
    provider: IdentityProvider,
    url: String,
    data_dir: DataDir,
    serving: Serving,
    client: Client,
    _postgres: PrivatePostgres,
}

impl Server {
    async fn start() -> Self {
        let provider = IdentityProvider::start().await.unwrap();
        let postgres = PrivatePostgres::start().await.unwrap();
        let url = postgres.database("sign_in").await.unwrap();
        let data_dir = DataDir::new().unwrap();
        let secret = data_dir.path().join("client-secret");
        std::fs::write(&secret, format!("{CLIENT_SECRET}\n")).unwrap();
        let port = free_port().unwrap();
        let address = format!("http://127.0.0.1:{port}");
        let openid = |key: &str| format!("CLOSEGRAPH_SIGN_IN_OPENID_CONNECT_{key}");
        let variables = [
            ("DATABASE_URL".to_owned(), url.as_str()),
            ("CLOSEGRAPH_HTTP_PUBLIC_URL".to_owned(), &address),
            // As much as can be logged: nothing of it may be a secret.
            ("CLOSEGRAPH_LOG_FILTER".to_owned(), "debug"),
            (openid("ISSUER"), &provider.issuer),
            (openid("CLIENT_ID"), CLIENT_ID),
            (openid("CLIENT_SECRET_FILE"), secret.to_str().unwrap()),
            (openid("ROLES"), "crm=viewer,boss=admin"),
            (openid("LABEL"), "Example"),
        ];
        let variables = variables
            .iter()
            .map(|(name, value)| (name.as_str(), *value));
        let variables: Vec<(&str, &str)> = variables.collect();
        let mut serving = Serving::start(&data_dir, port, &variables).unwrap();
        serving.ready().await.unwrap();
        let client = Client::builder().redirect(redirect::Policy::none());
        Self {
            provider,
            url,
            data_dir,
            serving,
            client: client.build().unwrap(),
            _postgres: postgres,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.serving.address)
    }

    /// What a browser gets that goes to the provider and comes back: the status, and the cookies on the way.
    async fn sign_in(&self) -> (u16, String, Option<String>) {
        let begun = self.client.get(self.at("/sign-in/openid-connect"));
        let begun = begun.send().await.unwrap();
        assert_eq!(begun.status(), 303);
        let attempt = cookie(begun.headers(), "closegraph-sign-in").unwrap();
        let sent_to = begun.headers()[LOCATION].to_str().unwrap();
        let back = self.provider.visit(sent_to).await.unwrap();
        let done = self.client.get(back).header(COOKIE, &attempt);
        let done = done.header("sec-fetch-site", "cross-site");
        let done = done.send().await.unwrap();
        let session = cookie(done.headers(), "closegraph");
        (done.status().as_u16(), attempt, session)
    }

    /// What is said of whoever has the cookie.
    async fn session(&self, cookie: &str) -> Value {
        let asked = self
            .client
            .get(self.at("/session"))
            .header(COOKIE, cookie)
            .header("sec-fetch-site", "same-origin");
        asked.send().await.unwrap().json().await.unwrap()
    }

    /// The exit code of a command, and what it prints.
    fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let done = assert_cmd::Command::new(env!("CARGO_BIN_EXE_closegraph"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DATABASE_URL", &self.url)
            .args(args)
            .assert();
        let output = done.get_output().clone();
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), printed)
    }

    fn printed(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(args).1).unwrap()
    }
}

/// The cookie that an answer gives, of this name.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(SET_COOKIE).iter();
    let all = all.filter_map(|cookie| cookie.to_str().unwrap().split(';').next());
    let mut all = all.filter(|cookie| cookie.starts_with(&format!("{name}=")));
    all.next().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_with_the_provider_of_the_configuration_and_no_secret_is_logged() {
    let server = Server::start().await;
    let page = server.client.get(server.at("/sign-in")).send().await;
    let page = page.unwrap().text().await.unwrap();
    assert!(page.contains("Sign in with Example"), "{page}");
    let (status, attempt, session) = server.sign_in().await;
    assert_eq!(status, 303);
    let session = session.unwrap();
    server.provider.behave(Behaviour {
        claims: json!({ "groups": ["nobody"] }),
        ..Behaviour::default()
    });
    let (status, other, none) = server.sign_in().await;
    assert_eq!((status, none), (403, None));
    let shown = server.session(&session).await;
    assert_eq!(shown["session"]["role"], "viewer", "{shown}");
    assert_eq!(shown["openIdConnect"], "Example");

    let log = std::fs::read_to_string(server.data_dir.path().join("serve.log")).unwrap();
    assert!(log.contains("nobody is signed in by the provider"), "{log}");
    let cookies = [attempt, other, session];
    let values = cookies.map(|cookie| cookie.split_once('=').unwrap().1.to_owned());
    for secret in server.provider.secrets().into_iter().chain(values) {
        assert!(!log.contains(&secret), "{secret} is logged");
    }
    for of_a_person in ["ann@example.com", "ann-1"] {
        assert!(!log.contains(of_a_person), "{of_a_person} is logged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_and_ends_sessions() {
    let server = Server::start().await;
    let (_, _, session) = server.sign_in().await;
    let session = session.unwrap();
    let listed = server.printed(&["session", "list", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let who = format!("ann-1 of {}", server.provider.issuer);
    assert_eq!(
        json!([listed[0]["who"], listed[0]["role"]]),
        json!([who, "viewer"])
    );
    // Nothing is ended where nothing, or nobody, is named.
    assert_eq!(server.run(&["session", "end"]).0, Some(2));
    let nobody = ["session", "end", "--subject", "bob"];
    assert_eq!(server.run(&nobody).0, Some(1));
    assert!(server.session(&session).await["session"].is_object());

    let ended = server.run(&["session", "end", "--subject", "ann-1"]);
    assert_eq!(ended, (Some(0), "Ended 1 session\n".to_owned()));
    let ended = Instant::now();
    while server.session(&session).await["session"].is_object() {
        assert!(ended.elapsed() < Duration::from_secs(1), "still believed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (_, listed) = server.run(&["session", "list"]);
    assert_eq!(listed, "Nobody is signed in by browser.\n");
    let log = server.printed(&["access-log", "--json"]);
    assert_eq!(
        json!([log[0]["action"], log[0]["actor"], log[0]["details"]]),
        json!(["signed_out", "closegraph session end", { "sessions": 1 }])
    );
}
