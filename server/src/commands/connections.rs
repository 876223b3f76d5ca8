//! `closegraph connections`.

use crate::config::Config;
use crate::database::Database;
use closegraph_entity::connection;
use closegraph_entity::permission::{self, Granted};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::json;

pub(super) async fn run(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let found = super::on_database(config, async |database| {
        database.migrate().await?;
        all(database).await
    })
    .await?;
    if as_json {
        let rows: Vec<_> = found.iter().map(describe).collect();
        return super::print(&serde_json::to_string_pretty(&rows)?);
    }
    if found.is_empty() {
        return super::print(
            "No connection yet. Make one: closegraph connect close --api-key-env CLOSE_API_KEY",
        );
    }
    let line = |row: &connection::Model| {
        let name = row.organization_name.as_deref().unwrap_or("(no name)");
        let webhook = row.webhook_url.as_deref().unwrap_or("no webhook");
        let lacks = lacks_of(&scopes(row))
            .into_iter()
            .map(|lack| format!("\n  {lack}"));
        format!(
            "{}  {name}  {}  {:?}  {webhook}{}{}",
            row.id,
            row.currency,
            row.status,
            row.status_reason
                .as_ref()
                .map(|reason| format!("  ({reason})"))
                .unwrap_or_default(),
            lacks.collect::<String>(),
        )
    };
    super::print(&found.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// All connections, the oldest first.
pub(super) async fn all(database: &Database) -> anyhow::Result<Vec<connection::Model>> {
    let found = connection::Entity::find().order_by_asc(connection::Column::CreatedAt);
    Ok(found.all(&database.orm()).await?)
}

/// What the credential of a connection may do.
pub(super) fn scopes(row: &connection::Model) -> Vec<Granted> {
    serde_json::from_value(row.scopes.clone()).unwrap_or_default()
}

fn describe_scope(scope: &Granted) -> serde_json::Value {
    let known = permission::find(&scope.name);
    let description = known.map_or("", |right| right.description);
    json!({ "name": scope.name, "granted": scope.granted, "description": description })
}

/// What is not seen without the rights that are not granted, a line each.
pub(super) fn lacks_of(scopes: &[Granted]) -> Vec<String> {
    let lack = |scope: &Granted| Some(format!("without {}: {}", scope.name, scope.lack()?));
    scopes.iter().filter_map(lack).collect()
}

fn describe(row: &connection::Model) -> serde_json::Value {
    json!({
        "id": row.id,
        "source": row.source,
        "authMethod": row.auth_method,
        "status": row.status,
        "statusReason": row.status_reason,
        "organizationId": row.organization_id,
        "organizationName": row.organization_name,
        "currency": row.currency,
        "timeZone": row.time_zone,
        "webhookUrl": row.webhook_url,
        "scopes": scopes(row).iter().map(describe_scope).collect::<Vec<_>>(),
    })
}
