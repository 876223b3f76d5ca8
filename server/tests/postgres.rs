//! The embedded Postgres as an operator meets it: it is there, it stays, and it goes with us.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use assert_cmd::Command;
use closegraph_tests::{DataDir, Postmaster, Serving, free_port};
use nix::sys::signal::Signal;
use nix::unistd::{Uid, User, chown};
use sqlx::PgPool;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::TempDir;

/// A server that serves from the data directory, ready.
async fn serve(data_dir: &DataDir) -> Serving {
    let mut serving = Serving::start(data_dir, free_port().unwrap(), &[]).unwrap();
    serving.ready().await.unwrap();
    serving
}

/// A command that opens the database and ends.
fn command(data_dir: &Path) -> Command {
    command_of(data_dir, "connections")
}

fn command_of(data_dir: &Path, name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_closegraph"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("CLOSEGRAPH_POSTGRES_DATA_DIR", data_dir)
        .arg(name);
    command
}

/// What a command says when it fails.
fn refusal(mut command: Command) -> String {
    let refused = command.assert().code(1);
    String::from_utf8_lossy(&refused.get_output().stderr).into_owned()
}

async fn setting(pool: &PgPool, name: &str) -> String {
    sqlx::query_scalar("select current_setting($1)")
        .bind(name)
        .fetch_one(pool)
        .await
        .unwrap()
}

/// The processes of a server, itself included.
fn family(server: &Postmaster) -> Vec<Postmaster> {
    let path = format!("/proc/{0}/task/{0}/children", server.pid);
    let children = fs::read_to_string(path).unwrap();
    let children = children.split_whitespace().map(|pid| Postmaster {
        pid: pid.parse().unwrap(),
        ..*server
    });
    children.chain([*server]).collect()
}

/// Ends a server at once, as the loss of the machine's power would.
fn cut(server: &Postmaster) {
    let family = family(server);
    for process in &family {
        // The others may end by themselves once the first is gone.
        drop(process.signal(Signal::SIGKILL));
    }
    for process in &family {
        process.wait_until_gone().unwrap();
    }
}

#[tokio::test]
async fn the_first_start_makes_a_private_cluster_that_keeps_what_it_commits() {
    let data_dir = DataDir::new().unwrap();
    let _serving = serve(&data_dir).await;
    let pool = data_dir.connect().await.unwrap();
    assert_eq!(setting(&pool, "fsync").await, "on");
    assert_eq!(setting(&pool, "synchronous_commit").await, "on");
    assert_eq!(setting(&pool, "full_page_writes").await, "on");
    assert_eq!(setting(&pool, "listen_addresses").await, "127.0.0.1");
    assert_eq!(setting(&pool, "unix_socket_directories").await, "");
    assert_eq!(setting(&pool, "password_encryption").await, "scram-sha-256");
    for (path, mode) in [("postgres", 0o700), ("postgres.password", 0o600)] {
        let metadata = data_dir.path().join(path).metadata().unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{path}");
    }
    let password = fs::read_to_string(data_dir.path().join("postgres.password")).unwrap();
    assert!(password.len() >= 32, "a password of {}", password.len());
}

#[tokio::test]
async fn data_survives_a_stop_by_either_signal_that_leaves_no_postgres() {
    let data_dir = DataDir::new().unwrap();
    for (round, signal) in [Signal::SIGINT, Signal::SIGTERM].into_iter().enumerate() {
        let serving = serve(&data_dir).await;
        let pool = data_dir.connect().await.unwrap();
        if round == 0 {
            let kept = "create table kept as select 42 as answer";
            sqlx::query(kept).execute(&pool).await.unwrap();
        }
        let answer: i32 = sqlx::query_scalar("select answer from kept")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(answer, 42);
        let processes = family(&data_dir.postmaster().unwrap());
        let status = serving.stop(signal).unwrap();
        assert_eq!(status.code(), Some(0), "{signal}");
        for process in processes {
            assert!(!process.is_alive(), "{signal} leaves {}", process.pid);
        }
        assert!(!data_dir.cluster().join("postmaster.pid").exists());
    }
}

#[tokio::test]
async fn a_server_that_survived_our_kill_is_taken_over_and_goes_with_us() {
    let data_dir = DataDir::new().unwrap();
    serve(&data_dir).await.kill().unwrap();
    let survivor = data_dir.postmaster().expect("Postgres survives");
    let serving = serve(&data_dir).await;
    assert_eq!(data_dir.postmaster(), Some(survivor));
    let status = serving.stop(Signal::SIGTERM).unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(!survivor.is_alive());
}

