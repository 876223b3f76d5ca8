//! New keys for the secrets of a deployment, while it runs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use closegraph_tests::{CloseSim, DataDir, PrivatePostgres, Serving, free_port};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::time::{Duration, Instant};

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
        let url = postgres.database("vault").await.unwrap();
        Self {
            data_dir: DataDir::new().unwrap(),
            sim: CloseSim::start(&["--leads", "50", "--traffic", "0"]).unwrap(),
            pool: PgPool::connect(&url).await.unwrap(),
            url,
            _postgres: postgres,
        }
    }

    fn run(&self, variables: &[(&str, &str)], args: &[&str]) -> Assert {
        Command::new(env!("CARGO_BIN_EXE_closegraph"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DATABASE_URL", &self.url)
            .env("CLOSEGRAPH_POSTGRES_DATA_DIR", self.data_dir.path())
            .env("CLOSEGRAPH_LOG_FILTER", "warn")
            .env("KEY", self.sim.api_key())
            .envs(variables.iter().copied())
            .args(args)
            .assert()
    }

    /// Connects the organization, with a webhook to an address of ours.
    fn connect(&self, variables: &[(&str, &str)], webhook_url: &str) {
        let base_url = self.sim.base_url();
        let args = ["connect", "close", "--api-key-env", "KEY", "--base-url"];
        let args = [&args[..], &[base_url, "--webhook-url", webhook_url]].concat();
        self.run(variables, &args).success();
    }

    fn rotate(&self, variables: &[(&str, &str)]) -> Value {
        let done = self
            .run(variables, &["vault", "rotate", "--json"])
            .success();
        serde_json::from_slice(&done.get_output().stdout).unwrap()
    }

    fn key_file(&self) -> PathBuf {
        self.data_dir.path().join("vault.key")
    }

    fn keys(&self) -> Vec<String> {
        let text = fs::read_to_string(self.key_file()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// The sealed secrets, whichever there are.
    async fn sealed(&self) -> Vec<Vec<u8>> {
        let secrets = "select s from connection, unnest(array[credential, webhook_signing_key, webhook_old_signing_key]) s
                        where s is not null order by s";
        let secrets = sqlx::query_scalar(secrets).fetch_all(&self.pool);
        secrets.await.unwrap()
    }

    /// Waits for a delivery that was verified after this instant.
    async fn delivered_after(&self, instant: &str) {
        let start = Instant::now();
        let question = "select exists (select from event where delivered_at > $1::timestamptz)";
        loop {
            let found = sqlx::query_scalar(question).bind(instant);
            if found.fetch_one(&self.pool).await.unwrap() {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "never delivered");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn said(assert: &Assert) -> String {
    let output = assert.get_output();
    let both = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(both).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_sealed_under_a_new_key_while_a_server_runs() {
    let deployment = Deployment::new().await;
    let database = [("DATABASE_URL", deployment.url.as_str())];
    let port = free_port().unwrap();
    let mut server = Serving::start(&deployment.data_dir, port, &database).unwrap();
    server.ready().await.unwrap();
    deployment.connect(&[], &server.address);
    let (first, before) = (deployment.keys(), deployment.sealed().await);
    assert_eq!((first.len(), before.len()), (1, 2));
    let made = fs::metadata(deployment.key_file()).unwrap();
    assert_eq!(made.mode() & 0o777, 0o600);
    if nix::unistd::Uid::effective().is_root() {
        // The file of a server that runs as somebody else, read by a group.
        chown(deployment.key_file(), Some(1), Some(2)).unwrap();
    }
    let shared = fs::Permissions::from_mode(0o640);
    fs::set_permissions(deployment.key_file(), shared).unwrap();
    let made = fs::metadata(deployment.key_file()).unwrap();

    let rotated = deployment.rotate(&[]);
    let wanted = json!({ "resealed": 2, "current": 0, "unreadable": [], "newKey": true });
    assert_eq!(rotated, wanted);
    let (second, after) = (deployment.keys(), deployment.sealed().await);
    assert_eq!(second[1..], first[..], "the key before stays");
    assert!(before.iter().all(|secret| !after.contains(secret)));
    let told = said(&deployment.run(&[], &["vault", "rotate"]).success());
    assert!(
        told.contains("2 secrets sealed anew under a new key"),
        "{told}"
    );
    let third = deployment.keys();
    assert_eq!(third[1..], second[..1], "the one before that goes");
    let kept = fs::metadata(deployment.key_file()).unwrap();
    let access = |file: &fs::Metadata| (file.uid(), file.gid(), file.mode());
    assert_eq!(access(&kept), access(&made), "whoever could read it can");
    assert!(!third.iter().any(|key| told.contains(key.as_str())));

    // The server, which was started under the first key, verifies what Close signs and asks with the API key.
    let now: String = sqlx::query_scalar("select now()::text")
        .fetch_one(&deployment.pool)
        .await
        .unwrap();
    deployment.sim.set_traffic(20.0).await.unwrap();
    deployment.delivered_after(&now).await;
    deployment.sim.set_traffic(0.0).await.unwrap();
    let log = fs::read_to_string(deployment.data_dir.path().join("serve.log")).unwrap();
    assert!(!log.contains("can't be opened"), "{log}");
    deployment.run(&[], &["sync", "catch-up"]).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_environment_are_changed_by_the_operator_and_sealed_under_by_command() {
    let deployment = Deployment::new().await;
    let (old, new) = ("ab".repeat(32), "cd".repeat(32));
    let under_old = [("CLOSEGRAPH_VAULT_KEY", old.as_str())];
    let under_new = [("CLOSEGRAPH_VAULT_KEY", new.as_str())];
    let under_both = [under_new[0], ("CLOSEGRAPH_VAULT_OLD_KEYS", old.as_str())];
    deployment.connect(&under_old, "http://127.0.0.1:1/");
    let refused = deployment.run(&under_old, &["vault", "rotate"]).code(2);
    let text = said(&refused);
    assert!(text.contains("CLOSEGRAPH_VAULT_OLD_KEYS"), "{text}");

    // Both are read before anything is sealed anew, and the new one alone after it.
    deployment.run(&under_both, &["sync", "catch-up"]).success();
    let lost = deployment.run(&under_new, &["sync", "catch-up"]).code(1);
    assert!(said(&lost).contains("can't be opened"), "{}", said(&lost));
    let rotated = deployment.rotate(&under_both);
    assert_eq!(
        (&rotated["resealed"], &rotated["newKey"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(deployment.rotate(&under_both)["current"], 2);
    deployment.run(&under_new, &["sync", "catch-up"]).success();
    deployment.run(&under_old, &["sync", "catch-up"]).code(1);
    assert!(!deployment.key_file().exists(), "no file was needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_no_key_opens_is_left_and_named() {
    let deployment = Deployment::new().await;
    deployment.connect(&[], "http://127.0.0.1:1/");
    let lost = deployment.keys();
    fs::remove_file(deployment.key_file()).unwrap();
    let before = deployment.sealed().await;
    let told = said(&deployment.run(&[], &["vault", "rotate"]).code(1));
    let id: uuid::Uuid = sqlx::query_scalar("select id from connection")
        .fetch_one(&deployment.pool)
        .await
        .unwrap();
    assert!(
        told.contains("no key opens 2 secrets") && told.contains(&id.to_string()),
        "{told}"
    );
    assert_eq!(deployment.sealed().await, before);
    assert_eq!(deployment.keys().len(), 2, "no key is let go meanwhile");

    // With the lost key among them again, everything opens.
    let all = [deployment.keys(), lost].concat().join("\n");
    fs::write(deployment.key_file(), all).unwrap();
    assert_eq!(deployment.rotate(&[])["resealed"], 2);
    deployment.run(&[], &["sync", "catch-up"]).success();
}
