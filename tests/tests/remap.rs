//! Whatever stands in the mirrored columns, the kept objects say what should, and Close need not be asked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use close_sim::{InvoiceLayout, SimulatorConfig};
use closegraph_sync::connect::reread_settings;
use closegraph_sync::reconcile::{Drift, Progress, RemapReport, remap};
use closegraph_sync::{Schedule, SyncOptions};
use closegraph_tests::Mirror;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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

async fn map_again(mirror: &Mirror) -> RemapReport {
    let (pool, stop) = (&mirror.database.pool, CancellationToken::new());
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let (progress, _) = watch::channel(Progress::default());
    remap(pool, connections, id, &progress, &stop)
        .await
        .unwrap()
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
