//! The settings of an organization as the tools of the MCP server tell them: the organization, its users, the custom fields
//! of leads, contacts and opportunities.

use super::{Definition, replace};
use crate::apply::apply;
use crate::change::Change;
use crate::close::{McpClient, McpError, Object, ObjectType, Tool};
use crate::connect::Connections;
use crate::connect::oauth::OAuthError;
use crate::error::SyncError;
use closegraph_entity::record::{Origin, RecordType};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

/// Where an answer may keep its list.
const LISTS: [&str; 5] = ["data", "users", "fields", "items", "results"];

/// Reads the settings; a token that is refused before its end is renewed once.
pub(super) async fn reread(connections: &Connections, id: Uuid) -> Result<(), SyncError> {
    let (server, token) = connections.mcp_access(id, None).await?;
    match read(connections, id, &server, &token).await {
        Err(SyncError::OAuth(OAuthError::Mcp(McpError::Unauthorized))) => {
            let (server, token) = connections.mcp_access(id, Some(&token)).await?;
            read(connections, id, &server, &token).await
        }
        done => done,
    }
}

async fn read(
    connections: &Connections,
    id: Uuid,
    server: &Url,
    token: &SecretString,
) -> Result<(), SyncError> {
    let client = McpClient::open(server, token).await?;
    let organization = client.call(Tool::OrgInfo, Value::Null).await?;
    let users = listed(&client, Tool::OrgUsers).await?;
    let mut fields = Vec::new();
    for (tool, record_type) in [
        (Tool::LeadFields, RecordType::Company),
        (Tool::ContactFields, RecordType::Person),
        (Tool::OpportunityFields, RecordType::Opportunity),
    ] {
        fields.push((record_type, listed(&client, tool).await?));
    }
    let word = |name: &str| organization.get(name).and_then(Value::as_str);
    let mut transaction = connections.pool().begin().await?;
    sqlx::query(
        "update connection
            set organization_name = coalesce($2, organization_name), currency = coalesce($3, currency),
                settings_read_at = now()
          where id = $1",
    )
    .bind(id)
    .bind(word("name"))
    .bind(word("currency"))
    .execute(&mut *transaction)
    .await?;
    let context = crate::connect::mapping(&mut *transaction, id).await?;
    let members = users.into_iter().filter_map(member).collect();
    apply(&mut transaction, &context, None, members).await?;
    for (record_type, fields) in fields {
        let fields: Vec<Definition> = fields.iter().filter_map(definition).collect();
        replace(&mut transaction, id, record_type, &fields).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The list in an answer.
async fn listed(client: &McpClient, tool: Tool) -> Result<Vec<Value>, McpError> {
    let mut answer = client.call(tool, Value::Null).await?;
    let list = match &mut answer {
        Value::Array(_) => Some(answer),
        Value::Object(keys) => LISTS.iter().find_map(|name| keys.remove(*name)),
        _ => None,
    };
    match list {
        Some(Value::Array(list)) => Ok(list),
        _ => Err(client.misshapen(tool)),
    }
}

fn member(user: Value) -> Option<Change> {
    let user: Object = serde_json::from_value(user).ok()?;
    let change = Change::read(ObjectType::User, user, Origin::Backfill);
    change
        .inspect_err(|error| {
            tracing::warn!(error = crate::redact::chain(error), "a user can't be read");
        })
        .ok()
}

fn definition(field: &Value) -> Option<Definition> {
    let word = |name: &str| Some(field.get(name)?.as_str()?.to_owned());
    let multiple = field
        .get("accepts_multiple_values")
        .and_then(Value::as_bool);
    Some((
        word("id")?,
        word("name")?,
        word("type")?,
        multiple.unwrap_or(false),
    ))
}
