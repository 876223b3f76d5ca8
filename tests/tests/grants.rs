//! Access by MCP while it lasts: renewed ahead of its end by one process, and given up with a reason when it is gone.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use closegraph_sync::connect::{
    Callback, Connections, KeyStore, Vault, VaultError, begin, disconnect, finish, outcome,
    reread_settings, rotate_vault,
};
use closegraph_tests::person::{Decision, decide};
use closegraph_tests::{CloseSim, Database, vault};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;
use uuid::Uuid;

struct Granted {
    database: Database,
    sim: CloseSim,
    connections: Connections,
    id: Uuid,
}

fn callback() -> Url {
    Url::parse("http://127.0.0.1:9/callback").unwrap()
}

/// Asks, has it allowed, and makes the connection.
async fn connect(connections: &Connections, sim: &CloseSim) -> Uuid {
    let server = Url::parse(sim.mcp_url()).unwrap();
    let attempt = begin(connections, &server, &callback()).await.unwrap();
    assert_eq!(outcome(connections, attempt.id).await.unwrap(), None);
    let back = decide(attempt.url.as_str(), Decision::Allow).await.unwrap();
    let callback = Callback::of_query(back.query().unwrap());
    let connected = finish(connections, callback).await.unwrap();
    let told = outcome(connections, attempt.id).await.unwrap();
    assert_eq!(told, Some(Ok(connected.id)));
    connected.id
}

impl Granted {
    async fn with(vault: Vault, behaviour: Value) -> Self {
        let database = Database::start(&[]).await.unwrap();
        let sim = CloseSim::start(&["--leads", "50", "--traffic", "0"]).unwrap();
        sim.behave(&behaviour).await.unwrap();
        let connections = Connections::new(database.pool.clone(), vault);
        let id = connect(&connections, &sim).await;
        Self {
            database,
            sim,
            connections,
            id,
        }
    }

    async fn new(behaviour: Value) -> Self {
        Self::with(vault().unwrap(), behaviour).await
    }

    async fn refreshes(&self) -> Value {
        self.sim.control("oauth").await.unwrap()["refreshes"].clone()
    }

    async fn status(&self) -> (String, Option<String>) {
        let status = sqlx::query_as("select status, status_reason from connection where id = $1");
        let status = status.bind(self.id).fetch_one(&self.database.pool);
        status.await.unwrap()
    }

    /// Fails, gives the connection up, and says what to do.
    async fn is_given_up(&self) {
        let error = reread_settings(&self.connections, self.id).await;
        let error = error.unwrap_err();
        assert!(!error.may_pass(), "{error}");
        let (status, reason) = self.status().await;
        assert_eq!(status, "needs_reconnect");
        let reason = reason.unwrap();
        assert!(
            reason.contains("connect again with closegraph connect close --mcp"),
            "{reason}"
        );
    }
}

/// Long enough for a token of two seconds to be nearly over.
async fn until_it_ends() {
    tokio::time::sleep(Duration::from_millis(1_900)).await;
}

