//! Tokens: made, listed and revoked by command, believed or refused over HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use assert_cmd::Command;
use closegraph_tests::{DataDir, PrivatePostgres, Serving, free_port};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::time::{Duration, Instant};

/// How long a server believes a token that it has checked.
const BELIEVED: Duration = Duration::from_secs(5);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(2);

/// A database of its own, and commands that work on it.
struct Deployment {
    url: String,
    _postgres: PrivatePostgres,
}

impl Deployment {
    async fn new() -> Self {
        let postgres = PrivatePostgres::start().await.unwrap();
        Self {
            url: postgres.database("tokens").await.unwrap(),
            _postgres: postgres,
        }
    }

    fn token(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_closegraph"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DATABASE_URL", &self.url)
            .env("CLOSEGRAPH_LOG_FILTER", "warn")
            .arg("token")
            .args(args);
        command
    }

    /// What a command prints.
    fn print(&self, args: &[&str]) -> String {
        let done = self.token(args).assert().success();
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    }

    /// What a command prints with `--json`.
    fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        serde_json::from_str(&self.print(&args)).unwrap()
    }

    /// What a command says when it fails.
    fn refusal(&self, args: &[&str]) -> String {
        let refused = self.token(args).assert().code(1);
        let output = refused.get_output();
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr.clone()).unwrap()
    }

    /// Makes a token and answers its id and secret.
    fn create(&self, args: &[&str]) -> (String, String) {
        let made = self.json(&[&["create"], args].concat());
        let word = |key: &str| made[key].as_str().unwrap().to_owned();
        (word("id"), word("token"))
    }

    /// Makes a connection, without a credential, and answers its id.
    async fn connection(&self) -> String {
        let id = uuid::Uuid::from_u128(7);
        let insert = "insert into connection (id, source, auth_method, status, organization_id, organization_name,
                                              currency, time_zone, fiscal_year_start, base_url, scopes)
                      values ($1, 'close', 'api_key', 'active', 'orga_7', 'Seven', 'USD', 'UTC', 1, 'http://localhost/',
                              '[]')";
        let pool = self.pool().await;
        let insert = sqlx::query(insert).bind(id).execute(&pool);
        insert.await.unwrap();
        id.to_string()
    }

    async fn pool(&self) -> PgPool {
        PgPool::connect(&self.url).await.unwrap()
    }
}

#[tokio::test]
async fn the_list_tells_all_of_a_token_but_its_secret() {
    let deployment = Deployment::new().await;
    assert!(deployment.print(&["list"]).starts_with("No token yet."));
    assert_eq!(deployment.json(&["list"]), json!([]));

    let connection = deployment.connection().await;
    let (id, secret) = deployment.create(&["--name", "board\u{1b}[31m"]);
    let limited = [
        "--name",
        "agent",
        "--role",
        "admin",
        "--expires-in-days",
        "90",
        "--cost-budget",
        "5000",
    ];
    let (agent, _) = deployment.create(&[&limited[..], &["--connection", &connection]].concat());
    let listed = deployment.json(&["list"]);
    let first = &listed[0];
    assert_eq!(
        *first,
        json!({
            "id": id, "name": "board\u{1b}[31m", "prefix": &secret[..9], "role": "viewer", "connections": null,
            "state": "active", "createdAt": first["createdAt"], "expiresAt": null, "revokedAt": null,
            "costBudget": null, "lastUsedAt": null,
        })
    );
    assert_eq!(listed[1]["id"], agent.as_str());
    assert_eq!(listed[1]["connections"], json!([connection]));
    assert!(listed[1]["expiresAt"].is_string());
    assert_eq!(listed[1]["costBudget"], 5_000);

    let table = deployment.print(&["list"]);
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let headings = "ID PREFIX STATE ROLE CONNECTIONS CREATED EXPIRES USED NAME";
    assert_eq!(lines[0].join(" "), headings);
    let [created, expires] =
        ["createdAt", "expiresAt"].map(|key| &listed[1][key].as_str().unwrap()[..10]);
    let prefix = listed[1]["prefix"].as_str().unwrap();
    let wanted = [
        agent.as_str(),
        prefix,
        "active",
        "admin",
        "1",
        created,
        expires,
        "never",
        "agent",
    ];
    assert_eq!(lines[2], wanted);
    assert!(!table.contains('\u{1b}'), "a name steers the terminal");
    assert_eq!(lines.len(), 3);
}

