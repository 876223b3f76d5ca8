//! Whatever stands in the mirrored columns, the kept objects say what should, and Close need not be asked.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use chrono::{DateTime, TimeDelta, Utc};
use close_sim::{InvoiceLayout, SimulatorConfig};
use closegraph_entity::record::Origin;
use closegraph_sync::apply::{Outcome, apply};
use closegraph_sync::change::Change;
use closegraph_sync::close::{Object, ObjectType};
use closegraph_sync::connect::reread_settings;
use closegraph_sync::mapping::MappingContext;
use closegraph_sync::reconcile::{Drift, Progress, RemapReport, remap};
use closegraph_sync::{Schedule, SyncError, SyncOptions};
use closegraph_tests::Mirror;
use serde_json::json;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Whether the service has done all that it does by itself behind a first load: a sweep is the last of it.
const RESTS: &str = "
    select exists (select from sync_run where kind = 'sweep' and status = 'succeeded')
       and not exists (select from sync_run where status = 'running')";

async fn quiet() -> Mirror {
    let config = SimulatorConfig {
        leads: 400,
        // What is made of invoices is matched meanwhile, and told of.
        invoices: InvoiceLayout::None,
        traffic_per_second: 0.0,
        ..SimulatorConfig::default()
    };
    let options = SyncOptions {
        poll: Duration::from_millis(100),
        schedule: never(),
        ..SyncOptions::default()
    };
    let mirror = Mirror::start(config, options).await.unwrap();
    mirror.settle().await.unwrap();
    mirror.wait(RESTS).await.unwrap();
    mirror
}

/// Everything by hand but the mapping.
fn never() -> Schedule {
    let never = Duration::from_secs(1_000_000);
    Schedule {
        catch_up: never,
        sweep: never,
        verify: never,
        settings: never,
        subscription: never,
    }
}

/// Maps again, after the service if that is at it: settings that were read beside the first load make it due.
async fn map_again(mirror: &Mirror) -> RemapReport {
    let (pool, stop) = (&mirror.database.pool, CancellationToken::new());
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let (progress, _) = watch::channel(Progress::default());
    loop {
        match remap(pool, connections, id, &progress, &stop).await {
            Err(SyncError::AlreadyRunning { .. }) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            report => return report.unwrap(),
        }
    }
}

async fn change(mirror: &Mirror, statement: &'static str) -> u64 {
    let done = sqlx::query(statement).execute(&mirror.database.pool).await;
    done.unwrap().rows_affected()
}

/// All columns of all rows, but the instants of our own clock.
async fn everything(mirror: &Mirror) -> Vec<String> {
    sqlx::query_scalar(
        "select to_jsonb(t)::text from (
            select id, to_jsonb(c) - 'synced_at' as row from company c
            union all select id, to_jsonb(c) - 'synced_at' from person c
            union all select id, to_jsonb(c) - 'synced_at' from opportunity c
            union all select id, to_jsonb(c) - 'synced_at' from transaction c
            union all select id, to_jsonb(c) - 'synced_at' from member c) t order by id",
    )
    .fetch_all(&mirror.database.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn columns_that_differ_from_the_kept_objects_are_put_right_and_told_of() {
    let mirror = quiet().await;
    let before = everything(&mirror).await;
    let feed = "select count(*) from change_feed";
    let told = mirror.count(feed).await.unwrap();
    assert_eq!(map_again(&mirror).await.updated, 0);
    assert_eq!(mirror.count(feed).await.unwrap(), told);

    let companies = change(
        &mirror,
        "update company set name = 'Wrong', custom = '{}' where id < '40000000-0000-0000-0000-000000000000'",
    )
    .await;
    let deals = change(
        &mirror,
        "update opportunity set value_minor = 1, status = 'lost' where status = 'won'",
    )
    .await;
    let unbooked = change(
        &mirror,
        "delete from transaction where id < '40000000-0000-0000-0000-000000000000'",
    )
    .await;
    let wrong = change(&mirror, "update transaction set amount_minor = -1").await;
    let strays = change(
        &mirror,
        "insert into transaction (id, connection_id, close_id, kind, opportunity_id, currency,
                                  billing_period, source_updated_at)
         select gen_random_uuid(), id, 'oppo_stray', 'won_deal', gen_random_uuid(), 'USD', 'one_time', now()
           from connection
         union all
         select gen_random_uuid(), connection_id, close_id, 'won_deal', id, 'USD', 'one_time', now()
           from opportunity where status = 'active' and id < '10000000-0000-0000-0000-000000000000'",
    )
    .await;
    assert!(companies > 10 && deals > 10 && unbooked > 5 && wrong > 5 && strays > 1);

    let requests = mirror.close.control("requests").await.unwrap();
    let report = map_again(&mirror).await;
    assert_eq!(mirror.close.control("requests").await.unwrap(), requests);
    assert_eq!(report.updated.unsigned_abs(), companies + deals + wrong);
    assert_eq!(report.created.unsigned_abs(), unbooked);
    assert_eq!(report.deleted.unsigned_abs(), strays);
    assert_eq!(everything(&mirror).await, before);

    let entries = companies + deals + wrong + unbooked + strays;
    let told_now = mirror.count(feed).await.unwrap();
    assert_eq!((told_now - told).unsigned_abs(), entries);
    let from_and_to =
        "select count(*) from audit_entry where origin = 'remap' and record_type = 'company'
        and changes -> 'name' ->> 'from' = 'Wrong' and changes -> 'name' ->> 'to' <> 'Wrong'";
    assert_eq!(
        mirror.count(from_and_to).await.unwrap().unsigned_abs(),
        companies
    );
    let again = map_again(&mirror).await;
    assert_eq!((again.updated, again.created, again.deleted), (0, 0, 0));
}

