//! Invoices of differently laid out types, found and mapped without a hand on them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use close_sim::{InvoiceLayout, SimulatorConfig};
use closegraph_sync::SyncOptions;
use closegraph_sync::connect::mapped;
use closegraph_sync::matching::match_invoices;
use closegraph_sync::reconcile::{BackfillOptions, Progress, Strategy, backfill, remap};
use closegraph_tests::{Close, Database, Mirror};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

fn organization(layout: InvoiceLayout, leads: u32) -> SimulatorConfig {
    SimulatorConfig {
        leads,
        invoices: layout,
        traffic_per_second: 0.0,
        ..SimulatorConfig::default()
    }
}

async fn loaded(layout: InvoiceLayout) -> (Database, Close) {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, organization(layout, 800))
        .await
        .unwrap();
    let (progress, _) = watch::channel(Progress::default());
    let options = BackfillOptions {
        strategy: Strategy::Auto,
        restart: false,
    };
    let stop = CancellationToken::new();
    backfill(
        &database.pool,
        &close.connections,
        close.connection,
        &options,
        &progress,
        &stop,
    )
    .await
    .unwrap();
    // How amounts are written may have been learned from the records.
    remap(
        &database.pool,
        &close.connections,
        close.connection,
        &progress,
        &stop,
    )
    .await
    .unwrap();
    (database, close)
}

#[tokio::test]
async fn three_layouts_are_mapped_with_no_hand_on_them() {
    for layout in [
        InvoiceLayout::English,
        InvoiceLayout::German,
        InvoiceLayout::Spanish,
    ] {
        let (database, close) = loaded(layout).await;
        let count = close.ensure_invoices(&database).await.unwrap();
        assert!(count > 100, "{count} invoices");
    }
}

#[tokio::test]
async fn misleading_names_wait_for_a_person() {
    let (database, close) = loaded(InvoiceLayout::Misleading).await;
    let mapped = mapped(&database.pool, close.connection)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        mapped.state,
        closegraph_entity::invoice_mapping::State::Waiting
    );
    assert_eq!(mapped.mapping, None);
    assert!(mapped.proposals.iter().all(|proposal| proposal.score < 75));
    assert_eq!(close.ensure_invoices(&database).await.unwrap(), 0);
}

#[tokio::test]
async fn invoices_follow_what_happens_to_them() {
    for layout in [
        InvoiceLayout::English,
        InvoiceLayout::German,
        InvoiceLayout::Spanish,
    ] {
        let mirror = Mirror::start(organization(layout, 300), SyncOptions::default())
            .await
            .unwrap();
        mirror.close.simulator.set_traffic(300.0);
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        mirror.close.simulator.set_traffic(0.0);
        mirror.close.idle().await.unwrap();
        mirror.settle().await.unwrap();
        mirror
            .close
            .ensure_invoices(&mirror.database)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn invoices_are_matched_with_the_deals_that_they_bill() {
    let (database, close) = loaded(InvoiceLayout::English).await;
    let report = match_invoices(&database.pool, close.connection)
        .await
        .unwrap();
    assert!(report.companies > 0);
    let again = match_invoices(&database.pool, close.connection)
        .await
        .unwrap();
    assert_eq!(again.companies, 0);
    let named: i64 = sqlx::query_scalar(
        "select count(*) from receivable r join opportunity o on o.id = r.opportunity_id and o.status = 'won'
          where not exists (select from link l where l.receivable_id = r.id and l.opportunity_id = o.id
                               and l.state = 'linked' and l.origin = 'field')",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!(named, 0, "invoices that name their deal are linked to it");
    let twice: i64 = sqlx::query_scalar(
        "select count(*) from (select receivable_id from link where state = 'linked' group by 1 having count(*) > 1) twice",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!(twice, 0);
}
