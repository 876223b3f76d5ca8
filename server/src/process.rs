//! What runs in a serving process: HTTP, and the sync service beside it.

use crate::cli::ServeRole;
use crate::config::{Config, DocumentPolicy};
use crate::database::Database;
use crate::http;
use crate::routes::routes;
use crate::telemetry;
use crate::trial::Trial;
use closegraph_api::{Api, ApiOptions, Documents, Limits, Share};
use closegraph_sync::connect::Vault;
use closegraph_sync::inbox::{ReceiverOptions, Retention};
use closegraph_sync::{Schedule, SyncOptions, SyncService};
use metrics_exporter_prometheus::PrometheusHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The two sides of a process, and which of them work.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) sync: SyncService,
    api: Api,
    limits: Limits,
    cors_origins: Vec<String>,
    role: ServeRole,
}

impl Process {
    pub(crate) fn new(
        config: &Config,
        database: &Database,
        vault: Vault,
        role: ServeRole,
        metrics: PrometheusHandle,
        documents: Documents,
    ) -> anyhow::Result<Self> {
        let sync = &config.sync;
        let options = SyncOptions {
            workers: sync.workers.into(),
            batch: sync.batch,
            poll: Duration::from_millis(sync.poll_ms),
            receiver: ReceiverOptions {
                max_body_bytes: sync.webhook_max_body_bytes,
                max_signature_age: Duration::from_secs(sync.signature_max_age_s),
            },
            strategy: sync.backfill.into(),
            retention: Retention {
                body_days: sync.event_body_retention_days,
                row_days: sync.event_retention_days,
                feed_days: sync.feed_retention_days,
                purge_days: sync.purge_after_days,
            },
            schedule: Schedule {
                catch_up: Duration::from_secs(sync.catch_up_s.get()),
                sweep: Duration::from_secs(sync.sweep_s.get()),
                verify: Duration::from_secs(sync.verify_s.get()),
                settings: Duration::from_secs(sync.settings_s.get()),
                subscription: Duration::from_secs(sync.subscription_s.get()),
            },
        };
        let api = ApiOptions {
            introspection: config.api.introspection,
            cache_bytes: config.api.cache_bytes,
            streams: config.api.streams,
            statements: config.api.statements,
            limits: config.limits,
            share: match role {
                ServeRole::Api => Share::Most,
                _ => Share::Half,
            },
            ..ApiOptions::default()
        };
        let pool = database.pool.clone();
        Ok(Self {
            sync: SyncService::new(database.pool.clone(), vault, options),
            api: Api::new(
                database.pool.clone(),
                api,
                telemetry::renderer(metrics, pool),
            )
            .signing_in(config.sign_in()?)?
            .trying(Trial(database.pool.clone()))
            .knowing(documents, config.api.documents == DocumentPolicy::Trusted),
            limits: config.limits,
            cors_origins: config.http.cors_origins.clone(),
            role,
        })
    }
}

/// Serves until `stop`, then finishes what was begun. The inbox is worked off once `ready` is cancelled; deliveries
/// are received before.
pub(crate) async fn serve_until(
    process: Process,
    listener: TcpListener,
    ready: CancellationToken,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let syncing = (process.role != ServeRole::Api).then(|| {
        let (sync, stop) = (process.sync.clone(), stop.clone());
        tokio::spawn(async move {
            if stop.run_until_cancelled(ready.cancelled()).await.is_some() {
                sync.run(stop).await;
            }
        })
    });
    let (api, ending) = (process.api.clone(), stop.clone());
    let ended = tokio::spawn(async move {
        ending.cancelled().await;
        api.end_streams();
    });
    let (api, role) = (process.api, process.role);
    let routes = routes(api, &process.sync, role, &process.cors_origins);
    http::serve(listener, routes, &process.limits, stop).await;
    ended.await?;
    if let Some(syncing) = syncing {
        syncing.await?;
    }
    Ok(())
}
