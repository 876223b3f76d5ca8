//! Access to the REST API by an OAuth app: allowed by a person, used like a key, renewed by one process at a time, given up
//! with a reason, given back.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use closegraph_sync::SyncError;
use closegraph_sync::connect::{
    AppRequest, Callback, Connected, Connections, begin_app, disconnect, finish, outcome,
    reread_settings,
};
use closegraph_sync::reconcile::{
    BackfillOptions, Progress, Strategy, VerifyOptions, backfill, catch_up, verify,
};
use closegraph_tests::person::{Decision, decide};
use closegraph_tests::{CloseSim, Database, vault};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

struct Deployment {
    database: Database,
    sim: CloseSim,
    connections: Connections,
}

impl Deployment {
    async fn new(behaviour: Value) -> Self {
        let database = Database::start(&[]).await.unwrap();
        let sim = CloseSim::start(&["--leads", "120", "--traffic", "0"]).unwrap();
        sim.behave(&behaviour).await.unwrap();
        let connections = Connections::new(database.pool.clone(), vault().unwrap());
        Self {
            database,
            sim,
            connections,
        }
    }

    fn request(&self) -> AppRequest {
        let (client_id, secret) = self.sim.oauth_client();
        AppRequest {
            client_id: client_id.to_owned(),
            client_secret: secret.to_owned().into(),
            base_url: self.sim.base_url().to_owned(),
            public_url: None,
            time_zone: None,
            fiscal_year_start: None,
            connection: None,
        }
    }

    async fn ask(&self, request: &AppRequest, decision: Decision) -> Result<Connected, SyncError> {
        let callback = Url::parse("http://127.0.0.1:9/callback").unwrap();
        let attempt = begin_app(&self.connections, request, &callback).await?;
        let back = decide(attempt.url.as_str(), decision).await.unwrap();
        let connected = finish(&self.connections, Callback::of_query(back.query().unwrap())).await;
        let told = outcome(&self.connections, attempt.id).await.unwrap();
        let same = connected.as_ref().map(|one| one.id);
        assert_eq!(told.unwrap().ok(), same.ok());
        connected
    }

    async fn connect(&self) -> Uuid {
        let connected = self.ask(&self.request(), Decision::Allow).await;
        connected.unwrap().id
    }

    async fn granted(&self) -> Value {
        self.sim.control("oauth").await.unwrap()
    }

    async fn refreshes(&self) -> Value {
        self.granted().await["refreshes"].clone()
    }

    async fn status(&self) -> (String, Option<String>) {
        let status = sqlx::query_as("select status, status_reason from connection");
        status.fetch_one(&self.database.pool).await.unwrap()
    }

    async fn scopes(&self) -> Vec<(String, bool)> {
        let scopes: Value = sqlx::query_scalar("select scopes from connection")
            .fetch_one(&self.database.pool)
            .await
            .unwrap();
        let scopes = scopes.as_array().unwrap().iter();
        let pair = |one: &Value| {
            (
                one["name"].as_str().unwrap().to_owned(),
                one["granted"] == true,
            )
        };
        scopes.map(pair).collect()
    }

    /// Fails, gives the connection up, and says why.
    async fn is_given_up(&self, id: Uuid, why: &str) {
        let error = reread_settings(&self.connections, id).await.unwrap_err();
        assert!(!error.may_pass(), "{error}");
        let (status, reason) = self.status().await;
        let reason = reason.unwrap();
        assert_eq!(status, "needs_reconnect", "{reason}");
        assert!(
            reason.contains(why)
                && reason.contains("connect again with closegraph connect close --oauth"),
            "{reason}"
        );
    }

    async fn connects_nothing(&self, why: &str, request: &AppRequest, decision: Decision) {
        let error = self.ask(request, decision).await.unwrap_err().chain();
        assert!(error.contains(why), "{error}");
        let (_, secret) = self.sim.oauth_client();
        assert!(!error.contains(secret), "{error}");
        let left: i64 = sqlx::query_scalar(
            "select (select count(*) from connection)
                  + (select count(*) from authorization_attempt where sealed is not null)",
        )
        .fetch_one(&self.database.pool)
        .await
        .unwrap();
        assert_eq!(left, 0);
    }
}

const SHORT: u64 = 2;

/// Long enough for a token of two seconds to be nearly over.
async fn until_it_ends() {
    tokio::time::sleep(Duration::from_millis(1_900)).await;
}

