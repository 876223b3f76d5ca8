//! The first full load: complete, cheap, resumable, whichever way Close serves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use close_sim::{Faults, InvoiceLayout, RateLimit, SimulatorConfig};
use closegraph_sync::SyncError;
use closegraph_sync::reconcile::{BackfillOptions, Progress, RunReport, Strategy, backfill};
use closegraph_tests::{Close, Database, TYPES};
use reqwest::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const LEADS: u32 = 3_000;

fn quiet() -> SimulatorConfig {
    SimulatorConfig {
        leads: LEADS,
        // What is counted here are the requests for leads and what they embed.
        invoices: InvoiceLayout::None,
        traffic_per_second: 0.0,
        ..SimulatorConfig::default()
    }
}

fn with(faults: Faults) -> SimulatorConfig {
    SimulatorConfig { faults, ..quiet() }
}

const FROM_START: BackfillOptions = BackfillOptions {
    strategy: Strategy::Auto,
    restart: true,
};
const RESUMED: BackfillOptions = BackfillOptions {
    strategy: Strategy::Auto,
    restart: false,
};

async fn run(
    database: &Database,
    close: &Close,
    options: &BackfillOptions,
) -> Result<RunReport, SyncError> {
    let (progress, _) = watch::channel(Progress::default());
    let stop = CancellationToken::new();
    let (connections, id) = (&close.connections, close.connection);
    backfill(&database.pool, connections, id, options, &progress, &stop).await
}

async fn rows(database: &Database) -> i64 {
    let mut sum = 0;
    for (_, table) in TYPES {
        let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        let count: i64 = sqlx::query_scalar(count)
            .fetch_one(&database.pool)
            .await
            .unwrap();
        sum += count;
    }
    sum
}

/// Asserts what a requirement allows for a thousand leads.
fn assert_cheap(report: &RunReport, for_a_thousand: i64) {
    let allowed = i64::from(LEADS) * for_a_thousand / 1_000;
    let spent = report.requests;
    assert!(spent <= allowed, "{spent} requests, {allowed} are allowed");
}

#[tokio::test]
async fn the_list_of_leads_brings_their_children_along() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, quiet()).await.unwrap();
    let report = run(&database, &close, &FROM_START).await.unwrap();
    close.ensure_mirrored(&database).await.unwrap();
    assert_eq!(report.created, rows(&database).await);
    assert_cheap(&report, 6);

    let again = run(&database, &close, &FROM_START).await.unwrap();
    assert_eq!((again.created, again.updated, again.deleted), (0, 0, 0));
    assert_eq!(again.unchanged, report.created);
    let trails: (i64, i64) = sqlx::query_as(
        "select (select count(*) from audit_entry), (select count(*) from change_feed)",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    let won: i64 = sqlx::query_scalar("select count(*) from transaction")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    let members: i64 = sqlx::query_scalar("select count(*) from member")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    let written = report.created + won + members;
    assert_eq!(
        trails,
        (written, written),
        "a write makes one entry of each trail"
    );
}

#[tokio::test]
async fn where_the_list_is_refused_searches_serve() {
    let database = Database::start(&[]).await.unwrap();
    let faults = Faults {
        refuse_lead_query: true,
        ..Faults::default()
    };
    let close = Close::connect(&database, with(faults)).await.unwrap();
    let report = run(&database, &close, &FROM_START).await.unwrap();
    close.ensure_mirrored(&database).await.unwrap();
    assert_cheap(&report, 21);
}

#[tokio::test]
async fn children_that_are_not_embedded_are_searched_for() {
    let database = Database::start(&[]).await.unwrap();
    let faults = Faults {
        omit_embedded: true,
        ..Faults::default()
    };
    let close = Close::connect(&database, with(faults)).await.unwrap();
    let report = run(&database, &close, &FROM_START).await.unwrap();
    close.ensure_mirrored(&database).await.unwrap();
    assert_cheap(&report, 21);
}

#[tokio::test]
async fn a_bulk_import_of_one_instant_is_read_completely_both_ways() {
    for refuse_lead_query in [false, true] {
        let faults = Faults {
            refuse_lead_query,
            ..Faults::default()
        };
        let config = SimulatorConfig {
            leads: 8_000,
            invoices: InvoiceLayout::None,
            same_instant_leads: 1_000,
            contacts_per_lead: Some(1),
            opportunities_per_lead: Some(0),
            ..with(faults)
        };
        let database = Database::start(&[]).await.unwrap();
        let close = Close::connect(&database, config).await.unwrap();
        run(&database, &close, &FROM_START).await.unwrap();
        close.ensure_mirrored(&database).await.unwrap();
    }
}

#[tokio::test]
async fn what_goes_wrong_on_the_way_is_tried_again() {
    let database = Database::start(&[]).await.unwrap();
    let faults = Faults {
        too_many_requests: 0.05,
        burst_length: 2,
        server_errors: 0.1,
        resets: 0.05,
        truncations: 0.1,
        expired_cursors: 0.1,
        refuse_lead_query: true,
        ..Faults::default()
    };
    let close = Close::connect(&database, with(faults)).await.unwrap();
    run(&database, &close, &FROM_START).await.unwrap();
    close.ensure_mirrored(&database).await.unwrap();
}