#[tokio::test]
async fn a_token_for_no_connection_is_refused_with_those_there_are() {
    let deployment = Deployment::new().await;
    let unknown = uuid::Uuid::from_u128(8).to_string();
    let create = ["create", "--name", "blind", "--connection", &unknown];
    let said = deployment.refusal(&create);
    let wanted = format!("no connection has the id {unknown}: there is none yet");
    assert!(said.contains(&wanted), "{said}");
    let known = deployment.connection().await;
    let said = deployment.refusal(&create);
    assert!(
        said.contains(&format!("known are: {known} (Seven)")),
        "{said}"
    );
    assert_eq!(deployment.json(&["list"]), json!([]));
}

#[tokio::test]
async fn neither_secret_nor_hash_is_printed() {
    let deployment = Deployment::new().await;
    let (id, secret) = deployment.create(&["--name", "board"]);
    let hash: String = sqlx::query_scalar("select encode(hash, 'hex') from api_token")
        .fetch_one(&deployment.pool().await)
        .await
        .unwrap();
    let mut printed = String::new();
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["revoke", &id],
        &["revoke", &id, "--json"],
    ] {
        printed += &deployment.print(args);
    }
    let whole = deployment.token(&["revoke", &secret]).assert().code(2);
    let whole = String::from_utf8(whole.get_output().stderr.clone()).unwrap();
    assert!(whole.contains("that is a whole token"), "{whole}");
    printed += &whole;
    // Most of a token is as good as a secret, too.
    printed += &deployment.refusal(&["revoke", &secret[..40]]);
    let beginning = format!("there is no token {}…", &secret[..9]);
    assert!(printed.contains(&beginning), "{printed}");
    assert!(!printed.contains(&secret[9..]), "{printed}");
    assert!(
        !printed.contains(&hash) && !printed.contains("hash"),
        "{printed}"
    );
}

