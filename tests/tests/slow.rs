//! Who sends slowly, or holds connections, is not waited for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use closegraph_tests::{DataDir, Serving, free_port};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a server answers to these bytes until it closes the connection, and how long that took.
async fn answered(address: &str, bytes: &str) -> (String, Duration) {
    let start = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(20), read).await;
    // An end of the time is a connection that stays open; a reset is one of its ends.
    read.unwrap().ok();
    (answer, start.elapsed())
}

#[tokio::test]
async fn slow_heads_and_bodies_are_given_up_and_connections_wait_for_a_place() {
    let data_dir = DataDir::new().unwrap();
    let port = free_port().unwrap();
    let limits = [
        ("CLOSEGRAPH_LIMITS_HEAD_MS", "1000"),
        ("CLOSEGRAPH_LIMITS_BODY_MS", "500"),
        ("CLOSEGRAPH_LIMITS_CONNECTIONS", "16"),
    ];
    let mut serving = Serving::start(&data_dir, port, &limits).unwrap();
    serving.ready().await.unwrap();
    let address = format!("127.0.0.1:{port}");
    let token = assert_cmd::Command::new(closegraph_tests::program().unwrap())
        .env_clear()
        .env("CLOSEGRAPH_POSTGRES_DATA_DIR", data_dir.path())
        .args(["token", "create", "--name", "slow", "--cost-budget", "5"])
        .output()
        .unwrap();
    let token = String::from_utf8(token.stdout).unwrap();
    let token = token.lines().next().unwrap().to_owned();

    let (answer, took) = answered(&address, "POST /graphql HTTP/1.1\r\nhost: a\r\nx-slow: ").await;
    assert!(!answer.contains(" 200 "), "{answer}");
    assert!(took >= Duration::from_millis(900), "{took:?}");

    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    let (answer, _) = answered(&address, &head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("BODY_TIMEOUT"), "{answer}");

    let (answer, _) = answered(&address, "PRI * HTTP").await;
    assert_eq!(answer, "", "neither version has begun");

    // One more than there are places for: it is served when the others have been given up.
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(TcpStream::connect(&address).await.unwrap());
    }
    let whole = format!(
        "GET /graphql?query=%7Bconnections%7Bid%7D%7D HTTP/1.1\r\nhost: a\r\n\
         authorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    let (answer, _) = answered(&address, &whole).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("the budget is 5"), "{answer}");
    drop(held);
    assert!(serving.stop(Signal::SIGTERM).unwrap().success());
}