#[tokio::test]
async fn a_survivor_that_is_stopping_is_waited_for_and_followed_by_a_new_server() {
    let data_dir = DataDir::new().unwrap();
    serve(&data_dir).await.kill().unwrap();
    let survivor = data_dir.postmaster().unwrap();
    // A "smart" stop lasts as long as a session does.
    let pool = data_dir.connect().await.unwrap();
    let session = pool.acquire().await.unwrap();
    survivor.signal(Signal::SIGTERM).unwrap();
    let pid_file = data_dir.cluster().join("postmaster.pid");
    until(|| fs::read_to_string(&pid_file).is_ok_and(|text| text.contains("stopping"))).await;

    let mut serving = Serving::start(&data_dir, free_port().unwrap(), &[]).unwrap();
    let log = data_dir.path().join("serve.log");
    let waits = "waiting for a Postgres that is starting or stopping";
    until(|| fs::read_to_string(&log).is_ok_and(|text| text.contains(waits))).await;
    assert!(survivor.is_alive());
    drop(session);
    pool.close().await;
    serving.ready().await.unwrap();
    assert!(!survivor.is_alive());
    assert_ne!(data_dir.postmaster(), Some(survivor));
}

#[tokio::test]
async fn a_cluster_is_recovered_after_a_loss_of_power() {
    let data_dir = DataDir::new().unwrap();
    let serving = serve(&data_dir).await;
    let pool = data_dir.connect().await.unwrap();
    let kept = "create table kept as select n from generate_series(1, 10000) n";
    sqlx::query(kept).execute(&pool).await.unwrap();
    let server = data_dir.postmaster().unwrap();
    serving.kill().unwrap();
    cut(&server);
    assert!(data_dir.cluster().join("postmaster.pid").exists());

    let _serving = serve(&data_dir).await;
    let pool = data_dir.connect().await.unwrap();
    let kept: i64 = sqlx::query_scalar("select count(*) from kept")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(kept, 10_000);
}

#[tokio::test]
async fn a_pid_that_is_another_servers_by_now_is_neither_taken_over_nor_in_the_way() {
    let (data_dir, other) = (DataDir::new().unwrap(), DataDir::new().unwrap());
    let _stranger = serve(&other).await;
    let stranger = other.postmaster().unwrap();
    serve(&data_dir).await.kill().unwrap();
    let server = data_dir.postmaster().unwrap();
    cut(&server);
    let pid_file = data_dir.cluster().join("postmaster.pid");
    let stale = fs::read_to_string(&pid_file).unwrap();
    let reused = stale.replacen(&server.pid.to_string(), &stranger.pid.to_string(), 1);
    fs::write(&pid_file, reused).unwrap();

    let serving = serve(&data_dir).await;
    assert_ne!(data_dir.postmaster().unwrap().pid, stranger.pid);
    serving.stop(Signal::SIGINT).unwrap();
    assert!(stranger.is_alive());
}

