//! The settings of an organization as the tools of the MCP server tell them: the organization, its users, the custom fields
//! of leads, contacts and opportunities.

use super::{Definition, replace};
use crate::apply::apply;
use crate::change::Change;
use crate::close::{Object, ObjectType, Tool};
use crate::connect::{Connections, McpSession};
use crate::error::SyncError;
use closegraph_entity::record::{Origin, RecordType};
use serde_json::Value;
use uuid::Uuid;

/// Reads the settings.
pub(super) async fn reread(connections: &Connections, id: Uuid) -> Result<(), SyncError> {
    let mut session = McpSession::open(connections, id).await?;
    let organization = session.call(Tool::OrgInfo, Value::Null).await?;
    let users = session.list(Tool::OrgUsers, Value::Null).await?.rows;
    let mut fields = Vec::new();
    for (tool, record_type) in [
        (Tool::LeadFields, RecordType::Company),
        (Tool::ContactFields, RecordType::Person),
        (Tool::OpportunityFields, RecordType::Opportunity),
    ] {
        fields.push((record_type, session.list(tool, Value::Null).await?.rows));
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
