//! What Close says of an object now. Where only its MCP server may be asked and does not tell, the word of the newest
//! event that was put off counts.

use crate::change::{Change, changes_of_event};
use crate::close::{McpError, Object, ObjectType, Tool};
use crate::connect::{Connections, McpSession, OAuthError};
use crate::error::SyncError;
use closegraph_entity::record::Origin;
use sqlx::PgPool;
use uuid::Uuid;

/// Attempts after which the tools of the MCP server are no longer waited for.
const PATIENCE: i32 = 3;

/// What is known of an object.
pub(super) enum Truth {
    Is(Object),
    Gone,
    /// Close does not tell.
    Untold,
}

/// Asks Close about an object; `attempts` is how often this was tried, this time included.
pub(super) async fn ask(
    connections: &Connections,
    connection_id: Uuid,
    object_type: ObjectType,
    close_id: &str,
    attempts: i32,
) -> Result<Truth, SyncError> {
    if connections.is_by_mcp(connection_id).await? {
        return by_mcp(connections, connection_id, object_type, close_id, attempts).await;
    }
    let client = connections.client(connection_id).await?;
    match client.get(&object_type.path(close_id), &[]).await {
        Ok(object) => Ok(Truth::Is(object)),
        Err(error) if error.is_not_found() => Ok(Truth::Gone),
        Err(error) => Err(error.into()),
    }
}

/// That a tool does not find an object is no proof of its end: its words are made for language models. An event will tell.
async fn by_mcp(
    connections: &Connections,
    connection_id: Uuid,
    object_type: ObjectType,
    close_id: &str,
    attempts: i32,
) -> Result<Truth, SyncError> {
    let tool = match object_type {
        ObjectType::Lead => Tool::FetchLead,
        ObjectType::Contact => Tool::FetchContact,
        ObjectType::Opportunity => Tool::FetchOpportunity,
        ObjectType::CustomObject => Tool::FetchCustomObject,
        ObjectType::CustomActivity => Tool::FetchCustomActivity,
        ObjectType::User => return Ok(Truth::Untold),
    };
    let mut session = McpSession::open(connections, connection_id).await?;
    match session.object(tool, close_id).await {
        Ok(object) if object.text("id").as_deref() == Some(close_id) => Ok(Truth::Is(object)),
        Ok(_) => Ok(Truth::Untold),
        Err(SyncError::OAuth(OAuthError::Mcp(McpError::Tool { .. } | McpError::Shape(_))))
            if attempts >= PATIENCE =>
        {
            Ok(Truth::Untold)
        }
        Err(error) => Err(error),
    }
}

/// What the newest event of an object said that was put off until the object would be read, as if it had been read.
pub(super) async fn told(
    pool: &PgPool,
    connection_id: Uuid,
    object_type: ObjectType,
    close_id: &str,
) -> Result<Vec<Change>, SyncError> {
    let newest: Option<(Uuid, String)> = sqlx::query_as(
        "select id, payload::text from event
          where connection_id = $1 and object_id = $2 and state = 'stale' and payload is not null
            and action in ('created', 'updated', 'merged')
          order by event_updated_at desc, seq desc limit 1",
    )
    .bind(connection_id)
    .bind(close_id)
    .fetch_optional(pool)
    .await?;
    let Some((event, payload)) = newest else {
        return Ok(Vec::new());
    };
    let changes = changes_of_event(&payload, event, Origin::Reread).unwrap_or_default();
    let own = |change: &Change| change.object_type == object_type && change.close_id == close_id;
    Ok(changes.into_iter().filter(own).collect())
}
