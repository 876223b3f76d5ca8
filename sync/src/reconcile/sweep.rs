//! Searches for what changed, each object type on its own: a lead's date does not show its deals' edits.

use super::load::{Load, position};
use super::poll::poll;
use super::run::{Kind, Progress, Run, RunReport};
use super::walk::{Asked, Fields, Position, SearchedType, Walker};
use crate::connect::Connections;
use crate::error::SyncError;
use chrono::{DateTime, TimeDelta, Utc};
use closegraph_entity::record::Origin;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Searches lag behind writes by up to a minute, and clocks differ: what is this much older is searched again.
const OVERLAP: TimeDelta = TimeDelta::minutes(15);

const fn stream(object: SearchedType) -> &'static str {
    match object {
        SearchedType::Lead => "sweep/lead",
        SearchedType::Contact => "sweep/contact",
        SearchedType::Opportunity => "sweep/opportunity",
        SearchedType::CustomObject => "sweep/custom_object",
        SearchedType::CustomActivity => "sweep/custom_activity",
    }
}

/// Reads what changed since the last sweep, or since the first full load. A connection by MCP is polled, which needs no full
/// load.
pub async fn sweep(
    pool: &PgPool,
    connections: &Connections,
    connection_id: Uuid,
    stop: &CancellationToken,
) -> Result<RunReport, SyncError> {
    if connections.is_by_mcp(connection_id).await? {
        return poll(pool, connections, connection_id, stop).await;
    }
    let client = connections.client(connection_id).await?.in_background();
    let context = connections.mapping(connection_id).await?;
    let run = Run::start(pool, connection_id, Kind::Sweep).await?;
    let (progress, _) = watch::channel(Progress::default());
    let mut report = RunReport::default();
    let walks = async {
        let fields = Fields::read(pool, connection_id).await?;
        let objects = SearchedType::all(&fields.custom());
        let asked = Asked::Everything(fields);
        for object in objects {
            let since = since(pool, connection_id, object).await?;
            let start = Position::search(object, since.map(|at| at - OVERLAP));
            let walker = Walker::new(client.clone(), start, Origin::Sweep, false, asked.clone());
            let load = Load {
                pool,
                context: &context,
                run: &run,
                client: &client,
                progress: &progress,
                stop,
                stream: stream(object),
                lanes: 1,
            };
            let mut newest = since;
            load.run(walker, &mut report, |page| {
                // At the end the next sweep goes on from the newest, not from nowhere.
                newest = newest.max(page.changes.iter().map(|change| change.version).max());
                match &page.next {
                    Position::Done => Position::search(object, newest),
                    on_the_way => on_the_way.clone(),
                }
            })
            .await?;
        }
        Ok(report)
    };
    let result = walks.await;
    run.finish(pool, &result).await?;
    result
}

async fn since(
    pool: &PgPool,
    connection_id: Uuid,
    object: SearchedType,
) -> Result<Option<DateTime<Utc>>, SyncError> {
    if let Some(Position::Search { since, .. }) =
        position(pool, connection_id, stream(object)).await?
    {
        return Ok(since);
    }
    // A first full load may have been before there were custom types, or before this program read them.
    if matches!(
        object,
        SearchedType::CustomObject | SearchedType::CustomActivity
    ) {
        return Ok(None);
    }
    let loaded = sqlx::query_scalar(
        "select min(started_at) - interval '1 hour' from sync_run
          where connection_id = $1 and kind = 'backfill'",
    );
    Ok(loaded.bind(connection_id).fetch_one(pool).await?)
}
