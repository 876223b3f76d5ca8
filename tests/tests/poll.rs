//! An organization that is read by the tools of Close's MCP server alone.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use chrono::{DateTime, Utc};
use closegraph_sync::connect::{Callback, Connections, begin, finish, reread_settings};
use closegraph_sync::privacy::{find_people, forget_person};
use closegraph_sync::reconcile::{BackfillOptions, Progress, RunReport, Strategy, backfill, sweep};
use closegraph_sync::{Schedule, SyncOptions, SyncService};
use closegraph_tests::person::{Decision, decide};
use closegraph_tests::{CloseSim, Database, vault};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

struct Polled {
    database: Database,
    sim: CloseSim,
    connections: Connections,
    id: Uuid,
}

impl Polled {
    async fn connect() -> Self {
        let database = Database::start(&[]).await.unwrap();
        let sim = CloseSim::start(&["--leads", "120", "--traffic", "0"]).unwrap();
        let connections = Connections::new(database.pool.clone(), vault().unwrap());
        let server = Url::parse(sim.mcp_url()).unwrap();
        let callback = Url::parse("http://127.0.0.1:9/callback").unwrap();
        let attempt = begin(&connections, &server, &callback).await.unwrap();
        let back = decide(attempt.url.as_str(), Decision::Allow).await.unwrap();
        let callback = Callback::of_query(back.query().unwrap());
        let id = finish(&connections, callback).await.unwrap().id;
        Self {
            database,
            sim,
            connections,
            id,
        }
    }

    async fn poll(&self) -> RunReport {
        let stop = CancellationToken::new();
        let polled = sweep(&self.database.pool, &self.connections, self.id, &stop);
        polled.await.unwrap()
    }

    /// A write to Close itself, as a person in it would make.
    async fn write(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let request = reqwest::Client::new()
            .request(method, format!("{}{path}", self.sim.base_url()))
            .basic_auth(self.sim.api_key(), Some(""))
            .json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.json().await.unwrap()
    }

    /// Compares ids and versions of both sides.
    async fn is_the_same(&self) {
        for (object_type, statement) in [
            ("lead", "select close_id, source_updated_at from company"),
            ("contact", "select close_id, source_updated_at from person"),
            (
                "opportunity",
                "select close_id, source_updated_at from opportunity",
            ),
        ] {
            let objects = self.sim.objects(object_type).await.unwrap();
            let theirs: BTreeMap<String, DateTime<Utc>> = objects
                .iter()
                .map(|object| {
                    let word = |name: &str| object[name].as_str().unwrap().to_owned();
                    (word("id"), word("date_updated").parse().unwrap())
                })
                .collect();
            let ours: Vec<(String, DateTime<Utc>)> = sqlx::query_as(statement)
                .fetch_all(&self.database.pool)
                .await
                .unwrap();
            assert!(!theirs.is_empty());
            assert_eq!(
                ours.into_iter().collect::<BTreeMap<_, _>>(),
                theirs,
                "{object_type}"
            );
        }
    }
}

#[tokio::test]
async fn a_poll_reads_everything_once_and_then_what_changed() {
    let polled = Polled::connect().await;
    let first = polled.poll().await;
    polled.is_the_same().await;
    assert!(first.created > 120);
    let again = polled.poll().await;
    assert_eq!((again.created, again.updated), (0, 0));
    // A page of leads at least, one of opportunities, and no object.
    assert!(again.requests < 6, "{again:?}");

    let lead = &polled.sim.objects("lead").await.unwrap()[3];
    let path = format!("lead/{}/", lead["id"].as_str().unwrap());
    let renamed = json!({ "name": "Renamed" });
    polled.write(reqwest::Method::PUT, &path, renamed).await;
    let deal = &polled.sim.objects("opportunity").await.unwrap()[5];
    let path = format!("opportunity/{}/", deal["id"].as_str().unwrap());
    let note = json!({ "note": "Called again" });
    polled.write(reqwest::Method::PUT, &path, note).await;
    let made = json!({ "name": "Made anew", "contacts": [{ "name": "Ann Lee" }] });
    polled.write(reqwest::Method::POST, "lead/", made).await;
    let changed = polled.poll().await;
    polled.is_the_same().await;
    assert_eq!((changed.created, changed.updated), (2, 2), "{changed:?}");
    assert!(changed.requests < 10, "{changed:?}");
    let writes = polled.sim.control("requests").await.unwrap()["writes"].clone();
    assert_eq!(
        writes.as_array().unwrap().len(),
        3,
        "only those of this test: {writes}"
    );
}

