//! The settings of an organization as the tools of the MCP server tell them: the organization, its users, the custom fields
//! of leads, contacts and opportunities, and the types of custom objects.

use super::custom_types::{self, type_of};
use super::{Definition, replace};
use crate::apply::apply;
use crate::change::Change;
use crate::close::{McpError, Object, ObjectType, Tool};
use crate::connect::invoices::{CustomType, custom_types as known_types};
use crate::connect::{Connections, McpSession, OAuthError};
use crate::error::SyncError;
use closegraph_entity::custom_type::Kind;
use closegraph_entity::record::{Origin, RecordType};
use serde_json::Value;
use uuid::Uuid;

/// Reads the settings.
pub(super) async fn reread(connections: &Connections, id: Uuid) -> Result<(), SyncError> {
    let mut session = McpSession::open(connections, id).await?;
    let organization = session.call(Tool::OrgInfo, Value::Null).await?;
    let users = session.whole_list(Tool::OrgUsers).await?;
    let mut fields = Vec::new();
    for (tool, record_type) in [
        (Tool::LeadFields, RecordType::Company),
        (Tool::ContactFields, RecordType::Person),
        (Tool::OpportunityFields, RecordType::Opportunity),
    ] {
        fields.push((record_type, session.whole_list(tool).await?));
    }
    let types = types(connections, id, &mut session).await?;
    let word = |name: &str| organization.get(name).and_then(Value::as_str);
    let mut transaction = connections.pool().begin().await?;
    let noted = sqlx::query(
        "update connection
            set organization_name = coalesce($2, organization_name), currency = coalesce($3, currency),
                settings_read_at = now()
          where id = $1 and auth_method = 'mcp'",
    )
    .bind(id)
    .bind(word("name"))
    .bind(word("currency"))
    .execute(&mut *transaction)
    .await?;
    if noted.rows_affected() == 0 {
        // It reads more by now, and has read it.
        return Ok(());
    }
    let context = crate::connect::mapping(&mut *transaction, id).await?;
    let members = users.into_iter().filter_map(member).collect();
    apply(&mut transaction, &context, None, members).await?;
    for (record_type, fields) in fields {
        let fields: Vec<Definition> = fields.iter().filter_map(definition).collect();
        replace(&mut transaction, id, record_type, &fields).await?;
    }
    if let Some(types) = types {
        custom_types::keep(&mut transaction, id, types).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The types of custom objects, where they are told, with those of custom activities that were known before, of which
/// nothing is told: what is known of types decides what invoices are.
async fn types(
    connections: &Connections,
    id: Uuid,
    session: &mut McpSession,
) -> Result<Option<Vec<CustomType>>, SyncError> {
    let listed = match session.whole_list(Tool::CustomObjectTypes).await {
        Err(SyncError::OAuth(OAuthError::Mcp(
            error @ (McpError::Tool { .. } | McpError::Shape(_) | McpError::Stuck(_)),
        ))) => {
            tracing::warn!(%error, "the types of custom objects can't be read");
            return Ok(None);
        }
        listed => listed?,
    };
    let told = listed.into_iter().filter_map(|listed| {
        let one: Object = serde_json::from_value(listed).ok()?;
        type_of(&one, Kind::CustomObject)
    });
    let mut types = known_types(connections.pool(), id).await?;
    types.retain(|one| one.kind == Kind::CustomActivity);
    types.extend(told);
    Ok(Some(types))
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
