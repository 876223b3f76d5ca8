//! Invoices of differently laid out types, found and mapped without a hand on them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use close_sim::{Faults, InvoiceLayout, SimulatorConfig};
use closegraph_sync::SyncOptions;
use closegraph_sync::connect::mapped;
use closegraph_sync::matching::match_invoices;
use closegraph_sync::reconcile::{
    BackfillOptions, Progress, Strategy, VerifyOptions, backfill, remap, sweep, verify,
};
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
    let close = load(&database, organization(layout, 800)).await;
    (database, close)
}

/// Connects an organization and reads all of it.
async fn load(database: &Database, config: SimulatorConfig) -> Close {
    let close = Close::connect(database, config).await.unwrap();
    let (progress, _) = watch::channel(Progress::default());
    let options = BackfillOptions {
        strategy: Strategy::Auto,
        restart: false,
    };
    let stop = CancellationToken::new();
    let (pool, connections, id) = (&database.pool, &close.connections, close.connection);
    backfill(pool, connections, id, &options, &progress, &stop)
        .await
        .unwrap();
    // How amounts are written may have been learned from the records.
    remap(pool, connections, id, &progress, &stop)
        .await
        .unwrap();
    close
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
async fn activities_that_can_not_be_searched_are_listed() {
    let database = Database::start(&[]).await.unwrap();
    let config = SimulatorConfig {
        faults: Faults {
            refuse_activity_search: true,
            ..Faults::default()
        },
        ..organization(InvoiceLayout::German, 800)
    };
    let close = load(&database, config).await;
    let count = close.ensure_invoices(&database).await.unwrap();
    assert!(count > 100, "{count} invoices");
    let stop = CancellationToken::new();
    let options = VerifyOptions::default();
    let drifts = verify(
        &database.pool,
        &close.connections,
        close.connection,
        &options,
        &stop,
    );
    assert!(drifts.await.unwrap().iter().all(|drift| drift.found() == 0));
    sweep(&database.pool, &close.connections, close.connection, &stop)
        .await
        .unwrap();
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

#[tokio::test]
async fn a_mapping_follows_fields_that_are_renamed_and_words_that_are_new() {
    let mirror = Mirror::start(
        organization(InvoiceLayout::English, 200),
        SyncOptions::default(),
    )
    .await
    .unwrap();
    let simulator = &mirror.close.simulator;
    assert!(simulator.rename_custom_field("Amount", "What the customer owes us"));
    assert!(simulator.reword_choices("Status", &[("Paid", "Paid in full"), ("Sent", "Overdue")]));
    mirror.close.idle().await.unwrap();
    // Events of definitions have the settings read again, and what is stored mapped again.
    mirror
        .wait("select exists (select from custom_field where record_type = 'receivable' and name = 'What the customer owes us')")
        .await
        .unwrap();
    mirror
        .wait("select exists (select from invoice_mapping where mapping -> 'status_words' ? 'paid in full' and mapping -> 'status_words' ? 'overdue')")
        .await
        .unwrap();
    mirror
        .wait("select not exists (select from receivable where status is null)")
        .await
        .unwrap();
    mirror.settle().await.unwrap();
    mirror
        .close
        .ensure_invoices(&mirror.database)
        .await
        .unwrap();
}

#[tokio::test]
async fn payments_that_do_not_add_up_are_found_and_booked_anew() {
    let mirror = Mirror::start(
        organization(InvoiceLayout::English, 200),
        SyncOptions::default(),
    )
    .await
    .unwrap();
    mirror.settle().await.unwrap();
    let spoilt = sqlx::query(
        "delete from transaction where id in (select id from transaction where kind = 'invoice_payment' order by id limit 3)",
    )
    .execute(&mirror.database.pool)
    .await
    .unwrap();
    assert_eq!(spoilt.rows_affected(), 3);
    let found = async |repair| {
        let drifts = mirror.verify(repair).await.unwrap();
        let drift = drifts
            .into_iter()
            .find(|drift| drift.record_type == "transaction")
            .unwrap();
        (drift.missing, drift.extra, drift.stale, drift.repaired)
    };
    assert_eq!(found(false).await, (0, 0, 3, 0));
    assert_eq!(found(true).await, (0, 0, 3, 3));
    assert_eq!(found(false).await, (0, 0, 0, 0));
    mirror
        .close
        .ensure_invoices(&mirror.database)
        .await
        .unwrap();
}
