//! All processes together ask Close no faster than one credential may.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use close_sim::{RateLimit, SimulatorConfig};
use closegraph_sync::close::ListPage;
use closegraph_sync::connect::Connections;
use closegraph_tests::{Close, Database, vault};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinSet;

/// As another process has it: a pool, clients and limiters of its own.
async fn process(close: &Close, database: &Database) -> Connections {
    let options = database.pool.connect_options();
    let pool = sqlx::PgPool::connect_with((*options).clone()).await;
    let connections = Connections::new(pool.unwrap(), vault().unwrap());
    assert!(connections.client(close.connection).await.is_ok());
    connections
}

/// Three processes ask as fast as they may, and Close never has to refuse.
async fn nobody_is_refused(rate_limit: RateLimit, requests: usize) {
    let config = SimulatorConfig {
        leads: 50,
        traffic_per_second: 0.0,
        rate_limit,
        ..SimulatorConfig::default()
    };
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, config).await.unwrap();
    let asked = async || -> Value {
        serde_json::from_str(&close.control("requests").await.unwrap()).unwrap()
    };
    // Connecting looks at what its key may read.
    let before = asked().await["counts"]["GET /lead/"].as_u64().unwrap();
    let mut asking = JoinSet::new();
    for _ in 0..3 {
        let process = process(&close, &database).await;
        for _ in 0..4 {
            let client = process.client(close.connection).await.unwrap();
            asking.spawn(async move {
                for _ in 0..requests {
                    let _: ListPage = client.list("lead/", &[("_limit", "1")]).await.unwrap();
                }
            });
        }
    }
    while let Some(ended) = asking.join_next().await {
        ended.unwrap();
    }
    let log = asked().await;
    let all = before + u64::try_from(requests).unwrap() * 12;
    assert_eq!(log["counts"]["GET /lead/"], all, "{log}");
    assert_eq!(log["statuses"].get("429"), None, "{log}");
}

#[tokio::test]
async fn what_close_tells_is_known_to_all_processes() {
    let rate_limit = RateLimit {
        requests: 30,
        window: Duration::from_secs(1),
        header: true,
    };
    nobody_is_refused(rate_limit, 12).await;
}

#[tokio::test]
async fn where_close_tells_nothing_all_processes_keep_one_pace() {
    // A burst of a second's worth is within what Close documents.
    let rate_limit = RateLimit {
        requests: 130,
        window: Duration::from_secs(5),
        header: false,
    };
    nobody_is_refused(rate_limit, 16).await;
}