#[tokio::test]
async fn a_poll_does_not_bring_back_who_is_forgotten() {
    let polled = Polled::connect().await;
    let made = json!({ "name": "", "contacts": [{ "name": "Zephyrine Quandt" }] });
    let lead = polled.write(reqwest::Method::POST, "lead/", made).await;
    let contact = lead["contacts"][0]["id"].as_str().unwrap();
    let deal = json!({ "lead_id": lead["id"], "contact_id": contact });
    polled
        .write(reqwest::Method::POST, "opportunity/", deal)
        .await;
    polled.poll().await;
    let pool = &polled.database.pool;
    let named = "select count(*) from (
                     select to_jsonb(p)::text as row from person p union all select to_jsonb(c)::text from company c
                     union all select to_jsonb(o)::text from opportunity o union all select to_jsonb(e)::text from event e
                     union all select to_jsonb(a)::text from audit_entry a) t
                  where row like '%Zephyrine%'";
    let named = async || -> i64 { sqlx::query_scalar(named).fetch_one(pool).await.unwrap() };
    assert_eq!(named().await, 3, "the person, its company and its deal");

    let people = find_people(pool, contact, None).await.unwrap();
    forget_person(pool, &people[0], "test").await.unwrap();
    assert_eq!(named().await, 0);
    let title = json!({ "title": "Zephyrine the Great" });
    let path = format!("contact/{contact}/");
    polled.write(reqwest::Method::PUT, &path, title).await;
    let path = format!("lead/{}/", lead["id"].as_str().unwrap());
    let about = json!({ "description": "changed" });
    polled.write(reqwest::Method::PUT, &path, about).await;
    assert_eq!(polled.poll().await.updated, 1, "the company");
    sqlx::query("delete from sync_checkpoint")
        .execute(pool)
        .await
        .unwrap();
    assert_eq!(polled.poll().await.created, 0);
    assert_eq!(named().await, 0);
}

#[tokio::test]
async fn invoices_are_read_with_their_leads_once_their_type_is_known() {
    let polled = Polled::connect().await;
    let pool = &polled.database.pool;
    let invoices = polled.sim.objects("custom_object").await.unwrap();
    assert!(invoices.len() > 10);
    let held = async || -> (i64, i64) {
        let held = "select (select count(*) from custom_record), (select count(*) from receivable)";
        sqlx::query_as(held).fetch_one(pool).await.unwrap()
    };
    // Nothing is known of types yet.
    polled.poll().await;
    assert_eq!(held().await, (0, 0));
    reread_settings(&polled.connections, polled.id)
        .await
        .unwrap();
    polled.poll().await;
    let (objects, receivables) = held().await;
    assert_eq!(usize::try_from(objects).unwrap(), invoices.len());
    assert!(receivables > 5, "{receivables}");
    let again = polled.poll().await;
    assert_eq!((again.created, again.updated), (0, 0));
    assert!(again.requests < 6, "{again:?}");

    let (id, lead) = (&invoices[0]["id"], &invoices[0]["lead_id"]);
    let path = |kind: &str, id: &Value| format!("{kind}/{}/", id.as_str().unwrap());
    let renamed = json!({ "name": "Anew" });
    polled
        .write(reqwest::Method::PUT, &path("custom_object", id), renamed)
        .await;
    let about = json!({ "description": "changed" });
    polled
        .write(reqwest::Method::PUT, &path("lead", lead), about)
        .await;
    polled.poll().await;
    let named = "select raw->>'name' from custom_record where close_id = $1";
    let named = sqlx::query_scalar(named).bind(id.as_str());
    let named: String = named.fetch_one(pool).await.unwrap();
    assert_eq!(named, "Anew");
}

/// What is known of types decides what invoices are.
#[tokio::test]
async fn types_that_can_not_be_read_are_those_that_were_and_so_are_the_invoices() {
    let polled = Polled::connect().await;
    let pool = &polled.database.pool;
    let reread = async || reread_settings(&polled.connections, polled.id).await;
    reread().await.unwrap();
    // One that an API key saw before, which the tools do not list.
    sqlx::query(
        "insert into custom_type (connection_id, close_id, kind, name, archived, fields)
         values ($1, 'actitype_before', 'custom_activity', 'Receipt', false, '[]')",
    )
    .bind(polled.id)
    .execute(pool)
    .await
    .unwrap();
    let known = async || -> (Vec<String>, Option<Value>) {
        let known = "select (select coalesce(array_agg(close_id order by close_id), '{}') from custom_type),
                            (select mapping from invoice_mapping)";
        sqlx::query_as(known).fetch_one(pool).await.unwrap()
    };
    let before = known().await;
    assert!(before.0.len() > 1 && before.1.is_some(), "{before:?}");
    for wrong in ["failing_tools", "stuck_tools"] {
        let wrong = json!({ wrong: ["find_custom_object_types"] });
        polled.sim.behave(&wrong).await.unwrap();
        reread().await.unwrap();
        assert_eq!(known().await, before);
    }
    polled.sim.behave(&json!({})).await.unwrap();
    reread().await.unwrap();
    assert_eq!(known().await, before);
}