#[tokio::test]
async fn what_a_person_allows_an_app_is_read_as_with_a_key() {
    let deployment = Deployment::new(json!({})).await;
    let request = AppRequest {
        public_url: Some("http://127.0.0.1:9/".to_owned()),
        time_zone: Some("Europe/Berlin".to_owned()),
        ..deployment.request()
    };
    let connected = deployment.ask(&request, Decision::Allow).await.unwrap();
    assert!(connected.webhook_url.is_some() && !connected.renewed);
    let scopes = deployment.scopes().await;
    assert_eq!(scopes[0], ("all.full_access".to_owned(), true));
    assert_eq!(scopes[1], ("offline_access".to_owned(), true));
    assert!(scopes.iter().all(|(_, granted)| *granted), "{scopes:?}");
    let (progress, _) = watch::channel(Progress::default());
    let stop = CancellationToken::new();
    let options = BackfillOptions {
        strategy: Strategy::Auto,
        restart: false,
    };
    let (pool, connections) = (&deployment.database.pool, &deployment.connections);
    let report = backfill(pool, connections, connected.id, &options, &progress, &stop).await;
    assert!(report.unwrap().created > 120);
    catch_up(pool, connections, connected.id, &stop)
        .await
        .unwrap();
    let options = VerifyOptions::default();
    let drifts = verify(pool, connections, connected.id, &options, &stop).await;
    assert!(drifts.unwrap().iter().all(|drift| drift.found() == 0));
    let log = deployment.sim.control("requests").await.unwrap();
    let writes = log["writes"].as_array().unwrap();
    assert!(
        writes.len() == 1 && writes[0]["path"].as_str().unwrap().contains("/webhook/"),
        "{writes:?}"
    );

    // The same organization again, by a key: the grant is needed no more.
    let key = closegraph_sync::connect::ConnectRequest {
        api_key: deployment.sim.api_key().to_owned().into(),
        base_url: deployment.sim.base_url().to_owned(),
        public_url: None,
        time_zone: None,
        fiscal_year_start: None,
    };
    let again = closegraph_sync::connect::connect_api_key(connections, &key).await;
    assert_eq!(again.unwrap().id, connected.id);
    assert_eq!(deployment.granted().await["grants"][0]["revoked"], true);
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_and_once_where_close_refuses_it_before() {
    let deployment = Deployment::new(json!({ "access_token_seconds": SHORT })).await;
    let id = deployment.connect().await;
    let reread = || reread_settings(&deployment.connections, id);
    for renewed in 1..=2 {
        until_it_ends().await;
        reread().await.unwrap();
        assert_eq!(deployment.refreshes().await, renewed);
    }
    let long = json!({ "access_token_seconds": 3_600 });
    deployment.sim.behave(&long).await.unwrap();
    until_it_ends().await;
    reread().await.unwrap();
    reread().await.unwrap();
    assert_eq!(deployment.refreshes().await, 3, "it is good for an hour");
    deployment.sim.forget_tokens().await.unwrap();
    reread().await.unwrap();
    assert_eq!(deployment.refreshes().await, 4);
    assert_eq!(deployment.status().await.0, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_renew_an_apps_token_at_once_make_one_renewal() {
    let behaviour = json!({ "access_token_seconds": SHORT, "token_delay_ms": 300 });
    let deployment = Deployment::new(behaviour).await;
    let id = deployment.connect().await;
    // Long enough for all of them to use it.
    let long = json!({ "access_token_seconds": 60 });
    deployment.sim.behave(&long).await.unwrap();
    until_it_ends().await;
    let mut processes = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let pool = deployment.database.pool_of_server().await.unwrap();
        let connections = Connections::new(pool, vault().unwrap());
        processes.spawn(async move { reread_settings(&connections, id).await });
    }
    while let Some(done) = processes.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(deployment.refreshes().await, 1);
    assert_eq!(deployment.status().await.0, "active");
}

#[tokio::test]
async fn what_is_taken_back_is_given_up_with_a_reason_until_a_person_connects_again() {
    let deployment = Deployment::new(json!({})).await;
    let id = deployment.connect().await;
    deployment.sim.take_access_back().await.unwrap();
    deployment.is_given_up(id, "it was taken back").await;
    assert_eq!(deployment.connect().await, id);
    assert_eq!(deployment.status().await, ("active".to_owned(), None));
    reread_settings(&deployment.connections, id).await.unwrap();

    // Without leave to go on, it ends with its token.
    let less = json!({ "withheld": ["offline_access"], "access_token_seconds": SHORT });
    deployment.sim.behave(&less).await.unwrap();
    deployment.connect().await;
    let offline = ("offline_access".to_owned(), false);
    assert!(deployment.scopes().await.contains(&offline));
    until_it_ends().await;
    deployment.is_given_up(id, "refuses to renew").await;
}

#[tokio::test]
async fn a_lost_renewal_and_another_secret_end_the_access_with_their_reasons() {
    let deployment = Deployment::new(json!({ "access_token_seconds": SHORT })).await;
    let id = deployment.connect().await;
    until_it_ends().await;
    let lost = json!({ "lost_answers": 1 });
    deployment.sim.behave(&lost).await.unwrap();
    let error = reread_settings(&deployment.connections, id).await;
    assert!(error.unwrap_err().may_pass());
    assert_eq!(deployment.status().await.0, "active", "it is tried again");
    deployment
        .is_given_up(id, "the answer to a renewal was lost")
        .await;

    deployment.connect().await;
    until_it_ends().await;
    let other = json!({ "app_secret": "another one" });
    deployment.sim.behave(&other).await.unwrap();
    deployment.is_given_up(id, "client id and secret").await;
}

#[tokio::test]
async fn what_is_denied_or_too_little_or_asked_with_a_wrong_secret_connects_nothing() {
    let deployment = Deployment::new(json!({})).await;
    let request = deployment.request();
    let denied = "access was denied in Close";
    deployment
        .connects_nothing(denied, &request, Decision::Deny)
        .await;
    let wrong = AppRequest {
        client_secret: "guessed".to_owned().into(),
        ..request.clone()
    };
    deployment
        .connects_nothing("client id and secret", &wrong, Decision::Allow)
        .await;
    let withheld = json!({ "withheld": ["all.full_access"] });
    deployment.sim.behave(&withheld).await.unwrap();
    let scope = "no leave to read (scope all.full_access)";
    deployment
        .connects_nothing(scope, &request, Decision::Allow)
        .await;
    assert_eq!(
        deployment.granted().await["grants"][0]["revoked"],
        true,
        "it is given back"
    );
    let unknown = AppRequest {
        connection: Some(Uuid::from_u128(7)),
        ..request.clone()
    };
    let error = deployment.ask(&unknown, Decision::Allow).await.unwrap_err();
    assert!(error.to_string().contains("no connection has the id"));
    let elsewhere = Url::parse("http://example.com/connect/close/callback").unwrap();
    let refused = begin_app(&deployment.connections, &request, &elsewhere).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("https is allowed"), "{refused}");
}

#[tokio::test]
async fn what_is_disconnected_is_given_back_with_its_webhook_even_where_the_token_had_ended() {
    let deployment = Deployment::new(json!({ "access_token_seconds": SHORT })).await;
    let request = AppRequest {
        public_url: Some("http://127.0.0.1:9/".to_owned()),
        ..deployment.request()
    };
    let connected = deployment.ask(&request, Decision::Allow).await.unwrap();
    let members = "select count(*) from member";
    let members = || sqlx::query_scalar(members).fetch_one(&deployment.database.pool);
    let before: i64 = members().await.unwrap();
    until_it_ends().await;
    let done = disconnect(&deployment.connections, connected.id, false).await;
    let done = done.unwrap();
    assert!(done.access_revoked && done.subscription_removed && done.left.is_empty());
    assert_eq!(deployment.refreshes().await, 1, "to remove the webhook");
    assert_eq!(deployment.granted().await["grants"][0]["revoked"], true);
    let hooks = deployment.sim.control("webhooks").await.unwrap();
    assert_eq!(hooks["data"], json!([]));
    let read = reread_settings(&deployment.connections, connected.id).await;
    assert!(read.is_err(), "reads stop at once");
    let erased: bool = sqlx::query_scalar("select credential is null from connection")
        .fetch_one(&deployment.database.pool)
        .await
        .unwrap();
    assert!(erased);
    assert_eq!(members().await.unwrap(), before, "the data stays");
    let again = deployment.ask(&request, Decision::Allow).await.unwrap();
    assert!(again.renewed && again.id == connected.id);
}

#[tokio::test]
async fn what_a_users_role_hides_is_looked_at_again_with_the_settings() {
    let deployment = Deployment::new(json!({})).await;
    let id = deployment.connect().await;
    let admin = |granted| ("admin".to_owned(), granted);
    assert!(deployment.scopes().await.contains(&admin(true)));
    let member = json!({ "consent_by_member": true });
    deployment.sim.behave(&member).await.unwrap();
    reread_settings(&deployment.connections, id).await.unwrap();
    let scopes = deployment.scopes().await;
    assert!(scopes.contains(&admin(false)), "{scopes:?}");
    assert_eq!(scopes[0], ("all.full_access".to_owned(), true));
    assert_eq!(scopes[1], ("offline_access".to_owned(), true));
}
