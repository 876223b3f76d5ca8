//! The database of a command: why it can't be opened, what is dropped, and that no Postgres stays behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use closegraph_tests::{DataDir, PrivatePostgres};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::TcpListener;
use std::process::Stdio;

fn closegraph(variables: &[(&str, &str)], args: &[&str]) -> Assert {
    Command::new(env!("CARGO_BIN_EXE_closegraph"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(variables.iter().copied())
        .args(args)
        .assert()
}

fn said(assert: &Assert) -> String {
    let output = assert.get_output();
    let both = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(both).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_opened_taken_down_only_when_told_so_and_made_again_quietly() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let url = postgres.database("here").await.unwrap();
    let elsewhere = url.replace("/here", "/elsewhere");
    let stranger = url.replace("closegraph:", "stranger:");
    for (url, cause) in [
        (&elsewhere, "database \"elsewhere\" does not exist"),
        (&stranger, "authentication failed for user \"stranger\""),
    ] {
        let text = said(&closegraph(&[("DATABASE_URL", url)], &["connections"]).code(1));
        assert!(text.contains("can't be opened: "), "{text}");
        assert_eq!(text.matches(cause).count(), 1, "{text}");
    }

    let here = [("DATABASE_URL", url.as_str())];
    closegraph(&here, &["token", "create", "--name", "kept"]).success();
    let refused = closegraph(&here, &["migrate", "down"]).code(2);
    let text = said(&refused);
    assert!(
        text.contains("drops every table") && text.contains("--yes"),
        "{text}"
    );
    assert!(said(&closegraph(&here, &["token", "list"]).success()).contains("kept"));
    let down = said(&closegraph(&here, &["migrate", "down", "--yes"]).success());
    assert!(down.starts_with("applied: none\n"), "{down}");
    // Nothing of the steps back and forth is said beside the answer.
    let list = said(&closegraph(&here, &["token", "list"]).success());
    assert!(
        list.starts_with("No token yet.") && list.lines().count() == 1,
        "{list}"
    );
}

#[test]
fn a_command_that_is_interrupted_takes_its_postgres_with_it() {
    let data_dir = DataDir::new().unwrap();
    // It accepts, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/", silent.local_addr().unwrap());
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_closegraph"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("CLOSEGRAPH_POSTGRES_DATA_DIR", data_dir.path())
        .env("KEY", "api_key")
        .args(["connect", "close", "--api-key-env", "KEY", "--base-url"])
        .arg(&base_url)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (_asked, _) = silent.accept().unwrap();
    let postgres = data_dir.postmaster().expect("it runs");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(!postgres.is_alive());
}