#[tokio::test]
async fn a_list_whose_cursor_does_not_move_ends_the_poll_and_not_never() {
    let polled = Polled::connect().await;
    reread_settings(&polled.connections, polled.id)
        .await
        .unwrap();
    let poll = async || {
        let stop = CancellationToken::new();
        let poll = sweep(&polled.database.pool, &polled.connections, polled.id, &stop);
        let poll = tokio::time::timeout(Duration::from_secs(60), poll);
        poll.await.unwrap()
    };
    for tool in ["lead_search", "find_opportunities"] {
        let stuck = json!({ "stuck_tools": [tool] });
        polled.sim.behave(&stuck).await.unwrap();
        let error = poll().await.unwrap_err().to_string();
        assert!(
            error.contains(tool) && error.contains("cursor does not move"),
            "{error}"
        );
    }
    // Of one lead it must not keep the others waiting.
    let stuck = json!({ "stuck_tools": ["find_custom_object_instances"] });
    polled.sim.behave(&stuck).await.unwrap();
    poll().await.unwrap();
}

#[tokio::test]
async fn a_poll_that_was_stopped_goes_on_with_what_is_left() {
    let polled = Polled::connect().await;
    let stop = CancellationToken::new();
    let stopping = async {
        loop {
            let count: i64 = sqlx::query_scalar("select count(*) from company")
                .fetch_one(&polled.database.pool)
                .await
                .unwrap();
            if count > 0 {
                return stop.cancel();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let poll = sweep(&polled.database.pool, &polled.connections, polled.id, &stop);
    let (stopped, ()) = tokio::join!(poll, stopping);
    assert!(stopped.is_err());
    let known: i64 = sqlx::query_scalar("select count(*) from company")
        .fetch_one(&polled.database.pool)
        .await
        .unwrap();
    let before = polled.sim.control("requests").await.unwrap();
    let fetched = |log: &Value| log["counts"]["GET /lead/{id}/"].as_i64().unwrap_or(0);
    polled.poll().await;
    polled.is_the_same().await;
    let after = polled.sim.control("requests").await.unwrap();
    assert_eq!(fetched(&after) - fetched(&before), 120 - known);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_polls_and_asks_nothing_that_needs_a_key() {
    let polled = Polled::connect().await;
    let options = SyncOptions {
        poll: Duration::from_millis(50),
        schedule: Schedule {
            catch_up: Duration::from_secs(1),
            ..Schedule::default()
        },
        ..SyncOptions::default()
    };
    let service = SyncService::new(polled.database.pool.clone(), vault().unwrap(), options);
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    tokio::spawn(async move { service.run(stop).await });
    let made = json!({ "name": "Made anew" });
    polled.write(reqwest::Method::POST, "lead/", made).await;
    let wanted =
        "select (select count(*) from company) = 121 and (select count(*) from member) > 1
                     and exists (select from sync_run where kind = 'sweep' and status = 'succeeded')";
    for _ in 0..600 {
        let done: bool = sqlx::query_scalar(wanted)
            .fetch_one(&polled.database.pool)
            .await
            .unwrap();
        if done {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    polled.is_the_same().await;
    let kinds: Vec<String> = sqlx::query_scalar(
        "select distinct kind || ' ' || status from sync_run where status <> 'running'",
    )
    .fetch_all(&polled.database.pool)
    .await
    .unwrap();
    assert!(kinds.contains(&"sweep succeeded".to_owned()), "{kinds:?}");
    assert!(
        kinds.iter().all(|kind| !kind.contains("failed")),
        "{kinds:?}"
    );
    let (progress, _) = watch::channel(Progress::default());
    let stop = CancellationToken::new();
    let options = BackfillOptions {
        strategy: Strategy::Auto,
        restart: false,
    };
    let refused = backfill(
        &polled.database.pool,
        &polled.connections,
        polled.id,
        &options,
        &progress,
        &stop,
    );
    let refused = refused.await.unwrap_err().to_string();
    assert!(refused.contains("is by MCP"), "{refused}");
}
