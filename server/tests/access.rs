//! Access that a person allows in the browser: asked for by command, answered to this machine or to a server, given back.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use closegraph_tests::person::{self, Decision, answer, decide};
use closegraph_tests::{CloseSim, DataDir, PrivatePostgres, Serving, free_port};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};
use url::Url;

struct Deployment {
    data_dir: DataDir,
    sim: CloseSim,
    url: String,
    pool: PgPool,
    _postgres: PrivatePostgres,
}

impl Deployment {
    async fn new() -> Self {
        let postgres = PrivatePostgres::start().await.unwrap();
        let url = postgres.database("access").await.unwrap();
        Self {
            data_dir: DataDir::new().unwrap(),
            sim: CloseSim::start(&["--leads", "50", "--traffic", "0"]).unwrap(),
            pool: PgPool::connect(&url).await.unwrap(),
            url,
            _postgres: postgres,
        }
    }

    fn command(&self, variables: &[(&str, &str)], args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_closegraph"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DATABASE_URL", &self.url)
            .env("CLOSEGRAPH_POSTGRES_DATA_DIR", self.data_dir.path())
            // As much as can be logged: nothing of it may be a secret.
            .env("CLOSEGRAPH_LOG_FILTER", "debug")
            .env("KEY", self.sim.api_key())
            .envs(variables.iter().copied())
            .args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(&[], args).output().unwrap()
    }

    /// Asks for access, by a command that then waits.
    fn ask(&self, variables: &[(&str, &str)], more: &[&str]) -> Asking {
        let args = ["connect", "close", "--mcp", "--no-browser", "--json"];
        let at = ["--mcp-url", self.sim.mcp_url()];
        let args = [&args[..], &at, more].concat();
        let mut child = self
            .command(variables, &args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        let mut line = String::new();
        while !line.starts_with("http://") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "{seen}");
            seen.push_str(&line);
        }
        // The request itself holds the state, which its person may see.
        let seen = seen.replace(line.trim(), "");
        Asking {
            url: line.trim().to_owned(),
            child,
            said,
            seen,
        }
    }

    async fn connections(&self) -> Vec<(String, String, Value)> {
        let all = sqlx::query_as("select auth_method, status, scopes from connection");
        all.fetch_all(&self.pool).await.unwrap()
    }

    async fn nothing_is_left(&self) {
        assert_eq!(self.connections().await, []);
        let kept = "select count(*) from authorization_attempt where sealed is not null";
        let kept: i64 = sqlx::query_scalar(kept)
            .fetch_one(&self.pool)
            .await
            .unwrap();
        assert_eq!(kept, 0);
    }

    /// What the authorization server knows.
    async fn granted(&self) -> Value {
        self.sim.control("oauth").await.unwrap()
    }

    /// Fails where a text holds a code or token that was ever given.
    async fn holds_no_secret(&self, what: &str, text: &str) {
        let granted = self.granted().await;
        let secrets = granted["secrets"].as_array().unwrap();
        assert!(!secrets.is_empty());
        for secret in secrets {
            let secret = secret.as_str().unwrap();
            assert!(!text.contains(secret), "{what} holds {secret}: {text}");
        }
    }

    /// All of the database, as text.
    async fn dump(&self) -> String {
        let tables = [
            "select string_agg(encode(coalesce(credential, ''), 'escape') || t::text, ' ') from connection t",
            "select string_agg(t::text, ' ') from authorization_attempt t",
            "select string_agg(t::text, ' ') from member t",
        ];
        let mut dump = String::new();
        for rows in tables {
            let rows: Option<String> = sqlx::query_scalar(rows)
                .fetch_one(&self.pool)
                .await
                .unwrap();
            dump.push_str(&rows.unwrap_or_default());
        }
        dump
    }
}

/// A command that waits for a person.
struct Asking {
    url: String,
    child: Child,
    said: BufReader<ChildStderr>,
    seen: String,
}

impl Asking {
    /// The port of this machine that it listens on.
    fn callback(&self) -> Url {
        let url = Url::parse(&self.url).unwrap();
        let mut pairs = url.query_pairs();
        let (_, callback) = pairs.find(|(name, _)| name == "redirect_uri").unwrap();
        Url::parse(&callback).unwrap()
    }

