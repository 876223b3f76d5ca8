//! The first full load.

use super::catch_up;
use super::indexes::Aside;
use super::load::{Load, position};
use super::run::{Kind, Progress, Run, RunReport};
use super::walk::{Asked, Fields, Position, Walker};
use crate::apply::prepare;
use crate::connect::{Connections, follow_kept};
use crate::error::SyncError;
use closegraph_entity::record::Origin;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Name of the checkpoint.
const STREAM: &str = "backfill";
/// Pages that are written at the same time.
const LANES: usize = 3;

/// How Close is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The list of leads with all that it embeds; searches where Close does not serve it.
    #[default]
    Auto,
    List,
    Search,
}

/// What a backfill follows.
#[derive(Clone, Debug)]
pub struct BackfillOptions {
    pub strategy: Strategy,
    /// Starts from the beginning, even where a checkpoint stands.
    pub restart: bool,
}

/// Whether the first full load of a connection is complete.
pub async fn is_backfilled(pool: &PgPool, connection_id: Uuid) -> Result<bool, SyncError> {
    Ok(position(pool, connection_id, STREAM).await? == Some(Position::Done))
}

/// Reads all of an organization, resuming where an earlier run stopped, and reports progress on `progress`.
pub async fn backfill(
    pool: &PgPool,
    connections: &Connections,
    connection_id: Uuid,
    options: &BackfillOptions,
    progress: &watch::Sender<Progress>,
    stop: &CancellationToken,
) -> Result<RunReport, SyncError> {
    let client = connections.client(connection_id).await?.in_background();
    let context = connections.mapping(connection_id).await?;
    let run = Run::start(pool, connection_id, Kind::Backfill).await?;
    let requests_before = client.requests();
    let result = async {
        let fields = Fields::read(pool, connection_id).await?;
        let kept = position(pool, connection_id, STREAM).await?;
        prepare(pool, &context).await?;
        let start = match kept {
            Some(position) if !options.restart && position != Position::Done => position,
            _ if options.strategy == Strategy::Search => {
                Position::search_all(None, &fields.custom())
            }
            _ => Position::list_all(),
        };
        tracing::info!(connection = %connection_id, run = %run.id, "backfill starts");
        let load = Load {
            pool,
            context: &context,
            run: &run,
            client: &client,
            progress,
            stop,
            stream: STREAM,
            lanes: LANES,
        };
        let may_search = options.strategy == Strategy::Auto;
        let asked = Asked::Everything(fields);
        let mut walker = Walker::new(client.clone(), start, Origin::Backfill, may_search, asked);
        if catch_up::known(pool, connection_id).await?.is_none() {
            // What changes from the first answer on is in the event log.
            tokio::select! {
                () = stop.cancelled() => return Err(SyncError::Interrupted),
                read = walker.peek() => read?,
            }
            let answered_at = client.first_answered_at();
            catch_up::mark(pool, &client, connection_id, answered_at).await?;
        }
        let mut report = RunReport {
            requests: i64::try_from(client.requests() - requests_before).unwrap_or(i64::MAX),
            ..RunReport::default()
        };
        let aside = Aside::put(pool).await?;
        let loaded = load
            .run(walker, &mut report, |page| page.next.clone())
            .await;
        // Who is told to stop does not wait for it.
        if let Some(aside) = aside
            && !stop.is_cancelled()
        {
            let built = aside.build(pool, stop).await;
            loaded.and(built)?;
        } else {
            loaded?;
        }
        // How amounts are written shows in the records.
        follow_kept(pool, connection_id).await?;
        Ok(report)
    }
    .await;
    run.finish(pool, &result).await?;
    match &result {
        Ok(report) => tracing::info!(connection = %connection_id, created = report.created,
            updated = report.updated, unchanged = report.unchanged, requests = report.requests,
            "backfill is complete"),
        Err(error) => {
            tracing::warn!(connection = %connection_id, error = error.logged(), "backfill stopped");
        }
    }
    result
}
