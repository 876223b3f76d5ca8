//! Commands beside a running server that keeps its own Postgres.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use closegraph_tests::{CloseSim, DataDir, Serving, free_port};
use serde_json::Value;
use std::time::{Duration, Instant};
use uuid::Uuid;

struct Deployment {
    data_dir: DataDir,
    sim: CloseSim,
    serving: Serving,
}

impl Deployment {
    /// A server without a connection, and a simulated Close.
    async fn start() -> Self {
        let sim = CloseSim::start(&["--leads", "200", "--traffic", "0"]).unwrap();
        let data_dir = DataDir::new().unwrap();
        let mut serving = Serving::start(
            &data_dir,
            free_port().unwrap(),
            &[("CLOSEGRAPH_SYNC_POLL_MS", "100")],
        )
        .unwrap();
        serving.ready().await.unwrap();
        Self {
            data_dir,
            sim,
            serving,
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

    fn json(&self, args: &[&str]) -> Value {
        let done = self.run(&[args, &["--json"]].concat()).success();
        serde_json::from_slice(&done.get_output().stdout).unwrap()
    }

    /// Changes the mirror behind its back.
    async fn break_it(&self, statement: &'static str) {
        let pool = self.data_dir.connect().await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
}

fn said(assert: &Assert) -> String {
    let output = assert.get_output();
    let both = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(both).unwrap()
}

/// Nobody works there, so that nothing is on its way.
const VERIFY: [&str; 3] = ["verify", "--patience", "0"];

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_connected_compared_and_repaired_while_the_server_runs() {
    let deployment = Deployment::start().await;
    let none = deployment.run(&["verify"]).failure().code(1);
    assert!(
        said(&none).contains("closegraph connect close"),
        "{}",
        said(&none)
    );

    let base_url = deployment.sim.base_url();
    deployment
        .run(&[
            "connect",
            "close",
            "--api-key-env",
            "KEY",
            "--base-url",
            base_url,
        ])
        .success();
    let start = Instant::now();
    // Until the first full load is done, much is missing.
    while !deployment.run(&VERIFY).get_output().status.success() {
        assert!(start.elapsed() < Duration::from_secs(60), "never complete");
    }

    deployment
        .break_it("delete from company where close_id = (select min(close_id) from company)")
        .await;
    let drifted = deployment.run(&VERIFY).failure().code(1);
    let text = said(&drifted);
    assert!(
        text.contains("1 difference; closegraph verify --repair") && text.contains("(missing)"),
        "{text}"
    );
    let repaired = deployment
        .run(&["verify", "--repair", "--patience", "0"])
        .success();
    assert!(
        said(&repaired).contains("1 difference repaired"),
        "{}",
        said(&repaired)
    );
    let clean = deployment.run(&["verify"]).success();
    assert!(said(&clean).contains("company"), "{}", said(&clean));
    let compared = deployment.json(&["verify"]);
    assert_eq!(compared[0]["drift"][0]["recordType"], "company");
    let swept = deployment.json(&["sync", "sweep"]);
    assert_eq!(swept["created"], 0);
    assert_eq!(deployment.json(&["sync", "catch-up"])["gap"], false);

    a_complete_copy_is_read_again_only_when_told_so(&deployment);
    errors_that_repeat_are_told_without_advice_to_repeat(&deployment);
}

fn a_complete_copy_is_read_again_only_when_told_so(deployment: &Deployment) {
    let complete = said(&deployment.run(&["sync", "backfill"]).success());
    assert!(
        complete.starts_with("Already complete since 20")
            && complete.contains("--restart reads all again"),
        "{complete}"
    );
    let complete = deployment.json(&["sync", "backfill"]);
    assert_eq!(complete["requests"], 0);
    assert!(complete["completeSince"].is_string(), "{complete}");
    let restarted = deployment.json(&["sync", "backfill", "--restart"]);
    assert!(restarted["requests"].as_i64().unwrap() > 0, "{restarted}");
}

fn errors_that_repeat_are_told_without_advice_to_repeat(deployment: &Deployment) {
    let unknown = Uuid::from_u128(8).to_string();
    for task in ["backfill", "sweep", "remap"] {
        let args = ["sync", task, "--connection", &unknown];
        let text = said(&deployment.run(&args).code(1));
        assert!(
            text.contains(&format!("no connection has the id {unknown}"))
                && !text.contains("run it again"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signing_key_is_changed_by_a_new_subscription() {
    let deployment = Deployment::start().await;
    let args = ["connect", "close", "--api-key-env", "KEY", "--base-url"];
    let args = [&args[..], &[deployment.sim.base_url()]].concat();
    deployment.run(&args).success();
    let none = said(&deployment.run(&["connect", "rotate-key"]).code(1));
    assert!(none.contains("has no webhook subscription"), "{none}");

    let args = [&args[..], &["--webhook-url", &deployment.serving.address]].concat();
    deployment.run(&args).success();
    let pool = deployment.data_dir.connect().await.unwrap();
    let subscription = async || -> String {
        let kept = sqlx::query_scalar("select webhook_subscription_id from connection");
        kept.fetch_one(&pool).await.unwrap()
    };
    let before = subscription().await;
    let rotated = deployment.json(&["connect", "rotate-key"]);
    let after = subscription().await;
    assert_eq!(rotated["subscriptionId"], after.as_str());
    assert_ne!(before, after);
    let told = said(&deployment.run(&["connect", "rotate-key"]).success());
    assert!(told.contains(&subscription().await), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_events_are_listed_shown_replayed_and_discarded() {
    let deployment = Deployment::start().await;
    let base_url = deployment.sim.base_url();
    deployment
        .run(&[
            "connect",
            "close",
            "--api-key-env",
            "KEY",
            "--base-url",
            base_url,
        ])
        .success();
    deployment
        .break_it(
            "insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type,
                                object_id, action, payload, state, error)
             select ('00000000-0000-4000-8000-00000000000' || n)::uuid, id, 'webhook', 'ev_' || n, now(), 'lead',
                    'lead_x' || n, 'updated', '{\"no\": \"event\"}', 'dead', 'why'
               from connection, generate_series(1, 3) n",
        )
        .await;
    let none = |args: &[&str]| said(&deployment.run(&[&["events", "list"], args].concat()));
    assert_eq!(none(&["--state", "discarded"]), "No event is discarded.\n");
    assert_eq!(
        none(&["--state", "dead", "--until", "2020-01-01T00:00:00Z"]),
        "No event is dead and was received before 2020-01-01T00:00:00Z.\n"
    );
    let listed = deployment.json(&["events", "list", "--state", "dead"]);
    assert_eq!(listed.as_array().unwrap().len(), 3);
    let id = "00000000-0000-4000-8000-000000000001";
    let shown = said(&deployment.run(&["events", "show", id]).success());
    assert!(shown.contains("\"no\": \"event\""), "{shown}");

    assert!(said(&deployment.run(&["events", "replay"]).failure()).contains("say which events"));
    assert!(said(&deployment.run(&["events", "replay", id]).success()).contains("1 event\n"));
    // The running server tries it, and gives it up again for what it is.
    let start = Instant::now();
    loop {
        let shown = said(&deployment.run(&["events", "show", id]).success());
        let event: Value = serde_json::from_str(&shown).unwrap();
        if event["state"] == "dead" && event["error"] != "why" {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{event}");
    }
    let discarded = deployment
        .run(&["events", "discard", "--state", "dead"])
        .success();
    assert!(
        said(&discarded).contains("3 events"),
        "{}",
        said(&discarded)
    );
    let none = deployment
        .run(&["events", "discard", "--state", "dead"])
        .failure();
    assert!(said(&none).contains("no such event"), "{}", said(&none));
}