#[tokio::test]
async fn a_token_is_revoked_by_id_or_prefix_once_and_for_all() {
    let deployment = Deployment::new().await;
    let (by_id, _) = deployment.create(&["--name", "by id"]);
    let (by_prefix, secret) = deployment.create(&["--name", "by prefix"]);
    let (kept, _) = deployment.create(&["--name", "kept"]);

    let first = deployment.json(&["revoke", &by_id]);
    assert_eq!(
        (&first["id"], &first["revokedNow"]),
        (&json!(by_id), &json!(true))
    );
    let again = deployment.json(&["revoke", &by_id]);
    assert_eq!(again["revokedNow"], false);
    assert_eq!(again["revokedAt"], first["revokedAt"]);

    let printed = deployment.print(&["revoke", &secret[..9]]);
    assert!(
        printed.starts_with(&format!("Revoked {by_prefix} ({})", &secret[..9])),
        "{printed}"
    );
    let printed = deployment.print(&["revoke", &secret[..9]]);
    assert!(printed.contains("is revoked since 2"), "{printed}");

    let listed = deployment.json(&["list"]);
    let states = listed.as_array().unwrap().iter();
    let states = states.map(|token| {
        (
            token["id"].as_str().unwrap(),
            token["state"].as_str().unwrap(),
        )
    });
    let wanted = [
        (by_id.as_str(), "revoked"),
        (&by_prefix, "revoked"),
        (&kept, "active"),
    ];
    assert_eq!(states.collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn a_token_that_is_not_there_or_not_the_only_one_is_refused() {
    let deployment = Deployment::new().await;
    for unknown in [
        "7f0c5b1e-0000-4000-8000-000000000000",
        "cg_nobody",
        "nobody_has_this",
        "nonsense",
        "%",
    ] {
        let said = deployment.refusal(&["revoke", unknown]);
        assert!(
            said.contains(&format!("there is no token {unknown}")),
            "{said}"
        );
        assert!(said.contains("closegraph token list"), "{said}");
    }
    deployment.token(&["revoke"]).assert().code(2);

    let (one, _) = deployment.create(&["--name", "one"]);
    let (other, _) = deployment.create(&["--name", "other"]);
    let pool = deployment.pool().await;
    sqlx::query("update api_token set prefix = 'cg_twins_'")
        .execute(&pool)
        .await
        .unwrap();
    let said = deployment.refusal(&["revoke", "cg_twins_"]);
    assert!(
        said.contains("several tokens begin with cg_twins_"),
        "{said}"
    );
    let listed = deployment.json(&["list"]);
    assert_eq!(
        (&listed[0]["state"], &listed[1]["state"]),
        (&json!("active"), &json!("active"))
    );
    deployment.print(&["revoke", &one]);
    let listed = deployment.json(&["list"]);
    assert_eq!(
        (&listed[1]["id"], &listed[1]["state"]),
        (&json!(other), &json!("active"))
    );
}

/// The status of a question that is asked with a token.
async fn status(server: &Serving, secret: &str) -> u16 {
    let asked = reqwest::Client::new()
        .post(format!("{}/graphql", server.address))
        .bearer_auth(secret)
        .json(&json!({"query": "{ connections { id } }"}));
    asked.send().await.unwrap().status().as_u16()
}

/// Asks again and again until the token is refused, and answers after what time that was.
async fn refused_after(server: &Serving, secret: &str) -> Duration {
    let start = Instant::now();
    loop {
        match status(server, secret).await {
            401 => return start.elapsed(),
            status => assert_eq!(status, 200),
        }
        assert!(start.elapsed() < Duration::from_secs(30), "never refused");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn serve(deployment: &Deployment, data_dir: &DataDir) -> Serving {
    let variables = [("DATABASE_URL", deployment.url.as_str())];
    let mut server = Serving::start(data_dir, free_port().unwrap(), &variables).unwrap();
    server.ready().await.unwrap();
    server
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_however_often_it_is_used() {
    let (deployment, data_dir) = (Deployment::new().await, DataDir::new().unwrap());
    let server = serve(&deployment, &data_dir).await;
    let (id, secret) = deployment.create(&["--name", "board"]);
    let (_, kept) = deployment.create(&["--name", "kept"]);
    let (unused_id, unused) = deployment.create(&["--name", "unused"]);
    assert_eq!(status(&server, &secret).await, 200);
    assert_eq!(status(&server, &kept).await, 200);
    deployment.print(&["revoke", &id]);
    deployment.print(&["revoke", &unused_id]);
    // Nothing is believed of a token that was not used before.
    assert_eq!(status(&server, &unused).await, 401);
    let after = refused_after(&server, &secret).await;
    // The server hears of the commit, though it would believe the token for longer.
    assert!(after < SLACK, "{after:?}");
    assert_eq!(status(&server, &secret).await, 401);
    assert_eq!(status(&server, &kept).await, 200);
}

#[tokio::test]
async fn an_expired_token_is_refused_at_once_and_listed_as_expired() {
    let (deployment, data_dir) = (Deployment::new().await, DataDir::new().unwrap());
    let server = serve(&deployment, &data_dir).await;
    let pool = deployment.pool().await;
    let (_, secret) = deployment.create(&["--name", "board", "--expires-in-days", "1"]);
    let soon = "update api_token set expires_at = now() + interval '3 seconds'";
    sqlx::query(soon).execute(&pool).await.unwrap();
    let start = Instant::now();
    assert_eq!(status(&server, &secret).await, 200);
    refused_after(&server, &secret).await;
    let after = start.elapsed();
    // The three seconds count, not those for which the token would be believed.
    assert!(after > Duration::from_secs(2), "{after:?}");
    assert!(after < BELIEVED, "{after:?}");
    let listed = deployment.json(&["list"]);
    assert_eq!(listed[0]["state"], "expired");
}
