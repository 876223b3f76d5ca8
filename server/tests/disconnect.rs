//! A connection that is ended while a server syncs it, and made again.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use closegraph_tests::{CloseSim, DataDir, Serving, free_port};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::time::Duration;

struct Deployment {
    data_dir: DataDir,
    sim: CloseSim,
    serving: Serving,
    pool: PgPool,
}

impl Deployment {
    async fn start() -> Self {
        let sim = CloseSim::start(&["--leads", "200", "--traffic", "0"]).unwrap();
        let data_dir = DataDir::new().unwrap();
        let poll = [
            ("CLOSEGRAPH_SYNC_POLL_MS", "100"),
            ("CLOSEGRAPH_SYNC_CATCH_UP_S", "1"),
        ];
        let mut serving = Serving::start(&data_dir, free_port().unwrap(), &poll).unwrap();
        serving.ready().await.unwrap();
        let pool = data_dir.connect().await.unwrap();
        Self {
            data_dir,
            sim,
            serving,
            pool,
        }
    }

    fn run(&self, args: &[&str]) -> Assert {
        Command::new(env!("CARGO_BIN_EXE_closegraph"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("CLOSEGRAPH_POSTGRES_DATA_DIR", self.data_dir.path())
            .env("CLOSEGRAPH_LOG_FILTER", "warn")
            .env("KEY", self.sim.api_key())
            .args(args)
            .assert()
    }

    fn connect(&self) -> Value {
        let args = ["connect", "close", "--api-key-env", "KEY", "--json"];
        let to = ["--base-url", self.sim.base_url(), "--webhook-url"];
        let args = [&args[..], &to, &[&self.serving.address]].concat();
        let done = self.run(&args).success();
        serde_json::from_slice(&done.get_output().stdout).unwrap()
    }

    async fn count(&self, question: &'static str) -> i64 {
        let count = sqlx::query_scalar(question);
        count.fetch_one(&self.pool).await.unwrap()
    }

    async fn wait(&self, question: &'static str, wanted: i64) {
        for _ in 0..600 {
            if self.count(question).await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never {wanted}: {question}");
    }

    async fn requests(&self) -> Value {
        self.sim.control("requests").await.unwrap()["total"].clone()
    }

    async fn subscriptions(&self) -> usize {
        let hooks = self.sim.control("webhooks").await.unwrap();
        hooks["data"].as_array().unwrap().len()
    }

    /// How many companies GraphQL counts.
    async fn answered(&self) -> Value {
        let made = self.run(&["token", "create", "--name", "t", "--json"]);
        let made: Value = serde_json::from_slice(&made.success().get_output().stdout).unwrap();
        let asked = reqwest::Client::new()
            .post(format!("{}/graphql", self.serving.address))
            .bearer_auth(made["token"].as_str().unwrap())
            .json(&json!({ "query": "{ companies { totalCount } }" }));
        let answer: Value = asked.send().await.unwrap().json().await.unwrap();
        answer["data"]["companies"]["totalCount"].clone()
    }
}

const BACKFILLED: &str =
    "select count(*) from sync_run where kind = 'backfill' and status = 'succeeded'";
const COMPANIES: &str = "select count(*) from company";
const SECRETS: &str = "select count(*) from connection where credential is not null or webhook_signing_key is not null
                           or webhook_old_signing_key is not null or webhook_subscription_id is not null";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_disconnected_is_read_no_more_and_answers_and_goes_on_where_it_was() {
    let deployment = Deployment::start().await;
    let connected = deployment.connect();
    let id = connected["id"].as_str().unwrap();
    deployment.wait(BACKFILLED, 1).await;
    let known = deployment.count(COMPANIES).await;
    assert_eq!((deployment.subscriptions().await, known), (1, 200));

    let done = deployment.run(&["disconnect", id, "--json"]).success();
    let done: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    let wanted =
        json!({ "id": id, "subscriptionRemoved": true, "accessRevoked": false, "left": [] });
    assert_eq!(done, wanted);
    assert_eq!(deployment.subscriptions().await, 0);
    assert_eq!(deployment.count(SECRETS).await, 0);
    // Whatever ran has ended after two looks at the schedule.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let asked = deployment.requests().await;
    let url = format!("{}lead/", deployment.sim.base_url());
    let write = reqwest::Client::new()
        .post(url)
        .basic_auth(deployment.sim.api_key(), Some(""))
        .json(&json!({ "name": "Made meanwhile" }));
    assert!(write.send().await.unwrap().status().is_success());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let one_more = asked.as_u64().unwrap() + 1;
    assert_eq!(
        deployment.requests().await,
        one_more,
        "only the lead was made"
    );
    assert_eq!(deployment.answered().await, known);

    let again = deployment.connect();
    assert_eq!(
        (&again["id"], &again["renewed"]),
        (&json!(id), &json!(true))
    );
    deployment.wait(COMPANIES, known + 1).await;
    assert_eq!(deployment.subscriptions().await, 1);
    assert_eq!(
        deployment.count(BACKFILLED).await,
        1,
        "nothing was read anew"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_close_cannot_be_told_the_credentials_stay_until_it_can_or_force_is_used() {
    let deployment = Deployment::start().await;
    let connected = deployment.connect();
    let id = connected["id"].as_str().unwrap();
    deployment.wait(BACKFILLED, 1).await;
    let gone = "update connection set base_url = 'http://127.0.0.1:1/api/v1/'";
    sqlx::query(gone).execute(&deployment.pool).await.unwrap();
    let failed = deployment.run(&["disconnect", id]).code(1);
    let told = String::from_utf8(failed.get_output().stderr.clone()).unwrap();
    assert!(told.contains("the credentials are kept"), "{told}");
    assert_eq!(deployment.count(SECRETS).await, 1);
    let read = deployment
        .run(&["sync", "sweep", "--connection", id])
        .code(1);
    let told = String::from_utf8(read.get_output().stderr.clone()).unwrap();
    assert!(told.contains("has no usable credential"), "{told}");
    let stopped = "select count(*) from connection where status = 'disconnected'";
    assert_eq!(deployment.count(stopped).await, 1);
    let forced = deployment.run(&["disconnect", id, "--force"]).success();
    let told = String::from_utf8(forced.get_output().stdout.clone()).unwrap();
    assert!(
        told.contains("remove it there: the webhook subscription"),
        "{told}"
    );
    assert_eq!(deployment.count(SECRETS).await, 0);
    assert_eq!(deployment.subscriptions().await, 1);

    // What is not there any more is removed.
    deployment.connect();
    let other = "update connection set webhook_subscription_id = 'whsub_none'";
    sqlx::query(other).execute(&deployment.pool).await.unwrap();
    let done = deployment.run(&["disconnect", id]).success();
    let told = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(told.contains("removed from Close"), "{told}");
}