#[tokio::test]
async fn what_postgres_has_no_room_for_now_is_no_fault_of_the_object() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, quiet()).await.unwrap();
    for statement in [
        "create function no_room() returns trigger language plpgsql as
            $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$",
        "create trigger no_room before insert on person for each row execute function no_room()",
    ] {
        sqlx::query(statement)
            .execute(&database.pool)
            .await
            .unwrap();
    }
    let failed = run(&database, &close, &FROM_START).await;
    assert!(failed.is_err(), "nothing can be stored: {failed:?}");
    let dead = sqlx::query_scalar("select count(*) from event where state = 'dead'");
    let dead: i64 = dead.fetch_one(&database.pool).await.unwrap();
    assert_eq!(dead, 0, "objects went to the dead letters");

    let room = sqlx::query("drop trigger no_room on person");
    room.execute(&database.pool).await.unwrap();
    run(&database, &close, &RESUMED).await.unwrap();
    close.ensure_mirrored(&database).await.unwrap();
}

#[tokio::test]
async fn a_run_that_is_stopped_resumes_at_its_checkpoint() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, quiet()).await.unwrap();
    let (mut created, mut requests, mut stops) = (0, 0, 0);
    loop {
        let (progress, mut seen) = watch::channel(Progress::default());
        let stop = CancellationToken::new();
        let (connections, id) = (&close.connections, close.connection);
        let reading = backfill(&database.pool, connections, id, &RESUMED, &progress, &stop);
        // After its fourth page.
        let stopping = async {
            for _ in 0..4 {
                seen.changed().await.unwrap();
            }
            stop.cancel();
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            ended = reading => ended,
            () = stopping => unreachable!("it never ends"),
        };
        match ended {
            Ok(report) => {
                created += report.created;
                requests += report.requests;
                break;
            }
            Err(SyncError::Interrupted) => stops += 1,
            Err(error) => panic!("{error}"),
        }
        let last: (i64, i64) = sqlx::query_as(
            "select created, requests from sync_run where status = 'interrupted' order by started_at desc limit 1",
        )
        .fetch_one(&database.pool)
        .await
        .unwrap();
        created += last.0;
        requests += last.1;
    }
    assert!(stops >= 2, "stopped {stops} times only");
    close.ensure_mirrored(&database).await.unwrap();
    assert_eq!(created, rows(&database).await, "nothing was created twice");
    assert!(
        requests <= i64::from(LEADS) * 10 / 1_000,
        "{requests} requests with {stops} stops"
    );
    let running: i64 =
        sqlx::query_scalar("select count(*) from sync_run where status in ('running', 'failed')")
            .fetch_one(&database.pool)
            .await
            .unwrap();
    assert_eq!(running, 0);
}

#[tokio::test]
async fn a_lead_that_changes_before_it_is_read_is_read_where_it_went_with_its_children() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, quiet()).await.unwrap();
    let leads = close.objects("lead").await.unwrap();
    let changed_at = |id: &String| leads[id]["date_updated"].to_string();
    let oldest = leads.keys().min_by_key(|id| changed_at(id)).unwrap();
    let (progress, mut seen) = watch::channel(Progress::default());
    let stop = CancellationToken::new();
    let (connections, id) = (&close.connections, close.connection);
    let reading = backfill(
        &database.pool,
        connections,
        id,
        &FROM_START,
        &progress,
        &stop,
    );
    let writing = async {
        seen.changed().await.unwrap();
        let path = format!("lead/{oldest}/");
        let name = json!({ "name": "Renamed meanwhile" });
        close.write(Method::PUT, &path, &name).await
    };
    let (read, written) = tokio::join!(reading, writing);
    let (report, ()) = (read.unwrap(), written.unwrap());
    // The log is not read here.
    close.ensure_mirrored(&database).await.unwrap();
    assert_eq!(report.requests, i64::from(LEADS) / 200 + 1);
}

#[tokio::test]
async fn a_list_longer_than_a_window_is_read_once() {
    const LEADS: u32 = 20_600;
    let config = SimulatorConfig {
        leads: LEADS,
        invoices: InvoiceLayout::None,
        contacts_per_lead: Some(0),
        opportunities_per_lead: Some(0),
        rate_limit: RateLimit {
            requests: 1_000_000,
            ..RateLimit::default()
        },
        ..quiet()
    };
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, config).await.unwrap();
    let report = run(&database, &close, &FROM_START).await.unwrap();
    close.ensure_mirrored(&database).await.unwrap();
    // The newest leads twice, and a row or so at each seam.
    assert!(report.requests <= 106, "{}", report.requests);
}

#[tokio::test]
async fn two_runs_of_one_connection_do_not_overlap() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, quiet()).await.unwrap();
    let (one, other) = tokio::join!(
        run(&database, &close, &FROM_START),
        run(&database, &close, &FROM_START)
    );
    let refused = [&one, &other]
        .into_iter()
        .filter(|ended| matches!(ended, Err(SyncError::AlreadyRunning { .. })));
    assert_eq!(refused.count(), 1, "{one:?} {other:?}");
    close.ensure_mirrored(&database).await.unwrap();
}
