//! Several organizations side by side, one of which Close does not let us read.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use close_sim::SimulatorConfig;
use closegraph_sync::connect::{
    ConnectRequest, Connections, Vault, connect_api_key, reread_settings, watch_subscription,
};
use closegraph_sync::{SyncOptions, SyncService};
use closegraph_tests::{Close, Database, vault};
use secrecy::SecretString;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

async fn organization(database: &Database, seed: u64, api_key: &str) -> Close {
    let config = SimulatorConfig {
        seed,
        leads: 100,
        traffic_per_second: 0.0,
        api_key: api_key.to_owned(),
        ..SimulatorConfig::default()
    };
    Close::connect(database, config).await.unwrap()
}

fn serve(database: &Database) -> DropGuard {
    let options = SyncOptions {
        poll: Duration::from_millis(50),
        ..SyncOptions::default()
    };
    let service = SyncService::new(database.pool.clone(), vault().unwrap(), options);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move { service.run(stopped).await });
    stop.drop_guard()
}

async fn wait(database: &Database, question: &'static str, close: &Close) {
    for _ in 0..1_200 {
        let answer = sqlx::query_scalar(question).bind(close.connection);
        if answer.fetch_one(&database.pool).await.unwrap() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never true: {question}");
}

const MIRRORED: &str = "select exists (select from sync_run
    where connection_id = $1 and kind = 'backfill' and status = 'succeeded')";

#[tokio::test]
async fn a_key_that_close_refuses_is_given_up_and_keeps_no_other_organization_waiting() {
    let database = Database::start(&[]).await.unwrap();
    let refused = organization(&database, 1, "api_first").await;
    let other = organization(&database, 2, "api_second").await;
    // A Close that does not know the first one's key any more.
    sqlx::query("update connection set base_url = $1 where id = $2")
        .bind(other.simulator.base_url().as_str())
        .bind(refused.connection)
        .execute(&database.pool)
        .await
        .unwrap();
    let _service = serve(&database);
    wait(&database, MIRRORED, &other).await;
    let given_up = "select status = 'needs_reconnect' and status_reason like '%401%' from connection where id = $1";
    wait(&database, given_up, &refused).await;

    // Nothing is begun any more, and what was begun has ended.
    let ended =
        "select not exists (select from sync_run where connection_id = $1 and status = 'running')";
    wait(&database, ended, &refused).await;
    let runs = "select count(*) < 5 from sync_run where connection_id = $1";
    wait(&database, runs, &refused).await;

    let request = ConnectRequest {
        api_key: refused.simulator.api_key().to_owned().into(),
        base_url: refused.simulator.base_url().to_string(),
        public_url: None,
        time_zone: None,
        fiscal_year_start: None,
    };
    let again = connect_api_key(&refused.connections, &request).await;
    assert!(again.unwrap().renewed);
    wait(&database, MIRRORED, &refused).await;
}

/// Webhooks arrive at the id of a connection.
#[tokio::test]
async fn the_id_of_a_connection_stays_and_is_not_guessed_from_its_organization() {
    let key = |byte: &str| Vault::from_hex(&SecretString::from(byte.repeat(32))).unwrap();
    let (one, other) = (
        Database::start(&[]).await.unwrap(),
        Database::start(&[]).await.unwrap(),
    );
    let close = organization(&one, 1, "api_first").await;
    let connect = async |database: &Database, vault| {
        let request = ConnectRequest {
            api_key: "api_first".to_owned().into(),
            base_url: close.simulator.base_url().to_string(),
            public_url: None,
            time_zone: None,
            fiscal_year_start: None,
        };
        let connections = Connections::new(database.pool.clone(), vault);
        let connected = connect_api_key(&connections, &request).await.unwrap();
        (connected.id, connected.renewed)
    };
    // Under another key by now, it is the connection that was there.
    assert_eq!(connect(&one, key("22")).await, (close.connection, true));
    // Processes that connect at once have the same key. Who has another one knows nothing of the id.
    let (elsewhere, _) = connect(&other, key("22")).await;
    assert_ne!(elsewhere, close.connection);
    for first in [true, false] {
        sqlx::query("delete from connection where $1")
            .bind(first)
            .execute(&other.pool)
            .await
            .unwrap();
        assert_eq!(connect(&other, key("11")).await, (close.connection, !first));
    }
}

/// As processes do that start together.
#[tokio::test(flavor = "multi_thread")]
async fn who_connects_at_once_makes_one_connection_with_one_subscription() {
    let database = Database::start(&[]).await.unwrap();
    let close = organization(&database, 1, "api_first").await;
    for round in 0..5 {
        let request = ConnectRequest {
            api_key: "api_first".to_owned().into(),
            base_url: close.simulator.base_url().to_string(),
            public_url: Some("http://127.0.0.1:9".to_owned()),
            time_zone: None,
            fiscal_year_start: None,
        };
        let mut at_once = JoinSet::new();
        for _ in 0..6 {
            let connections = Connections::new(database.pool.clone(), vault().unwrap());
            let request = request.clone();
            at_once.spawn(async move { connect_api_key(&connections, &request).await });
        }
        let connections = Connections::new(database.pool.clone(), vault().unwrap());
        let id = close.connection;
        at_once.spawn(async move {
            let watched = watch_subscription(&connections, id).await;
            reread_settings(&connections, id).await?;
            watched.map(drop)?;
            connect_api_key(&connections, &request).await
        });
        for connected in at_once.join_all().await {
            assert_eq!(connected.unwrap().id, close.connection);
        }
        let hooks = close.control("webhooks").await.unwrap();
        let hooks: serde_json::Value = serde_json::from_str(&hooks).unwrap();
        let hooks = hooks["data"].as_array().unwrap();
        let known: String = sqlx::query_scalar("select webhook_subscription_id from connection")
            .fetch_one(&database.pool)
            .await
            .unwrap();
        let ids: Vec<&str> = hooks
            .iter()
            .filter_map(|hook| hook["id"].as_str())
            .collect();
        assert_eq!(ids, [known.as_str()], "round {round}");
        sqlx::query("update connection set webhook_subscription_id = null, webhook_url = null, webhook_signing_key = null")
            .execute(&database.pool)
            .await
            .unwrap();
    }
}
