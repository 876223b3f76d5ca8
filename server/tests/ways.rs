//! Ways to connect beside a key: an OAuth app, a webhook that a person makes; and what a command says of what is not seen.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use closegraph_tests::person::{Decision, answer, decide, open};
use closegraph_tests::{CloseSim, DataDir, PrivatePostgres, Serving, free_port};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

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
        let url = postgres.database("ways").await.unwrap();
        Self {
            data_dir: DataDir::new().unwrap(),
            sim: CloseSim::start(&["--leads", "20", "--traffic", "0"]).unwrap(),
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
            .env("MEMBER", self.sim.member_api_key())
            .env("SECRET", self.sim.oauth_client().1)
            .envs(variables.iter().copied())
            .args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = self.command(&[], args);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a command that reads a secret from standard input.
    fn run_with(&self, secret: &str, args: &[&str]) -> Output {
        let mut child = self
            .command(&[], args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(secret.as_bytes()).unwrap();
        drop(input);
        child.wait_with_output().unwrap()
    }

    /// Asks for access by the app, by a command that then waits.
    fn ask(&self, variables: &[(&str, &str)], more: &[&str]) -> Asking {
        let (client_id, _) = self.sim.oauth_client();
        let args = ["connect", "close", "--oauth", "--client-id", client_id];
        let at = ["--no-browser", "--base-url", self.sim.base_url()];
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

    /// Fails where a text holds the app's secret, or a code or token that was ever given.
    async fn holds_no_secret(&self, text: &str) {
        let granted = self.sim.control("oauth").await.unwrap();
        let given = granted["secrets"].as_array().unwrap().iter();
        let given = given.map(|secret| secret.as_str().unwrap());
        for secret in given.chain([self.sim.oauth_client().1]) {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }

    /// All that the database holds of connections, as text.
    async fn dump(&self) -> String {
        let tables = "select (select string_agg(encode(coalesce(credential, ''), 'escape') || t::text, ' ') from connection t)
                          || coalesce((select string_agg(t::text, ' ') from authorization_attempt t), '')";
        let dump: Option<String> = sqlx::query_scalar(tables)
            .fetch_one(&self.pool)
            .await
            .unwrap();
        dump.unwrap()
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
    /// Waits for its end: whether it succeeded, what it printed, and what it said.
    fn end(mut self) -> (bool, String, String) {
        let mut said = self.seen;
        self.said.read_to_string(&mut said).unwrap();
        let output = self.child.wait_with_output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), printed, said)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_allowed_in_the_browser_and_its_secret_is_told_nowhere() {
    let deployment = Deployment::new().await;
    let port = free_port().unwrap().to_string();
    let secret = ["--client-secret-env", "SECRET"];
    let args = [&secret[..], &["--callback-port", &port, "--json"]].concat();
    let asking = deployment.ask(&[], &args);
    assert!(asking.url.contains("scope=all.full_access+offline_access"));
    assert!(
        asking
            .url
            .contains(&format!("127.0.0.1%3A{port}%2Fcallback"))
    );
    let (status, page) = answer(&asking.url, Decision::Allow).await.unwrap();
    assert!(status == 200 && page.contains("is connected"), "{page}");
    let (done, printed, said) = asking.end();
    assert!(done, "{said}");
    let connected: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        connected["scopes"][0],
        json!({ "name": "all.full_access", "granted": true })
    );
    for told in [&page, &printed, &said, &deployment.dump().await] {
        deployment.holds_no_secret(told).await;
    }
    let read = deployment.run(&["sync", "backfill", "--json"]);
    assert!(read.status.success(), "{}", text(&read.stderr));
    deployment.holds_no_secret(&text(&read.stderr)).await;
    let compared = deployment.run(&["verify", "--json"]);
    assert!(compared.status.success(), "{}", text(&compared.stderr));

    // MCP would read less.
    let mcp = ["connect", "close", "--mcp", "--mcp-url"];
    let mcp = [&mcp[..], &[deployment.sim.mcp_url(), "--no-browser"]].concat();
    let mut child = deployment
        .command(&[], &mcp)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("http://") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0);
    }
    let (status, page) = answer(line.trim(), Decision::Allow).await.unwrap();
    assert!(
        status == 400 && page.contains("or an OAuth app, which reads more"),
        "{page}"
    );
    assert!(!child.wait().unwrap().success());

    let id = connected["id"].as_str().unwrap();
    let ended = deployment.run(&["disconnect", id, "--json"]);
    let ended: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(ended["accessRevoked"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_takes_the_answer_to_an_apps_request_and_tells_what_is_not_seen() {
    let deployment = Deployment::new().await;
    let member = json!({ "consent_by_member": true });
    deployment.sim.behave(&member).await.unwrap();
    let variables = [("DATABASE_URL", deployment.url.as_str())];
    let port = free_port().unwrap();
    let mut server = Serving::start(&deployment.data_dir, port, &variables).unwrap();
    server.ready().await.unwrap();
    let public = [("CLOSEGRAPH_HTTP_PUBLIC_URL", server.address.as_str())];
    let secret = ["--client-secret-env", "SECRET", "--via-server"];
    let asking = deployment.ask(&public, &secret);
    let back = decide(&asking.url, Decision::Allow).await.unwrap();
    assert!(back.as_str().starts_with(&server.address));
    let (status, page) = open(back).await.unwrap();
    assert!(status == 200 && page.contains("is connected"), "{page}");
    let (done, printed, said) = asking.end();
    assert!(done, "{said}");
    assert!(
        printed.contains("Close delivers changes to ") && printed.contains("without admin: "),
        "{printed}"
    );
    let shown = deployment.run(&["connections"]);
    assert!(text(&shown.stdout).contains("\n  without admin: "));

    let made = deployment.run(&["token", "create", "--name", "t", "--json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let query = "{ connections { authMethod scopes { name granted description missing } } }";
    let asked = reqwest::Client::new()
        .post(format!("{}/graphql", server.address))
        .bearer_auth(made["token"].as_str().unwrap())
        .json(&json!({ "query": query }));
    let answer: Value = asked.send().await.unwrap().json().await.unwrap();
    let connection = &answer["data"]["connections"][0];
    assert_eq!(connection["authMethod"], "OAUTH");
    let scopes = connection["scopes"].as_array().unwrap();
    let named = |name: &str| scopes.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(named("all.full_access")["granted"], true);
    assert_eq!(named("all.full_access")["missing"], Value::Null);
    assert_eq!(named("admin")["granted"], false);
    let missing = named("admin")["missing"].as_str().unwrap();
    assert!(missing.contains("admins only"), "{missing}");
    assert!(!named("admin")["description"].as_str().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_and_missing_options_are_refused_with_what_is_needed() {
    let deployment = Deployment::new().await;
    let wrong = [("SECRET", "not-the-secret")];
    let asking = deployment.ask(&wrong, &["--client-secret-env", "SECRET"]);
    let (status, page) = answer(&asking.url, Decision::Allow).await.unwrap();
    assert!(
        status == 400 && page.contains("client id and secret"),
        "{page}"
    );
    let (done, _, said) = asking.end();
    assert!(!done && said.contains("client id and secret"), "{said}");
    assert!(!said.contains("not-the-secret"), "{said}");
    for (args, told) in [
        (&["--oauth"][..], "--client-id"),
        (&["--oauth", "--client-id", "x"], "holds no client secret"),
        (
            &["--client-id", "x", "--api-key-env", "KEY"],
            "cannot be used with",
        ),
        (&["--client-id", "x"], "--oauth"),
        (
            &["--oauth", "--mcp", "--client-id", "x"],
            "cannot be used with",
        ),
        (
            &["--mcp", "--connection", &"0".repeat(32)],
            "cannot be used with",
        ),
    ] {
        let refused = deployment.run(&[&["connect", "close"], args].concat());
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains(told), "{said}");
    }
    let connections: i64 = sqlx::query_scalar("select count(*) from connection")
        .fetch_one(&deployment.pool)
        .await
        .unwrap();
    assert_eq!(connections, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_see_everything_is_told_so() {
    let deployment = Deployment::new().await;
    let args = ["connect", "close", "--base-url", deployment.sim.base_url()];
    let by = |name| [&args[..], &["--api-key-env", name]].concat();
    let connected = deployment.run(&by("MEMBER"));
    let said = text(&connected.stdout);
    assert!(connected.status.success(), "{}", text(&connected.stderr));
    assert!(
        said.contains("The credential of an admin sees what another user's does not")
            && said.contains("Warning: this credential does not see everything")
            && said
                .contains("without event_data: what events older than an hour are about is hidden"),
        "{said}"
    );
    let connected = deployment.run(&by("KEY"));
    let said = text(&connected.stdout);
    assert!(!said.contains("Warning"), "{said}");
    let shown = deployment.run(&["connections", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let scopes = shown[0]["scopes"].as_array().unwrap();
    assert!(scopes.len() > 8 && scopes.iter().all(|scope| scope["granted"] == true));
    let described = |scope: &Value| !scope["description"].as_str().unwrap().is_empty();
    assert!(scopes.iter().all(described), "{scopes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_webhook_is_taken_from_input_and_told_nowhere() {
    let deployment = Deployment::new().await;
    let key = "5e".repeat(32);
    let hook = [
        "connect",
        "webhook-key",
        "--webhook-url",
        "https://hooks.example.com",
    ];
    let nowhere = deployment.run(&["connect", "webhook-key"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(text(&nowhere.stderr).contains("http.public_url or --webhook-url"));

    let args = ["connect", "close", "--base-url", deployment.sim.base_url()];
    let args = [&args[..], &["--api-key-env", "KEY"]].concat();
    assert!(deployment.run(&args).status.success());
    let printed = deployment.run(&[&hook[..], &["--print"]].concat());
    let body: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let url = body["url"].as_str().unwrap();
    assert!(url.starts_with("https://hooks.example.com/webhooks/close/"));
    let merged = json!({ "object_type": "lead", "action": "merged" });
    assert!(body["events"].as_array().unwrap().contains(&merged));

    let empty = deployment.run(&hook);
    assert_eq!(empty.status.code(), Some(2));
    let wrong = deployment.run_with("whsub_this", &hook);
    assert!(!wrong.status.success());
    assert!(text(&wrong.stderr).contains("64 hex characters"));
    let taken = deployment.run_with(&format!("{key}\n"), &hook);
    let said = text(&taken.stderr);
    assert!(taken.status.success(), "{said}");
    assert!(said.contains(url) && said.contains("custom_activity_type"));
    assert!(text(&taken.stdout).contains("stays yours"));
    for told in [said, text(&taken.stdout), deployment.dump().await] {
        assert!(!told.contains(&key), "{told}");
    }
}
