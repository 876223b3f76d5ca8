//! What a syncing process does for its operators: the gauges of `/metrics`, the retention of events, the purge of people
//! who are gone, the folding of revenue by day, and the indexes that a load has left aside.

use super::{SyncService, every, gauges};
use crate::fold::fold_revenue;
use crate::inbox::retain;
use crate::privacy::purge;
use crate::reconcile::build_indexes;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often the facts of Postgres are read for `/metrics`.
const GAUGES: Duration = Duration::from_secs(15);
/// How often old events are looked for.
const RETENTION: Duration = Duration::from_secs(3_600);
/// How often people are looked for who are gone for long. All events of their connection are looked at then.
const PURGE: Duration = Duration::from_secs(86_400);
/// How often revenue by day is folded.
const FOLDING: Duration = Duration::from_secs(10);
/// How often indexes are looked for that a load has left aside. A load that goes on after a start comes first.
const INDEXES: Duration = Duration::from_secs(60);

/// Adds these tasks to those of a service.
pub(super) fn spawn(service: &SyncService, tasks: &mut JoinSet<()>, stop: &CancellationToken) {
    let (pool, stopped) = (service.pool.clone(), stop.clone());
    tasks.spawn(async move {
        every(GAUGES, &stopped, || gauges::publish(&pool)).await;
    });
    let (pool, stopped) = (service.pool.clone(), stop.clone());
    let retention = service.options.retention;
    tasks.spawn(async move {
        every(RETENTION, &stopped, || async {
            retain(&pool, retention, &stopped).await?;
            Ok(())
        })
        .await;
    });
    let (pool, stopped) = (service.pool.clone(), stop.clone());
    tasks.spawn(async move {
        every(PURGE, &stopped, || async {
            purge(&pool, retention.purge_days, &stopped).await?;
            Ok(())
        })
        .await;
    });
    let (pool, stopped) = (service.pool.clone(), stop.clone());
    tasks.spawn(async move {
        every(FOLDING, &stopped, || async {
            fold_revenue(&pool, &stopped).await?;
            Ok(())
        })
        .await;
    });
    let (pool, stopped) = (service.pool.clone(), stop.clone());
    tasks.spawn(async move {
        let waited = tokio::time::sleep(INDEXES);
        stopped.run_until_cancelled(waited).await;
        every(INDEXES, &stopped, || async {
            build_indexes(&pool, &stopped).await?;
            Ok(())
        })
        .await;
    });
}
