//! Between the acknowledgement of a delivery and its event: the log, who writes it, and how it is taken into the inbox.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use close_sim::SimulatorConfig;
use closegraph_entity::record::Origin;
use closegraph_sync::inbox::{Delivery, Inbox};
use closegraph_sync::{SyncOptions, SyncService};
use closegraph_tests::{Close, Database, SETTLED, sign, vault};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

/// A connection whose deliveries are received, and taken from the log only while [`work_off`](Self::work_off) runs.
struct Receiving {
    database: Database,
    close: Close,
    service: SyncService,
    router: Router,
    key: String,
}

impl Receiving {
    async fn start() -> Self {
        let database = Database::start(&[]).await.unwrap();
        let config = SimulatorConfig {
            leads: 5,
            traffic_per_second: 0.0,
            ..SimulatorConfig::default()
        };
        let public_url = Some("http://127.0.0.1:9/".to_owned());
        let close = Close::connect_at(&database, config, public_url)
            .await
            .unwrap();
        let hooks: Value = serde_json::from_str(&close.control("webhooks").await.unwrap()).unwrap();
        let key = hooks.pointer("/data/0/signature_key").unwrap();
        let options = SyncOptions {
            poll: Duration::from_millis(20),
            ..SyncOptions::default()
        };
        let service = SyncService::new(database.pool.clone(), vault().unwrap(), options);
        Self {
            key: key.as_str().unwrap().to_owned(),
            router: service.router(),
            database,
            close,
            service,
        }
    }

    async fn deliver(&self, event: &Value, signed_ago: i64) -> StatusCode {
        let body = json!({ "subscription_id": "whsub_x", "event": event }).to_string();
        let timestamp = (chrono::Utc::now().timestamp() - signed_ago).to_string();
        let hash = sign(&self.key, &timestamp, body.as_bytes()).unwrap();
        let request = Request::post(format!("/webhooks/close/{}", self.close.connection))
            .header("close-sig-timestamp", timestamp)
            .header("close-sig-hash", hash)
            .body(Body::from(body))
            .unwrap();
        self.router.clone().oneshot(request).await.unwrap().status()
    }

    /// Puts into the log what no receiver would.
    async fn log(&self, connection: Uuid, payload: &str) {
        sqlx::query(
            "insert into delivery (id, connection_id, payload) values (gen_random_uuid(), $1, $2)",
        )
        .bind(connection)
        .bind(payload)
        .execute(&self.database.pool)
        .await
        .unwrap();
    }

    async fn count(&self, question: &'static str) -> i64 {
        let count = sqlx::query_scalar(question);
        count.fetch_one(&self.database.pool).await.unwrap()
    }

    /// Runs the service until a question is answered with true.
    async fn work_until(&self, question: &'static str) {
        let (service, stop) = (self.service.clone(), CancellationToken::new());
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { service.run(stop).await }
        });
        let start = Instant::now();
        let asked = || sqlx::query_scalar::<_, bool>(question).fetch_one(&self.database.pool);
        while !asked().await.unwrap() {
            assert!(start.elapsed() < Duration::from_secs(30), "{question}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
        running.await.unwrap();
    }
}

fn renamed(number: u32, lead: &str, name: &str) -> Value {
    let at = format!("2026-03-01T12:00:00.{number:06}");
    json!({
        "id": format!("ev_{number}"), "object_type": "lead", "action": "updated", "object_id": lead,
        "date_created": at, "date_updated": at, "changed_fields": ["name"],
        "data": { "id": lead, "name": name, "date_created": at, "date_updated": format!("{at}+00:00") },
    })
}

