//! The command line as a user meets it, before a database is opened.

use assert_cmd::Command;
use clap::CommandFactory;
use closegraph::cli::Cli;
use std::path::Path;

fn closegraph() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_closegraph"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        // No database is to be made here.
        .env("CLOSEGRAPH_POSTGRES_DATA_DIR", "/dev/null/nowhere");
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
        &["connect", "rotate-key"],
        &["connect", "webhook-key"],
        &["connections"],
        &["disconnect"],
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
        &["vault", "rotate"],
        &["access-log"],
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
fn every_command_and_argument_has_a_help_text() {
    fn check(command: &clap::Command, path: &str) {
        assert!(command.get_about().is_some(), "{path}");
        for argument in command.get_arguments() {
            let help = argument.get_help().map(ToString::to_string);
            assert!(
                help.is_some_and(|help| !help.is_empty()),
                "{path} {argument}"
            );
        }
        for below in command.get_subcommands() {
            check(below, &format!("{path} {}", below.get_name()));
        }
    }
    check(&Cli::command(), "closegraph");
}

/// What a command says that is refused as wrong usage or configuration.
fn refusal(command: &mut Command) -> String {
    let refused = command.assert().code(2);
    String::from_utf8_lossy(&refused.get_output().stderr).into_owned()
}

#[test]
fn what_organizations_are_connected_with_is_checked_before_anything_is_done() {
    let address = "allowed: an http or https address such as https://closegraph.example.com";
    for (option, value, named, allowed) in [
        ("--webhook-url", "notaurl", "'--webhook-url <URL>'", address),
        (
            "--webhook-url",
            "ftp://example.com",
            "'--webhook-url <URL>'",
            address,
        ),
        ("--base-url", "api.close.com", "'--base-url <URL>'", address),
        (
            "--time-zone",
            "Mars/Base",
            "'--time-zone <ZONE>'",
            "such as Europe/Berlin",
        ),
        (
            "--fiscal-year-start",
            "13",
            "'--fiscal-year-start <MONTH>'",
            "a month, 1 to 12",
        ),
    ] {
        let args = ["connect", "close", "--api-key-env", "PATH", option, value];
        let text = refusal(closegraph().args(args));
        assert!(
            text.contains(named) && text.contains(allowed),
            "{args:?}: {text}"
        );
    }
}

#[test]
fn wrong_usage_is_refused_before_anything_is_done_with_what_is_allowed() {
    for (args, named, allowed) in [
        (
            vec!["connect", "close", "--api-key-env", "NOT_SET"],
            "the environment variable NOT_SET",
            "holds no API key",
        ),
        (
            vec!["events", "list", "--since", "yesterday"],
            "'--since <INSTANT>'",
            "an instant of RFC 3339 such as 2026-11-20T00:00:00Z",
        ),
        (vec!["events", "replay"], "say which events", "--state"),
        (
            vec!["migrate", "down"],
            "drops every table with its data",
            "migrate down --yes",
        ),
        (
            vec![
                "token",
                "revoke",
                "cg_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_0",
            ],
            "that is a whole token",
            "its first 9 characters",
        ),
    ] {
        let text = refusal(closegraph().args(&args));
        assert!(
            text.contains(named) && text.contains(allowed),
            "{args:?}: {text}"
        );
    }
    let base_url = [("CLOSE_API_KEY", "key"), ("CLOSE_BASE_URL", "notaurl")];
    let text = refusal(closegraph().envs(base_url).arg("serve"));
    assert!(
        text.contains("CLOSE_BASE_URL is \"notaurl\", allowed: "),
        "{text}"
    );
}

#[test]
fn a_database_that_cannot_be_opened_is_told_with_its_cause_at_once() {
    let start = std::time::Instant::now();
    let port = closegraph_tests::free_port().unwrap();
    let url = format!("postgres://someone:secret@127.0.0.1:{port}/somewhere");
    let failed = closegraph()
        .env("DATABASE_URL", url)
        .arg("connections")
        .assert()
        .code(1);
    let text = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    let wanted = format!("the database somewhere at 127.0.0.1:{port} can't be opened: ");
    assert!(text.contains(&wanted), "{text}");
    assert_eq!(text.matches("Connection refused").count(), 1, "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn a_demo_whose_port_is_taken_says_so_before_it_makes_a_database() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let mut demo = closegraph();
    demo.args(["demo", "--port", &port, "--data-dir"])
        .arg(folder.path().join("data"));
    let failed = demo.assert().code(1);
    let text = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(
        text.contains(&format!("--port {port} can't be listened on")),
        "{text}"
    );
    assert!(!folder.path().join("data").exists());
}

#[test]
fn a_missing_configuration_file_is_told_once() {
    let text = refusal(closegraph().args(["--config", "/nowhere.toml", "connections"]));
    assert!(text.contains("/nowhere.toml can't be read: "), "{text}");
    assert_eq!(text.matches("No such file").count(), 1, "{text}");
}

#[test]
fn an_unknown_key_is_refused_by_name_before_anything_is_done() {
    let text = refusal(
        closegraph()
            .env("CLOSEGRAPH_SYNC_WORKER", "3")
            .arg("connections"),
    );
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
    for (content, wanted) in [
        (
            "[http]\nlisten = \"8080\"\n",
            "is \"8080\", allowed: address:port such as 127.0.0.1:8080",
        ),
        (
            "[sync]\npoll_ms = 0\n",
            "is 0, allowed: a whole number from 10 to 3600000",
        ),
        (
            "[database]\nmax_connections = 0\n",
            "is 0, allowed: a whole number from 4 to 10000",
        ),
        ("[sync]\nworker = 1\n", "unknown field `worker`"),
    ] {
        std::fs::write(&file, content).unwrap();
        let text = refusal(closegraph().arg("--config").arg(&file).arg("connections"));
        assert!(
            text.contains(wanted) && text.contains("closegraph.toml"),
            "{text}"
        );
    }
}
