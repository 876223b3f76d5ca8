//! What a key may see, looked at when it is connected.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{TimeDelta, Utc};
use close_sim::SimulatorConfig;
use closegraph_entity::permission::Granted;
use closegraph_sync::connect::{ConnectRequest, connect_api_key};
use closegraph_tests::{Close, Database};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

async fn organization(database: &Database) -> Close {
    let config = SimulatorConfig {
        leads: 20,
        traffic_per_second: 0.0,
        now: Some(Utc::now() - TimeDelta::hours(4)),
        ..SimulatorConfig::default()
    };
    Close::connect(database, config).await.unwrap()
}

async fn granted(close: &Close, api_key: &str) -> Vec<Granted> {
    let request = ConnectRequest {
        api_key: api_key.to_owned().into(),
        base_url: close.simulator.base_url().to_string(),
        public_url: None,
        time_zone: None,
        fiscal_year_start: None,
    };
    let connected = connect_api_key(&close.connections, &request).await;
    connected.unwrap().scopes
}

fn of(scopes: &[Granted], name: &str) -> Option<bool> {
    let mut scopes = scopes.iter();
    scopes.find(|one| one.name == name).map(|one| one.granted)
}

#[tokio::test]
async fn what_close_shows_to_admins_only_is_missing_from_another_users_key() {
    let database = Database::start(&[]).await.unwrap();
    let close = organization(&database).await;
    let simulator = &close.simulator;
    let member = granted(&close, simulator.member_api_key()).await;
    assert_eq!(of(&member, "all.full_access"), Some(true));
    assert_eq!(of(&member, "admin"), Some(false));
    assert_eq!(of(&member, "view_all_leads"), Some(false));
    assert_eq!(of(&member, "leads"), Some(true));
    assert_eq!(of(&member, "events"), Some(true));
    assert_eq!(of(&member, "event_data"), Some(false), "the role tells");
    let missing: Vec<_> = member.iter().filter_map(Granted::lack).collect();
    assert!(missing.iter().any(|lack| lack.contains("admins only")));

    // An event of four hours ago tells it by itself.
    let lead = json!({ "name": "Long ago" });
    close.write(Method::POST, "lead/", &lead).await.unwrap();
    simulator.advance(Duration::from_secs(4 * 3_600));
    let member = granted(&close, simulator.member_api_key()).await;
    assert_eq!(of(&member, "event_data"), Some(false));
    let admin = granted(&close, simulator.api_key()).await;
    assert!(admin.iter().all(|right| right.granted), "{admin:?}");
    assert_eq!(of(&admin, "event_data"), Some(true));
    let kept: serde_json::Value = sqlx::query_scalar("select scopes from connection")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(kept, json!(admin));

    let log: serde_json::Value =
        serde_json::from_str(&close.control("requests").await.unwrap()).unwrap();
    let writes = log.pointer("/writes").and_then(|writes| writes.as_array());
    assert_eq!(writes.unwrap().len(), 1, "only that of this test");
}