const SHORT: u64 = 2;

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_and_not_before() {
    let granted = Granted::new(json!({ "access_token_seconds": SHORT })).await;
    reread_settings(&granted.connections, granted.id)
        .await
        .unwrap();
    assert_eq!(granted.refreshes().await, 0);
    for renewed in 1..=2 {
        until_it_ends().await;
        reread_settings(&granted.connections, granted.id)
            .await
            .unwrap();
        assert_eq!(
            granted.refreshes().await,
            renewed,
            "the rotated token was kept"
        );
    }
    assert_eq!(granted.status().await.0, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_renew_at_once_make_one_renewal() {
    let behaviour = json!({ "access_token_seconds": SHORT, "token_delay_ms": 300 });
    let granted = Granted::new(behaviour).await;
    // Long enough for all of them to use it.
    let long = json!({ "access_token_seconds": 60 });
    granted.sim.behave(&long).await.unwrap();
    until_it_ends().await;
    let mut processes = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let pool = granted.database.pool_of_server().await.unwrap();
        let connections = Connections::new(pool, vault().unwrap());
        let id = granted.id;
        processes.spawn(async move { reread_settings(&connections, id).await });
    }
    while let Some(done) = processes.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(granted.refreshes().await, 1);
    assert_eq!(granted.status().await.0, "active");
}

#[tokio::test]
async fn access_that_is_taken_back_is_given_up_with_a_reason_until_a_person_connects_again() {
    let granted = Granted::new(json!({})).await;
    granted.sim.take_access_back().await.unwrap();
    granted.is_given_up().await;
    let again = connect(&granted.connections, &granted.sim).await;
    assert_eq!(again, granted.id);
    assert_eq!(granted.status().await.0, "active");
    reread_settings(&granted.connections, granted.id)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_renewal_whose_answer_is_lost_ends_the_access_and_one_that_fails_does_not() {
    let granted = Granted::new(json!({ "access_token_seconds": SHORT })).await;
    until_it_ends().await;
    granted
        .sim
        .behave(&json!({ "lost_answers": 1 }))
        .await
        .unwrap();
    let lost = reread_settings(&granted.connections, granted.id).await;
    assert!(lost.is_err());
    assert_eq!(granted.status().await.0, "active", "it is tried again");
    // What was kept is dead: the authorization server takes a token that comes again for a stolen one.
    granted.is_given_up().await;
}

#[tokio::test]
async fn what_is_disconnected_is_not_renewed() {
    let granted = Granted::new(json!({ "access_token_seconds": SHORT })).await;
    until_it_ends().await;
    let done = disconnect(&granted.connections, granted.id, false).await;
    let done = done.unwrap();
    assert!(done.access_revoked && done.left.is_empty());
    assert!(
        reread_settings(&granted.connections, granted.id)
            .await
            .is_err()
    );
    assert_eq!(granted.status().await.0, "disconnected");
    assert_eq!(granted.refreshes().await, 0);
}

/// Keys in memory, as if in a file, in every state that they had.
#[derive(Clone)]
struct Shelf(Arc<Mutex<Vec<Vec<SecretString>>>>);

impl KeyStore for Shelf {
    fn read(&self) -> Result<Vec<SecretString>, VaultError> {
        Ok(self.0.lock().unwrap().last().unwrap().clone())
    }

    fn write(&self, keys: &[SecretString]) -> Result<(), VaultError> {
        self.0.lock().unwrap().push(keys.to_vec());
        Ok(())
    }
}

#[tokio::test]
async fn grants_and_requests_for_access_are_sealed_anew_with_the_rest() {
    let shelf = Shelf(Arc::new(Mutex::new(vec![vec!["ab".repeat(32).into()]])));
    let vault = Vault::kept_in(shelf.clone()).unwrap();
    let granted = Granted::with(vault, json!({})).await;
    let server = Url::parse(granted.sim.mcp_url()).unwrap();
    let attempt = begin(&granted.connections, &server, &callback()).await;
    let attempt = attempt.unwrap();
    let elsewhere = Vault::kept_in(shelf.clone()).unwrap();
    let rotated = rotate_vault(&granted.database.pool, &elsewhere, true).await;
    assert_eq!(rotated.unwrap().resealed, 2);
    let rotated = rotate_vault(&granted.database.pool, &elsewhere, true).await;
    assert_eq!(rotated.unwrap().resealed, 2);
    let counts: Vec<usize> = shelf.0.lock().unwrap().iter().map(Vec::len).collect();
    // A key is let go only after the commit that makes it needless.
    assert_eq!(counts, [1, 2, 3, 2]);
    reread_settings(&granted.connections, granted.id)
        .await
        .unwrap();
    let back = decide(attempt.url.as_str(), Decision::Allow).await.unwrap();
    let callback = Callback::of_query(back.query().unwrap());
    let connected = finish(&granted.connections, callback).await.unwrap();
    assert!(connected.renewed);
}