/// A folder with scripts in the place of Postgres' programs.
fn programs(initdb: &str, postgres: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    for (name, script) in [("initdb", initdb), ("postgres", postgres)] {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
fn a_cluster_that_was_cut_short_in_the_making_is_made_anew() {
    let data_dir = DataDir::new().unwrap();
    let cut_short = r#"mkdir "$2" && echo 15 > "$2/PG_VERSION" && echo cut >&2 && exit 1"#;
    let programs = programs(cut_short, "exit 1");
    let mut first = command(data_dir.path());
    first.env("CLOSEGRAPH_POSTGRES_BIN_DIR", programs.path());
    let said = refusal(first);
    assert!(said.contains("initdb failed: cut"), "{said}");

    command(data_dir.path()).assert().success();
    let unfinished = fs::read_dir(data_dir.path()).unwrap().flatten();
    let unfinished = unfinished.filter(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("postgres.new")
    });
    assert_eq!(unfinished.count(), 0);
}

#[tokio::test]
async fn a_server_that_a_killed_process_had_only_begun_to_start_is_taken_over() {
    let data_dir = DataDir::new().unwrap();
    let serving = serve(&data_dir).await;
    let server = data_dir.postmaster().unwrap();
    let command_line = fs::read_to_string(format!("/proc/{}/cmdline", server.pid)).unwrap();
    let real = command_line.split('\0').next().unwrap();
    serving.stop(Signal::SIGINT).unwrap();
    // Ours ends, since another came first, which was not to be seen when ours was started.
    let overtaken = format!(
        r#"[ "$1" = --version ] && exec {real} "$@"
        {real} "$@" &
        until [ -s "$2/postmaster.pid" ]; do sleep 0.01; done
        exit 1"#
    );
    let programs = programs("exit 1", &overtaken);
    let mut command = command(data_dir.path());
    command.env("CLOSEGRAPH_POSTGRES_BIN_DIR", programs.path());
    command.assert().success();
    assert_eq!(data_dir.postmaster(), None);
    let log = fs::read_to_string(data_dir.path().join("postgres.log")).unwrap();
    assert_eq!(
        log.matches("database system is shut down").count(),
        2,
        "{log}"
    );
}

#[tokio::test]
async fn a_second_server_on_a_data_directory_is_refused_and_a_command_is_not() {
    let data_dir = DataDir::new().unwrap();
    let mut serving = serve(&data_dir).await;
    command(data_dir.path()).assert().success();
    let mut second = command_of(data_dir.path(), "serve");
    second.env("CLOSEGRAPH_HTTP_LISTEN", "127.0.0.1:0");
    let said = refusal(second);
    assert!(
        said.contains("another closegraph process")
            && said.contains(&data_dir.path().display().to_string()),
        "{said}"
    );
    serving.ready().await.unwrap();
    assert_eq!(serving.stop(Signal::SIGINT).unwrap().code(), Some(0));
}

#[test]
fn a_cluster_of_another_major_version_is_refused_with_both_versions() {
    let data_dir = DataDir::new().unwrap();
    command(data_dir.path()).assert().success();
    let file = data_dir.cluster().join("PG_VERSION");
    let version = fs::read_to_string(&file).unwrap();
    fs::write(&file, "9\n").unwrap();
    let said = refusal(command(data_dir.path()));
    assert!(
        said.contains("made by Postgres 9,")
            && said.contains(&format!("the server found is {}", version.trim()))
            && said.contains("CLOSEGRAPH_POSTGRES_BIN_DIR"),
        "{said}"
    );
    fs::write(&file, version).unwrap();
    command(data_dir.path()).assert().success();
}

#[test]
fn a_folder_of_programs_that_holds_none_is_refused_by_name() {
    let (data_dir, programs) = (DataDir::new().unwrap(), tempfile::tempdir().unwrap());
    let mut command = command(data_dir.path());
    command.env("CLOSEGRAPH_POSTGRES_BIN_DIR", programs.path());
    let said = refusal(command);
    let named = format!("postgres.bin_dir is {}", programs.path().display());
    assert!(said.contains(&named), "{said}");
}

#[test]
fn a_parent_that_the_servers_account_cannot_enter_is_refused_with_what_to_do() {
    if !Uid::effective().is_root() {
        eprintln!("SKIPPED: only as root does Postgres run as another account");
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let said = refusal(command(&parent.path().join("data")));
    let named = format!("can't enter {}", parent.path().display());
    assert!(
        said.contains(&named) && said.contains("chmod o+x"),
        "{said}"
    );
}

#[tokio::test]
async fn an_account_without_privileges_serves_as_itself() {
    let Some(nobody) = User::from_name("nobody").ok().flatten() else {
        eprintln!("SKIPPED: this machine has no account nobody");
        return;
    };
    if !Uid::effective().is_root() {
        eprintln!(
            "SKIPPED: not root, so that every other test runs as an account of no privileges"
        );
        return;
    }
    let data_dir = DataDir::new().unwrap();
    chown(data_dir.path(), Some(nobody.uid), Some(nobody.gid)).unwrap();
    // The build's own folder may be closed to others.
    let program = data_dir.path().join("closegraph");
    let built = env!("CARGO_BIN_EXE_closegraph");
    fs::hard_link(built, &program)
        .or_else(|_| fs::copy(built, &program).map(drop))
        .unwrap();
    let port = free_port().unwrap();
    let mut command = std::process::Command::new("setpriv");
    command
        .args([
            &format!("--reuid={}", nobody.uid),
            &format!("--regid={}", nobody.gid),
        ])
        .args(["--clear-groups", "--no-new-privs"])
        .arg(&program)
        .env("CLOSEGRAPH_POSTGRES_DATA_DIR", data_dir.path())
        .env("CLOSEGRAPH_HTTP_LISTEN", format!("127.0.0.1:{port}"));
    let mut serving = Serving::spawn(command, &data_dir, port, &[]).unwrap();
    serving.ready().await.unwrap();
    let server = data_dir.postmaster().unwrap();
    let owner = fs::metadata(format!("/proc/{}", server.pid)).unwrap().uid();
    assert_eq!(owner, nobody.uid.as_raw());
    assert_eq!(serving.stop(Signal::SIGTERM).unwrap().code(), Some(0));
    assert!(!server.is_alive());
}

/// Waits until something is so, for at most 30 seconds.
async fn until(is_so: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed().as_secs() < 30, "it does not come");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