const LOGGED: &str = "select count(*) from delivery";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_waits_in_the_log_and_becomes_one_event_however_often_it_came() {
    let receiving = Receiving::start().await;
    for number in [1, 2, 2, 1, 3] {
        let event = renamed(number, "lead_a", &format!("name {number}"));
        assert_eq!(receiving.deliver(&event, 0).await, StatusCode::OK);
    }
    assert_eq!(receiving.count(LOGGED).await, 5);
    receiving.work_until(SETTLED).await;
    // One that is known is not applied again.
    let event = renamed(2, "lead_a", "name 2");
    assert_eq!(receiving.deliver(&event, 0).await, StatusCode::OK);
    receiving.work_until(SETTLED).await;
    let events = "select count(*) from event where object_id = 'lead_a' and attempts = 1 and state in ('applied', 'stale')
                     and delivered_at = received_at and finished_at >= received_at";
    assert_eq!(receiving.count(events).await, 3);
    let all = "select count(*) from event where object_id = 'lead_a' and action <> 'read'";
    assert_eq!(receiving.count(all).await, 3);
    let named = "select count(*) from company where close_id = 'lead_a' and name = 'name 3'";
    assert_eq!(receiving.count(named).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_signature_is_believed_when_the_event_is_in_the_log_only() {
    let receiving = Receiving::start().await;
    let event = renamed(1, "lead_a", "known");
    assert_eq!(receiving.deliver(&event, 0).await, StatusCode::OK);
    // Close's own log does not have it.
    assert_eq!(receiving.deliver(&event, 3_600).await, StatusCode::OK);
    let other = renamed(2, "lead_a", "not known");
    assert_eq!(
        receiving.deliver(&other, 3_600).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_delivery_holds_up_neither_its_batch_nor_what_comes_after() {
    let receiving = Receiving::start().await;
    let (connection, gone) = (receiving.close.connection, Uuid::from_u128(7));
    let first = renamed(1, "lead_a", "before");
    assert_eq!(receiving.deliver(&first, 0).await, StatusCode::OK);
    receiving.log(connection, "no event").await;
    let huge = renamed(2, "lead_b", "x").to_string();
    receiving
        .log(connection, &huge.replace("\"x\"", "1e200000"))
        .await;
    let strange = renamed(3, "lead_c", "of a connection that is gone");
    receiving.log(gone, &strange.to_string()).await;
    let group = json!({ "id": "ev_4", "object_type": "group", "action": "created", "object_id": "group_a",
                        "date_updated": "2026-03-01T12:00:00" });
    assert_eq!(receiving.deliver(&group, 0).await, StatusCode::OK);
    let last = renamed(5, "lead_d", "after");
    assert_eq!(receiving.deliver(&last, 0).await, StatusCode::OK);
    receiving
        .work_until(
            "select (select count(*) from delivery) = 0 and (select count(*) from company
              where (close_id, name) in (('lead_a', 'before'), ('lead_d', 'after'))) = 2",
        )
        .await;
    for became in [
        "select count(*) from event where close_event_id = 'ev_1' and state = 'applied'",
        "select count(*) from event where state = 'dead' and error <> '' and payload = '\"no event\"'",
        "select count(*) from event where close_event_id = 'ev_2' and state = 'dead' and error <> ''",
        "select count(*) from event where close_event_id = 'ev_3' and state = 'failed' and error <> ''",
        "select count(*) from event where close_event_id = 'ev_4' and state = 'ignored'",
        "select count(*) from event where close_event_id = 'ev_5' and state = 'applied'",
    ] {
        assert_eq!(receiving.count(became).await, 1, "{became}");
    }
    assert_eq!(receiving.count("select count(*) from event").await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_that_go_away_take_no_other_delivery_along() {
    const TOGETHER: u32 = 600;
    let database = Database::start(&[]).await.unwrap();
    let inbox = Inbox::new(database.pool.clone());
    let connection = Uuid::from_u128(7);
    for round in 0..10 {
        let mut storing = JoinSet::new();
        let mut leaving = Vec::new();
        for number in 0..TOGETHER {
            let event = renamed(round * TOGETHER + number, "lead_a", "x").to_string();
            let delivery = Delivery::from_event(connection, Origin::Webhook, &event).unwrap();
            let inbox = inbox.clone();
            let task = storing.spawn(async move { inbox.store(delivery).await });
            if number % 3 != 0 {
                leaving.push(task);
            }
        }
        tokio::task::yield_now().await;
        for task in leaving {
            task.abort();
            tokio::task::yield_now().await;
        }
        let mut stored = 0;
        let all = async {
            while let Some(told) = storing.join_next().await {
                match told {
                    Ok(told) => {
                        told.unwrap();
                        stored += 1;
                    }
                    Err(left) => assert!(left.is_cancelled()),
                }
            }
        };
        let all = tokio::time::timeout(Duration::from_secs(20), all).await;
        assert!(all.is_ok(), "round {round}: somebody waits for ever");
        assert!(stored >= TOGETHER / 3);
    }
    let kept = "select count(distinct id) from delivery";
    let kept: i64 = sqlx::query_scalar(kept)
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert!(kept >= i64::from(TOGETHER / 3 * 10), "{kept}");
}
