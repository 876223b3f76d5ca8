//! `closegraph access-log`: what commands change is noted with the change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use assert_cmd::Command;
use closegraph_tests::PrivatePostgres;
use serde_json::{Value, json};

/// What a command prints.
fn print(url: &str, args: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_closegraph"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DATABASE_URL", url)
        .env("CLOSEGRAPH_LOG_FILTER", "warn")
        .args(args)
        .assert()
        .success();
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

#[tokio::test]
async fn what_commands_change_is_in_the_access_log() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let url = postgres.database("access").await.unwrap();
    let none = print(&url, &["access-log"]);
    assert_eq!(none.trim_end(), "Nobody has changed anything yet.");
    let made = print(
        &url,
        &["token", "create", "--name", "board\u{1b}[31m", "--json"],
    );
    let made: Value = serde_json::from_str(&made).unwrap();
    let id = made["id"].as_str().unwrap();
    print(&url, &["token", "revoke", id]);
    // The second time nothing is changed.
    print(&url, &["token", "revoke", id]);
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    sqlx::query(
        "insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id, action, payload, state)
         select gen_random_uuid(), $1, 'webhook', 'ev_' || n, '2026-01-01Z', 'lead', 'lead_' || n, 'updated', '{}', 'dead'
           from generate_series(1, 3) n",
    )
    .bind(uuid::Uuid::from_u128(7))
    .execute(&pool)
    .await
    .unwrap();
    print(&url, &["events", "discard", "--object-id", "lead_1"]);
    print(&url, &["events", "replay", "--state", "dead"]);

    let listed = print(&url, &["access-log", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let shown = listed.as_array().unwrap().iter().map(|entry| {
        assert_eq!(entry["tokenId"], Value::Null);
        json!([
            entry["action"],
            entry["actor"],
            entry["connections"],
            entry["subjectId"],
            entry["details"]
        ])
    });
    let connection = json!([uuid::Uuid::from_u128(7)]);
    let token = json!({ "name": "board\u{1b}[31m", "role": "viewer", "prefix": &made["token"].as_str().unwrap()[..9] });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            json!(["events_replayed", "closegraph events replay", connection, null, { "events": 2 }]),
            json!(["events_discarded", "closegraph events discard", connection, null, { "events": 1 }]),
            json!(["token_revoked", "closegraph token revoke", null, id, token]),
            json!(["token_created", "closegraph token create", null, id, token]),
        ]
    );
    let table = print(&url, &["access-log", "--limit", "3"]);
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(!table.contains('\u{1b}'), "a name steers the terminal");
}
