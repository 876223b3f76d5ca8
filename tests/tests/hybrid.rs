//! A connection by MCP that gets more: a webhook that a person makes, and a key later.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use closegraph_sync::close::wanted_events;
use closegraph_sync::connect::{
    Callback, ConnectRequest, Connections, Vault, Watched, add_api_key, begin, disconnect, finish,
    hand_over_key, handed_address, rotate_vault, watch_subscription,
};
use closegraph_sync::{Schedule, SyncError, SyncOptions, SyncService};
use closegraph_tests::person::{Decision, decide};
use closegraph_tests::{CloseSim, Database, sign, vault};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;
use uuid::Uuid;

struct Hybrid {
    database: Database,
    sim: CloseSim,
    connections: Connections,
    id: Uuid,
    /// Where deliveries are received.
    public_url: String,
    _service: DropGuard,
}

impl Hybrid {
    /// An organization that is connected by MCP, mirrored, and polled no more.
    async fn start() -> Self {
        let database = Database::start(&[]).await.unwrap();
        let sim = CloseSim::start(&["--leads", "40", "--traffic", "0"]).unwrap();
        let connections = Connections::new(database.pool.clone(), vault().unwrap());
        let server = Url::parse(sim.mcp_url()).unwrap();
        let callback = Url::parse("http://127.0.0.1:9/callback").unwrap();
        let attempt = begin(&connections, &server, &callback).await.unwrap();
        let back = decide(attempt.url.as_str(), Decision::Allow).await.unwrap();
        let callback = Callback::of_query(back.query().unwrap());
        let id = finish(&connections, callback).await.unwrap().id;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let public_url = format!("http://{}", listener.local_addr().unwrap());
        let service = serve(&database, listener);
        let hybrid = Self {
            database,
            sim,
            connections,
            id,
            public_url,
            _service: service,
        };
        hybrid
            .wait("select exists (select from sync_run where kind = 'sweep' and status = 'succeeded')")
            .await;
        hybrid
    }

    async fn wait(&self, question: &'static str) {
        for _ in 0..600 {
            let answer = sqlx::query_scalar(question).fetch_one(&self.database.pool);
            if answer.await.unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never true: {question}");
    }

    /// A write to Close itself, as a person in it makes.
    async fn write(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.sim.base_url());
        let request = reqwest::Client::new().request(method, url).json(body);
        let request = request.basic_auth(self.sim.api_key(), Some(""));
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.json().await.unwrap()
    }

    /// Makes a subscription by hand, and answers its key.
    async fn hook(&self) -> String {
        let url = handed_address(&self.connections, self.id, &self.public_url).await;
        let body = json!({ "url": url.unwrap(), "events": wanted_events() });
        let made = self.write(Method::POST, "webhook/", &body).await;
        made["signature_key"].as_str().unwrap().to_owned()
    }

    async fn hand_over(&self, key: &str) -> Result<String, SyncError> {
        let key = key.to_owned().into();
        hand_over_key(&self.connections, self.id, &self.public_url, &key).await
    }

    async fn hooks(&self) -> usize {
        let hooks = self.sim.control("webhooks").await.unwrap();
        hooks["data"].as_array().unwrap().len()
    }

    /// Delivers an event that is signed with a key, and answers the status.
    async fn deliver(&self, key: &str, event: &Value) -> u16 {
        let body = json!({ "subscription_id": "whsub_hand", "event": event }).to_string();
        let timestamp = chrono::Utc::now().timestamp().to_string();
        let hash = sign(key, &timestamp, body.as_bytes()).unwrap();
        let request = reqwest::Client::new()
            .post(format!("{}/webhooks/close/{}", self.public_url, self.id))
            .header("close-sig-timestamp", timestamp)
            .header("close-sig-hash", hash)
            .body(body);
        request.send().await.unwrap().status().as_u16()
    }

    fn key(&self, sim: &CloseSim, public_url: Option<&str>) -> ConnectRequest {
        ConnectRequest {
            api_key: sim.api_key().to_owned().into(),
            base_url: sim.base_url().to_owned(),
            public_url: public_url.map(str::to_owned),
            time_zone: None,
            fiscal_year_start: None,
        }
    }

    async fn method(&self) -> (String, Option<String>) {
        let row = sqlx::query_as("select auth_method, status_reason from connection where id = $1");
        let row = row.bind(self.id).fetch_one(&self.database.pool);
        row.await.unwrap()
    }
}

