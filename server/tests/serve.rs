//! `closegraph serve` and the organization that the environment wants connected.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use assert_cmd::Command;
use close_sim::{Simulator, SimulatorConfig};
use closegraph_tests::{CloseSim, DataDir, Serving, free_port};
use std::fs;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

fn log(data_dir: &DataDir) -> String {
    fs::read_to_string(data_dir.path().join("serve.log")).unwrap()
}

/// What a command prints beside the server.
fn print(data_dir: &DataDir, variables: &[(&str, &str)], args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_closegraph"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("CLOSEGRAPH_POSTGRES_DATA_DIR", data_dir.path())
        .envs(variables.iter().copied())
        .args(args);
    let output = command.assert().success().get_output().clone();
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "",
        "{args:?} is not quiet"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_while_close_cannot_be_reached_and_connects_once_it_can() {
    let data_dir = DataDir::new().unwrap();
    let (port, close) = (free_port().unwrap(), free_port().unwrap());
    let base_url = format!("http://127.0.0.1:{close}/api/v1/");
    let variables = [
        ("CLOSE_API_KEY", "api_simulator.demo"),
        ("CLOSE_BASE_URL", base_url.as_str()),
    ];
    let mut serving = Serving::start(&data_dir, port, &variables).unwrap();
    serving.ready().await.unwrap();

    let listen = format!("0.0.0.0:{port}");
    let health = [("CLOSEGRAPH_HTTP_LISTEN", listen.as_str())];
    assert_eq!(print(&data_dir, &health, &["health"]), "ready\n");
    let delivery = reqwest::Client::new().post(format!(
        "{}/webhooks/close/{}",
        serving.address,
        uuid::Uuid::from_u128(7)
    ));
    let answer = delivery.body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 401);

    let again = "it will be tried again";
    let start = Instant::now();
    while !log(&data_dir).contains(again) {
        assert!(start.elapsed() < Duration::from_secs(20), "it says nothing");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(print(&data_dir, &[], &["connections"]).starts_with("No connection yet"));
    let listener = TcpListener::bind(("127.0.0.1", close)).await.unwrap();
    let config = SimulatorConfig {
        leads: 20,
        traffic_per_second: 0.0,
        ..SimulatorConfig::default()
    };
    let stop = CancellationToken::new();
    let _simulator = Simulator::start(config, listener, stop).await.unwrap();
    while !print(&data_dir, &[], &["connections"]).contains("Active") {
        assert!(start.elapsed() < Duration::from_secs(60), "never connected");
    }
    let log = log(&data_dir);
    assert_eq!(log.matches(again).count(), 1, "{log}");
    assert!(
        !log.contains('\u{1b}') && !log.contains("sea_orm_migration"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_close_refuses_ends_it_at_once() {
    let data_dir = DataDir::new().unwrap();
    let sim = CloseSim::start(&["--leads", "20", "--traffic", "0"]).unwrap();
    let variables = [
        ("CLOSE_API_KEY", "api_nobody.knows"),
        ("CLOSE_BASE_URL", sim.base_url()),
    ];
    let mut serving = Serving::start(&data_dir, free_port().unwrap(), &variables).unwrap();
    assert_eq!(serving.wait().unwrap().code(), Some(1));
    let log = log(&data_dir);
    let wanted = "closegraph: the organization of CLOSE_API_KEY can't be connected: ";
    assert!(log.contains(wanted) && log.contains("401"), "{log}");
    assert!(data_dir.postmaster().is_none());
}
