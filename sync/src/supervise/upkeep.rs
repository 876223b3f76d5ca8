//! What a syncing process does for its operators: the gauges of `/metrics`, and the retention of events.

use super::{SyncService, every, gauges};
use crate::inbox::retain;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often the facts of Postgres are read for `/metrics`.
const GAUGES: Duration = Duration::from_secs(15);
/// How often old events are looked for.
const RETENTION: Duration = Duration::from_secs(3_600);

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
}