fn serve(database: &Database, listener: TcpListener) -> DropGuard {
    let options = SyncOptions {
        poll: Duration::from_millis(50),
        schedule: Schedule {
            // After the first poll only the webhook brings changes.
            catch_up: Duration::from_secs(3_600),
            ..Schedule::default()
        },
        ..SyncOptions::default()
    };
    let service = SyncService::new(database.pool.clone(), vault().unwrap(), options);
    let stop = CancellationToken::new();
    let (router, stopped) = (service.router(), stop.clone().cancelled_owned());
    tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stopped);
        drop(served.await);
    });
    let stopped = stop.clone();
    tokio::spawn(async move { service.run(stopped).await });
    stop.drop_guard()
}

fn event(id: &str, action: &str, lead: &Value, at: &str, changed: &[&str]) -> Value {
    json!({
        "id": id, "object_type": "lead", "action": action, "object_id": lead["id"], "lead_id": lead["id"],
        "date_created": at, "date_updated": at, "changed_fields": changed, "previous_data": {}, "meta": {},
        "data": lead, "organization_id": "orga_x", "user_id": null, "request_id": null, "api_key_id": null,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_a_person_made_feeds_a_connection_by_mcp_and_is_left_alone() {
    let hybrid = Hybrid::start().await;
    let no_key = hybrid.hand_over("api_key.or_something").await.unwrap_err();
    assert!(no_key.to_string().contains("64 hex characters"), "{no_key}");
    let key = hybrid.hook().await;
    let leads = hybrid.sim.objects("lead").await.unwrap();
    let unknown = event("ev_0", "created", &leads[0], "2030-01-01T00:00:00", &[]);
    assert_eq!(hybrid.deliver(&key, &unknown).await, 401);
    let url = hybrid.hand_over(&key).await.unwrap();
    assert!(url.ends_with(&format!("/webhooks/close/{}", hybrid.id)));
    let (_, reason) = hybrid.method().await;
    assert!(reason.unwrap().contains("as a webhook tells of them"));

    let path = format!("lead/{}/", leads[3]["id"].as_str().unwrap());
    let named = json!({ "name": "Named by hand" });
    hybrid.write(Method::PUT, &path, &named).await;
    let gone = format!("lead/{}/", leads[4]["id"].as_str().unwrap());
    hybrid.write(Method::DELETE, &gone, &Value::Null).await;
    hybrid
        .wait(
            "select exists (select from company where name = 'Named by hand')
                and (select count(*) from company) = 39
                and exists (select from event where origin = 'webhook' and state = 'applied')",
        )
        .await;
    let watched = watch_subscription(&hybrid.connections, hybrid.id).await;
    assert_eq!(watched.unwrap(), Watched::None);
    assert_eq!(hybrid.hooks().await, 1);
    let log = hybrid.sim.control("requests").await.unwrap();
    assert_eq!(
        log["writes"].as_array().unwrap().len(),
        3,
        "those of this test"
    );

    // The last two keys are good.
    let next = "ab".repeat(32);
    hybrid.hand_over(&next).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for good in [&key, &next] {
        assert_eq!(hybrid.deliver(good, &unknown).await, 200);
    }
    hybrid.hand_over(&"cd".repeat(32)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(hybrid.deliver(&key, &unknown).await, 401);

    // The grant and the keys are sealed anew with the rest.
    let keys = ["ab".repeat(32).into(), "11".repeat(32).into()];
    let vault = Vault::of(&keys).unwrap();
    let rotated = rotate_vault(&hybrid.database.pool, &vault, false).await;
    assert_eq!(rotated.unwrap().resealed, 2);
    let connections = Connections::new(hybrid.database.pool.clone(), vault);
    assert_eq!(connections.signing_keys(hybrid.id).await.unwrap().len(), 2);
    let done = disconnect(&connections, hybrid.id, false).await;
    let left = done.unwrap().left;
    assert!(
        left.len() == 1 && left[0].contains("a person made"),
        "{left:?}"
    );
    assert_eq!(hybrid.hooks().await, 1, "it is not ours to remove");
    let erased = "select webhook_handed_keys is null and webhook_url is null from connection";
    hybrid.wait(erased).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_event_leaves_unclear_is_asked_of_the_mcp_server_and_else_the_event_counts() {
    let hybrid = Hybrid::start().await;
    let key = hybrid.hook().await;
    hybrid.hand_over(&key).await.unwrap();

    // The same version with another content: Close's word counts.
    let mut lead = hybrid.sim.objects("lead").await.unwrap()[0].clone();
    let at = lead["date_updated"].as_str().unwrap().to_owned();
    let name = lead["name"].clone();
    lead["name"] = json!("Never so named");
    let tie = event("ev_tie", "updated", &lead, &at, &["name"]);
    assert_eq!(hybrid.deliver(&key, &tie).await, 200);
    hybrid
        .wait("select exists (select from event where action = 'read' and state in ('applied', 'unchanged'))")
        .await;
    let kept: Option<String> = sqlx::query_scalar("select name from company where close_id = $1")
        .bind(lead["id"].as_str())
        .fetch_one(&hybrid.database.pool)
        .await
        .unwrap();
    assert_eq!(json!(kept), name);

    // Too little of a lead that is not known: the tool tells the rest.
    sqlx::query("delete from company where close_id = $1")
        .bind(lead["id"].as_str())
        .execute(&hybrid.database.pool)
        .await
        .unwrap();
    let little = json!({ "id": lead["id"], "description": "Only this", "date_updated": "2031-01-01T00:00:00+00:00" });
    let little = event(
        "ev_little",
        "updated",
        &little,
        "2031-01-01T00:00:00",
        &["description"],
    );
    assert_eq!(hybrid.deliver(&key, &little).await, 200);
    hybrid
        .wait("select (select count(*) from company) = 40")
        .await;

    // A lead that no tool finds: what the later event says is taken.
    let close_id = "lead_unknownToEveryTool";
    for (id, name) in [("ev_first", "First"), ("ev_second", "Second")] {
        let lead = json!({ "id": close_id, "name": name, "date_created": "2030-01-01T00:00:00+00:00",
                           "date_updated": "2030-01-01T00:00:00+00:00" });
        let told = event(id, "created", &lead, "2030-01-01T00:00:00", &[]);
        assert_eq!(hybrid.deliver(&key, &told).await, 200);
        hybrid
            .wait(
                "select not exists (select from delivery) and not exists (
                       select from event where state = 'pending' and action <> 'read')",
            )
            .await;
    }
    hybrid
        .wait("select exists (select from company where name = 'Second')")
        .await;
    hybrid
        .wait(
            "select exists (select from event where action = 'read' and state = 'applied'
                and error like 'Close does not tell of the object%')",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_it_a_whole_one_and_a_key_of_another_organization_is_refused() {
    let hybrid = Hybrid::start().await;
    let key = hybrid.hook().await;
    hybrid.hand_over(&key).await.unwrap();
    let other = CloseSim::start(&["--leads", "5", "--traffic", "0", "--seed", "9"]).unwrap();
    let request = hybrid.key(&other, None);
    let refused = add_api_key(&hybrid.connections, hybrid.id, &request).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("nothing is changed"), "{refused}");
    let unknown = add_api_key(&hybrid.connections, Uuid::from_u128(5), &request).await;
    assert!(matches!(unknown, Err(SyncError::UnknownConnection(_))));
    assert_eq!(hybrid.method().await.0, "mcp");
    let granted = hybrid.sim.control("oauth").await.unwrap();
    assert_eq!(granted["grants"][0]["revoked"], false);

    let request = hybrid.key(&hybrid.sim, Some(&hybrid.public_url));
    let added = add_api_key(&hybrid.connections, hybrid.id, &request).await;
    let added = added.unwrap();
    assert!(added.renewed && added.id == hybrid.id);
    assert_eq!(hybrid.method().await, ("api_key".to_owned(), None));
    let granted = hybrid.sim.control("oauth").await.unwrap();
    assert_eq!(granted["grants"][0]["revoked"], true);
    hybrid
        .wait(
            "select exists (select from sync_run where kind = 'backfill' and status = 'succeeded')",
        )
        .await;
    hybrid
        .wait("select (select count(*) from company) = 40 and exists (select from receivable)")
        .await;
    assert_eq!(hybrid.hooks().await, 2, "a person's own stays beside ours");
    let watched = watch_subscription(&hybrid.connections, hybrid.id).await;
    assert_eq!(watched.unwrap(), Watched::Healthy);
    let handed = hybrid.hand_over(&key).await.unwrap_err();
    assert!(matches!(handed, SyncError::OwnSubscription(_)), "{handed}");
}
