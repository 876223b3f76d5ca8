//! The command line as a user meets it.

use assert_cmd::Command;
use std::path::Path;

fn closegraph() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_closegraph"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

#[test]
fn the_committed_schema_is_the_one_that_is_served() {
    let printed = closegraph()
        .arg("schema")
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/schema.graphql");
    let committed = std::fs::read_to_string(committed).unwrap_or_default();
    assert!(
        String::from_utf8_lossy(&printed) == committed,
        "the schema has changed: refresh it with `closegraph schema > api/schema.graphql`"
    );
}

#[test]
fn every_command_shows_an_example() {
    for command in [
        &["serve"][..],
        &["demo"],
        &["migrate"],
        &["connect", "close"],
        &["connections"],
        &["sync", "backfill"],
        &["token", "create"],
        &["verify"],
        &["sync", "sweep"],
        &["sync", "catch-up"],
        &["events", "list"],
        &["events", "show"],
        &["events", "replay"],
        &["events", "discard"],
        &["token", "list"],
        &["token", "revoke"],
        &["schema"],
        &["config"],
        &["health"],
    ] {
        let help = closegraph().args(command).arg("--help").assert().success();
        let text = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
        assert!(text.contains("Example: "), "{command:?}: {text}");
    }
}

#[test]
fn an_unknown_key_is_refused_by_name_before_anything_is_done() {
    let refused = closegraph()
        .env("CLOSEGRAPH_SYNC_WORKER", "3")
        .arg("connections")
        .assert()
        .code(2);
    let text = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(text.contains("CLOSEGRAPH_SYNC_WORKER is unknown"), "{text}");
    assert!(text.contains("CLOSEGRAPH_SYNC_WORKERS"), "{text}");
}

#[test]
fn events_that_would_be_forgotten_before_close_forgets_them_are_refused() {
    for (body, row, said) in [
        ("1", "30", "at least 31"),
        ("91", "90", "1 to 90"),
        ("0", "90", "1 to 90"),
    ] {
        let refused = closegraph()
            .env("CLOSEGRAPH_SYNC_EVENT_BODY_RETENTION_DAYS", body)
            .env("CLOSEGRAPH_SYNC_EVENT_RETENTION_DAYS", row)
            .arg("serve")
            .assert()
            .code(2);
        let text = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(
            text.contains("retention_days is ") && text.contains(said),
            "{body} {row}: {text}"
        );
    }
    closegraph()
        .env("CLOSEGRAPH_SYNC_EVENT_BODY_RETENTION_DAYS", "0")
        .env("CLOSEGRAPH_SYNC_EVENT_RETENTION_DAYS", "0")
        .arg("config")
        .assert()
        .success();
}

#[test]
fn a_bad_value_in_a_file_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("closegraph.toml");
    std::fs::write(&file, "[http]\nlisten = \"nowhere\"\n").unwrap();
    let refused = closegraph()
        .arg("--config")
        .arg(&file)
        .arg("connections")
        .assert()
        .code(2);
    let text = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(
        text.contains("listen") && text.contains("closegraph.toml"),
        "{text}"
    );
}