#[tokio::test]
async fn a_repair_books_won_deals_anew() {
    let mirror = quiet().await;
    change(&mirror, "update transaction set amount_minor = 1").await;
    let found = mirror.verify(false).await.unwrap();
    let stale: u64 = found.iter().map(|drift| drift.stale).sum();
    assert!(stale > 10, "{found:?}");
    let found = mirror.verify(true).await.unwrap();
    assert_eq!(found.iter().map(Drift::left).sum::<u64>(), 0, "{found:?}");
    assert_eq!(found.iter().map(Drift::found).sum::<u64>(), stale);
    mirror.ensure_true().await.unwrap();
}

#[tokio::test]
async fn a_status_or_pipeline_that_is_renamed_in_close_is_renamed_by_itself() {
    let mirror = quiet().await;
    let before = everything(&mirror).await;
    // As they were called when the settings were last read.
    change(&mirror, "update label set name = 'Old ' || name").await;
    mirror
        .wait("select not exists (select from opportunity where status_label not like 'Old %' or pipeline_name not like 'Old %')
                  and not exists (select from company where status_label not like 'Old %')")
        .await
        .unwrap();
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    reread_settings(connections, id).await.unwrap();
    mirror
        .wait("select not exists (select from opportunity where status_label like 'Old %' or pipeline_name like 'Old %')
                  and not exists (select from company where status_label like 'Old %')")
        .await
        .unwrap();
    assert_eq!(everything(&mirror).await, before);
    // The second run ends after its last row.
    mirror
        .wait("select count(*) = 2 from sync_run where kind = 'remap' and status = 'succeeded'")
        .await
        .unwrap();
}

async fn settings(mirror: &Mirror) -> MappingContext {
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    connections.mapping(id).await.unwrap()
}

/// Writes what Close tells of all objects of a type, a little later than it last did.
async fn write(mirror: &Mirror, object_type: ObjectType, settings: &MappingContext) {
    let objects = mirror.close.objects(object_type.as_str()).await.unwrap();
    let changes = objects.into_values().map(|mut object| {
        let at: DateTime<Utc> = serde_json::from_value(object["date_updated"].clone()).unwrap();
        object["date_updated"] = json!(at + TimeDelta::seconds(1));
        for words in ["note", "description"] {
            object[words] = json!("told again");
        }
        let object = Object::parse(&object.to_string()).unwrap();
        Change::read(object_type, object, Origin::Sweep).unwrap()
    });
    let changes = changes.collect();
    let mut transaction = mirror.database.pool.begin().await.unwrap();
    let applied = apply(&mut transaction, settings, None, changes).await;
    transaction.commit().await.unwrap();
    let outcomes = applied.unwrap();
    assert!(outcomes.iter().all(|one| *one == Outcome::Updated));
}

#[tokio::test]
async fn who_has_settings_of_before_writes_by_those_that_rows_were_mapped_by_since() {
    let mirror = quiet().await;
    let before = settings(&mirror).await;
    change(&mirror, "update label set name = 'New ' || name").await;
    let renamed = "select not exists (select from opportunity where status_label not like 'New %')";
    mirror.wait(renamed).await.unwrap();
    mirror
        .wait("select exists (select from sync_run where kind = 'remap' and status = 'succeeded')")
        .await
        .unwrap();
    write(&mirror, ObjectType::Opportunity, &before).await;
    let old = "select count(*) from opportunity where status_label not like 'New %'";
    assert_eq!(mirror.count(old).await.unwrap(), 0);
    // They are what was noted: there is nothing to map again.
    let runs = "select count(*) from sync_run where kind = 'remap'";
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(mirror.count(runs).await.unwrap(), 1);
}

#[tokio::test]
async fn rows_by_settings_that_were_there_for_a_moment_only_are_mapped_again() {
    let mirror = quiet().await;
    // Nothing is mapped again meanwhile.
    change(&mirror, "update connection set status = 'needs_reconnect'").await;
    change(&mirror, "update label set name = 'New ' || name").await;
    write(&mirror, ObjectType::Opportunity, &settings(&mirror).await).await;
    let new = "select count(*) from opportunity where status_label like 'New %'";
    assert!(mirror.count(new).await.unwrap() > 100);
    change(&mirror, "update label set name = substr(name, 5)").await;
    change(&mirror, "update connection set status = 'active'").await;
    mirror
        .wait("select not exists (select from opportunity where status_label like 'New %')")
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_written_before_the_first_full_load_is_mapped_by_what_is_known_after_it() {
    let mirror = quiet().await;
    let before = everything(&mirror).await;
    change(&mirror, "update connection set status = 'needs_reconnect'").await;
    // As an organization that was read by other means, and is loaded for the first time now.
    change(&mirror, "update label set name = 'Old ' || name").await;
    assert!(map_again(&mirror).await.updated > 100);
    change(&mirror, "update label set name = substr(name, 5)").await;
    change(
        &mirror,
        "delete from sync_checkpoint where stream = 'backfill'",
    )
    .await;
    change(&mirror, "update connection set status = 'active'").await;
    mirror
        .wait("select count(*) = 2 from sync_run where kind = 'backfill' and status = 'succeeded'")
        .await
        .unwrap();
    mirror
        .wait(
            "select not exists (select from opportunity where status_label like 'Old %')
                  and not exists (select from company where status_label like 'Old %')",
        )
        .await
        .unwrap();
    assert_eq!(everything(&mirror).await, before);
}

#[tokio::test]
async fn what_is_written_while_a_run_is_stopped_is_mapped_again_though_the_run_was_beyond_it() {
    let mirror = quiet().await;
    change(&mirror, "update connection set status = 'needs_reconnect'").await;
    let before_people = "select (select count(*) from member) + (select count(*) from company)";
    let before_people = mirror.count(before_people).await.unwrap().unsigned_abs();
    change(&mirror, "update label set name = 'New ' || name").await;
    let (pool, stop) = (&mirror.database.pool, CancellationToken::new());
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let (progress, mut seen) = watch::channel(Progress::default());
    let run = remap(pool, connections, id, &progress, &stop);
    let stopping = async {
        seen.wait_for(|progress| progress.done >= before_people)
            .await
            .unwrap();
        stop.cancel();
    };
    let (stopped, ()) = tokio::join!(run, stopping);
    assert!(stopped.is_err(), "{stopped:?}");

    // There for a moment, and gone before the run goes on.
    change(&mirror, "update label set name = substr(name, 5)").await;
    write(&mirror, ObjectType::Lead, &settings(&mirror).await).await;
    change(&mirror, "update label set name = 'New ' || name").await;
    let old = "select count(*) from company where status_label not like 'New %'";
    assert!(mirror.count(old).await.unwrap() > 100);
    map_again(&mirror).await;
    assert_eq!(mirror.count(old).await.unwrap(), 0);
}
