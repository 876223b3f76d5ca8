//! Everything by which Close's data comes in, after a person was forgotten.

use crate::fill::{clear, send_message};
use crate::forget::{exported, names};
use crate::world::{Someone, command, nickname, places, print, write};
use closegraph_sync::SyncError;
use closegraph_sync::reconcile::{
    BackfillOptions, Drift, Progress, Strategy, backfill, remap, sweep,
};
use closegraph_tests::{Mirror, SETTLED};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) async fn stays_away(mirror: &mut Mirror, who: &Someone) {
    clear(mirror).await;
    mirror.resume().unwrap();
    mirror.settle().await.unwrap();
    nothing_stands(mirror, "deliveries that waited").await;
    edited(mirror, who).await;
    nothing_stands(mirror, "webhooks").await;
    worked_off_again(mirror, who).await;
    nothing_stands(mirror, "the event log, and replays").await;
    for strategy in [Strategy::List, Strategy::Search] {
        load(mirror, strategy).await;
        nothing_stands(mirror, "a full load").await;
    }
    map_again(mirror).await;
    sweep_all(mirror).await;
    for repair in [false, true] {
        nothing_differs(mirror, repair).await;
    }
    nothing_stands(mirror, "remap, sweep and comparison").await;
    merged(mirror, who).await;
    load(mirror, Strategy::List).await;
    nothing_differs(mirror, true).await;
    nothing_stands(mirror, "a merge").await;
    let named = exported(&mirror.database, &who.contact);
    assert_eq!(names(&named), BTreeSet::from(["tombstone"]), "{named}");
}

async fn nothing_stands(mirror: &Mirror, after: &str) {
    assert_eq!(places(&mirror.database).await, BTreeSet::new(), "{after}");
}

async fn nothing_differs(mirror: &Mirror, repair: bool) {
    let drifts = mirror.verify(repair).await.unwrap();
    let found: u64 = drifts.iter().map(Drift::found).sum();
    assert_eq!(found, 0, "{drifts:?}");
}

/// Webhooks about the person, its company and its deal.
async fn edited(mirror: &Mirror, who: &Someone) {
    let mut edit = json!({
        "name": "Zephyrine Later-Word",
        "emails": [{ "type": "home", "email": "later-word@x.example" }],
    });
    edit[nickname(mirror).await.as_str()] = json!("Nightjar two");
    let (note, about) = (
        json!({ "note": "changed" }),
        json!({ "description": "changed" }),
    );
    for (path, body) in [
        (format!("contact/{}/", who.contact), edit),
        (format!("opportunity/{}/", who.deal), note),
        (format!("lead/{}/", who.lead), about),
    ] {
        write(mirror, Method::PUT, &path, &body).await;
    }
    mirror.settle().await.unwrap();
    let changed: bool = sqlx::query_scalar(
        "select (select note from opportunity where close_id = $1) = 'changed'
            and (select description from company where close_id = $2) = 'changed'",
    )
    .bind(&who.deal)
    .bind(&who.lead)
    .fetch_one(&mirror.database.pool)
    .await
    .unwrap();
    assert!(changed, "other records are followed as before");
}

/// The event log brings what no webhook did, and events are worked off once more.
async fn worked_off_again(mirror: &mut Mirror, who: &Someone) {
    mirror.stop().await;
    let path = format!("contact/{}/", who.contact);
    let title = json!({ "title": "Ornithologist" });
    write(mirror, Method::PUT, &path, &title).await;
    send_message(mirror, who).await;
    let read = mirror.read_log().await.unwrap();
    assert!(read.new > 0, "{read:?}");
    mirror.resume().unwrap();
    mirror.settle().await.unwrap();
    let kept: bool = sqlx::query_scalar(
        "select state = 'ignored' and payload is null from event where close_event_id = 'ev_later'",
    )
    .fetch_one(&mirror.database.pool)
    .await
    .unwrap();
    assert!(
        kept,
        "an event that is not modelled is kept without its body"
    );
    let applied = ["events", "replay", "--state", "applied"];
    print(&mirror.database, &applied);
    mirror.wait(SETTLED).await.unwrap();
    let own = ["events", "replay", "--object-id", &who.contact];
    command(&mirror.database, &own);
    mirror.wait(SETTLED).await.unwrap();
}

/// The person moves to another company.
async fn merged(mirror: &Mirror, who: &Someone) {
    let pool = &mirror.database.pool;
    let other: String =
        sqlx::query_scalar("select close_id from company where close_id <> $1 order by id limit 1")
            .bind(&who.lead)
            .fetch_one(pool)
            .await
            .unwrap();
    let merge = json!({ "source": who.lead, "destination": other });
    write(mirror, Method::POST, "lead/merge/", &merge).await;
    mirror.settle().await.unwrap();
    let follows: bool = sqlx::query_scalar(
        "select c.id = any(t.company_ids) from tombstone t, company c where t.close_id = $1 and c.close_id = $2",
    )
    .bind(&who.contact)
    .bind(&other)
    .fetch_one(pool)
    .await
    .unwrap();
    assert!(follows, "the tombstone knows where the person is");
}

/// Reads all of Close once more.
pub(crate) async fn load(mirror: &Mirror, strategy: Strategy) {
    let (pool, stop) = (&mirror.database.pool, CancellationToken::new());
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let options = BackfillOptions {
        strategy,
        restart: true,
    };
    let (progress, _) = watch::channel(Progress::default());
    loop {
        match backfill(pool, connections, id, &options, &progress, &stop).await {
            // The service's own load is at its end.
            Err(SyncError::AlreadyRunning { .. }) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => {
                assert!(done.unwrap().requests > 0);
                break;
            }
        }
    }
}

async fn sweep_all(mirror: &Mirror) {
    let (pool, stop) = (&mirror.database.pool, CancellationToken::new());
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    sqlx::query("delete from sync_checkpoint where stream = 'sweep'")
        .execute(pool)
        .await
        .unwrap();
    sweep(pool, connections, id, &stop).await.unwrap();
}

async fn map_again(mirror: &Mirror) {
    let (pool, stop) = (&mirror.database.pool, CancellationToken::new());
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let (progress, _) = watch::channel(Progress::default());
    let report = loop {
        match remap(pool, connections, id, &progress, &stop).await {
            Err(SyncError::AlreadyRunning { .. }) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => break done.unwrap(),
        }
    };
    assert_eq!(report.unmappable, 0);
}