    /// Waits for its end: whether it succeeded, what it printed, and what it said.
    fn end(mut self) -> (bool, String, String) {
        let mut said = self.seen;
        self.said.read_to_string(&mut said).unwrap();
        let output = self.child.wait_with_output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), printed, said)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_allows_is_connected_and_read_and_no_secret_is_told() {
    let deployment = Deployment::new().await;
    let asking = deployment.ask(&[], &[]);
    let asked = Url::parse(&asking.url).unwrap();
    let scope = asked.query_pairs().find(|(name, _)| name == "scope");
    assert_eq!(scope.unwrap().1, "mcp.read offline_access");
    let (status, page) = answer(&asking.url, Decision::Allow).await.unwrap();
    assert_eq!(status, 200, "{page}");
    let (done, printed, said) = asking.end();
    assert!(done, "{said}");
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["renewed"], false);
    let scopes = json!([{ "name": "mcp.read", "granted": true }, { "name": "offline_access", "granted": true }]);
    let connected = [("mcp".to_owned(), "active".to_owned(), scopes)];
    assert_eq!(deployment.connections().await, connected);

    // A server reads what the tools give, and asks nothing of REST.
    let variables = [
        ("DATABASE_URL", deployment.url.as_str()),
        ("CLOSEGRAPH_SYNC_POLL_MS", "100"),
        ("CLOSEGRAPH_LOG_FILTER", "debug"),
    ];
    let port = free_port().unwrap();
    let mut server = Serving::start(&deployment.data_dir, port, &variables).unwrap();
    server.ready().await.unwrap();
    let start = Instant::now();
    loop {
        let members: i64 = sqlx::query_scalar("select count(*) from member")
            .fetch_one(&deployment.pool)
            .await
            .unwrap();
        if members > 1 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "never read");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = std::fs::read_to_string(deployment.data_dir.path().join("serve.log")).unwrap();
    let dump = deployment.dump().await;
    for (what, text) in [
        ("what it said", &said),
        ("the page", &page),
        ("the log", &log),
        ("the database", &dump),
    ] {
        deployment.holds_no_secret(what, text).await;
    }
    let requests = deployment.sim.control("requests").await.unwrap();
    assert_eq!(requests["writes"], json!([]));

    let compared = deployment.run(&["verify"]);
    let told = String::from_utf8(compared.stderr).unwrap();
    assert!(
        !compared.status.success() && told.contains("is by MCP"),
        "{told}"
    );

    // The same person connects again.
    let asking = deployment.ask(&[], &[]);
    answer(&asking.url, Decision::Allow).await.unwrap();
    let (_, printed, said) = asking.end();
    assert!(printed.contains("\"renewed\":true"), "{printed} {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_or_too_late_or_too_little_connects_nothing_and_says_why() {
    let deployment = Deployment::new().await;
    let asking = deployment.ask(&[], &[]);
    let (status, page) = answer(&asking.url, Decision::Deny).await.unwrap();
    let told = "access was denied in Close: nothing is connected";
    assert!(status == 400 && page.contains(told), "{page}");
    let (done, _, said) = asking.end();
    assert!(!done && said.contains(told), "{said}");
    deployment.nothing_is_left().await;

    for (behaviour, told) in [
        (json!({ "code_seconds": 0 }), "The code has expired"),
        (
            json!({ "code_seconds": 60, "withheld": ["mcp.read"] }),
            "granted no leave to read",
        ),
    ] {
        deployment.sim.behave(&behaviour).await.unwrap();
        let asking = deployment.ask(&[], &[]);
        let (status, page) = answer(&asking.url, Decision::Allow).await.unwrap();
        assert!(status == 400 && page.contains(told), "{page}");
        let (done, _, said) = asking.end();
        assert!(!done && said.contains(told), "{said}");
        deployment.holds_no_secret("what it said", &said).await;
        deployment.nothing_is_left().await;
    }
    let granted = deployment.granted().await;
    assert_eq!(granted["grants"][0]["revoked"], true, "it is given back");

    let (done, _, said) = deployment.ask(&[], &["--wait", "1"]).end();
    assert!(
        !done && said.contains("nobody answered in 1 seconds"),
        "{said}"
    );
    assert_eq!(deployment.connections().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_another_state_is_refused_and_the_right_one_still_waited_for() {
    let deployment = Deployment::new().await;
    let asking = deployment.ask(&[], &[]);
    let mut wrong = decide(&asking.url, Decision::Allow).await.unwrap();
    let code = wrong.query_pairs().find(|(name, _)| name == "code");
    let code = code.unwrap().1.into_owned();
    wrong.set_query(Some(&format!("code={code}&state=guessed")));
    let (status, page) = person::open(wrong).await.unwrap();
    assert!(
        status == 400 && page.contains("no request for access that was made here"),
        "{page}"
    );
    let (status, _) = person::open(asking.callback()).await.unwrap();
    assert_eq!(status, 400, "an answer without anything");
    deployment.nothing_is_answered().await;
    answer(&asking.url, Decision::Allow).await.unwrap();
    assert!(asking.end().0);
}

impl Deployment {
    async fn nothing_is_answered(&self) {
        assert_eq!(self.connections().await, []);
        let waiting = "select count(*) from authorization_attempt where sealed is not null and used_at is null";
        let waiting: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&self.pool)
            .await
            .unwrap();
        assert_eq!(waiting, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_takes_the_answer_to_a_request_of_another_process_once() {
    let deployment = Deployment::new().await;
    let port = free_port().unwrap();
    let variables = [("DATABASE_URL", deployment.url.as_str())];
    let mut server = Serving::start(&deployment.data_dir, port, &variables).unwrap();
    server.ready().await.unwrap();
    let refused = deployment.run(&["connect", "close", "--mcp", "--via-server"]);
    assert_eq!(refused.status.code(), Some(2));
    let public = [("CLOSEGRAPH_HTTP_PUBLIC_URL", server.address.as_str())];
    let asking = deployment.ask(&public, &["--via-server"]);
    assert!(asking.callback().as_str().starts_with(&server.address));
    let back = decide(&asking.url, Decision::Allow).await.unwrap();
    let (status, page) = person::open(back.clone()).await.unwrap();
    assert!(status == 200 && page.contains("is connected"), "{page}");
    let (done, printed, said) = asking.end();
    assert!(done && printed.contains("\"id\""), "{said}");
    assert_eq!(deployment.connections().await.len(), 1);

    let (status, page) = person::open(back).await.unwrap();
    assert!(
        status == 400 && page.contains("was answered before"),
        "{page}"
    );
    let granted = deployment.granted().await;
    assert_eq!(
        granted["grants"][0]["revoked"], false,
        "the code was not sent again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_not_given_up_for_less_and_takes_the_place_of_a_grant() {
    let deployment = Deployment::new().await;
    let by_key = ["connect", "close", "--api-key-env", "KEY", "--base-url"];
    let by_key = [&by_key[..], &[deployment.sim.base_url()]].concat();
    let asking = deployment.ask(&[], &[]);
    answer(&asking.url, Decision::Allow).await.unwrap();
    assert!(asking.end().0);
    let done = deployment.run(&by_key);
    assert!(done.status.success());
    assert_eq!(deployment.granted().await["grants"][0]["revoked"], true);

    let asking = deployment.ask(&[], &[]);
    let (status, page) = answer(&asking.url, Decision::Allow).await.unwrap();
    assert!(
        status == 400 && page.contains("connected with an API key"),
        "{page}"
    );
    assert!(!asking.end().0);
    assert_eq!(deployment.granted().await["grants"][1]["revoked"], true);
    let (method, status, _) = deployment.connections().await.remove(0);
    assert_eq!((method.as_str(), status.as_str()), ("api_key", "active"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_grant_is_given_back_and_erased() {
    let deployment = Deployment::new().await;
    let asking = deployment.ask(&[], &[]);
    answer(&asking.url, Decision::Allow).await.unwrap();
    let (_, printed, _) = asking.end();
    let connected: Value = serde_json::from_str(&printed).unwrap();
    let id = connected["id"].as_str().unwrap();
    let done = deployment.run(&["disconnect", id, "--json"]);
    let done: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(done["accessRevoked"], true);
    assert_eq!(deployment.granted().await["grants"][0]["revoked"], true);
    let erased: bool = sqlx::query_scalar("select credential is null from connection")
        .fetch_one(&deployment.pool)
        .await
        .unwrap();
    assert!(erased);
    // Again, and of nothing.
    assert!(deployment.run(&["disconnect", id]).status.success());
    let unknown = uuid::Uuid::from_u128(8).to_string();
    assert_eq!(
        deployment.run(&["disconnect", &unknown]).status.code(),
        Some(1)
    );

    let asking = deployment.ask(&[], &[]);
    answer(&asking.url, Decision::Allow).await.unwrap();
    let (done, printed, said) = asking.end();
    assert!(done && printed.contains("\"renewed\":true"), "{said}");
}
