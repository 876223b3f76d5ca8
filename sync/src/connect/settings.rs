//! What is read when an organization is connected, and from time to time, since no event tells of all of it: the
//! organization itself, its users, its custom-field definitions and custom types, and what its statuses and pipelines
//! are called.

mod custom_types;
mod mcp;

use super::connections::Connections;
use super::permissions::{Membership, reexamine};
use crate::apply::apply;
use crate::change::Change;
use crate::close::{CloseClient, CloseError, Object, ObjectType};
use crate::error::SyncError;
use crate::mapping::MappingContext;
use crate::turn;
use closegraph_entity::record::{Origin, RecordType};
use serde::Deserialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    last_used_timezone: Option<String>,
    #[serde(default)]
    organizations: Vec<Organization>,
    #[serde(default)]
    memberships: Vec<Membership>,
}

/// The user of a credential, in one organization.
pub(super) struct Me {
    pub(super) organization: Organization,
    /// The user's own.
    pub(super) time_zone: Option<String>,
    memberships: Vec<Membership>,
}

impl Me {
    /// The user's place in the organization, where Close tells of it.
    pub(super) fn membership(&self) -> Option<&Membership> {
        let mut own = self.memberships.iter();
        own.find(|one| one.organization_id.as_ref() == Some(&self.organization.id))
    }
}

/// An organization as its member sees it.
#[derive(Deserialize)]
pub(super) struct Organization {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) currency: Option<String>,
}

/// The user of a credential, in the organization that was chosen, or in the only one.
pub(super) async fn me(client: &CloseClient, chosen: Option<&str>) -> Result<Me, SyncError> {
    let me: Answer = client.get("me/", &[]).await?;
    let mut organizations = me.organizations.into_iter();
    let organization = organizations.find(|one| chosen.is_none_or(|chosen| one.id == chosen));
    let organization = organization.ok_or(SyncError::InvalidInput {
        what: "the credential",
        given: "one without an organization".to_owned(),
        allowed: "one of a user who is a member of an organization",
    })?;
    let time_zone = me
        .last_used_timezone
        .filter(|zone| zone.parse::<chrono_tz::Tz>().is_ok());
    Ok(Me {
        organization,
        time_zone,
        memberships: me.memberships,
    })
}

/// What only one process reads at a time.
const SETTINGS: &str = "settings";

/// Reads the settings of a connection again. One reads them at a time, so that what was read last is what is kept.
pub async fn reread_settings(connections: &Connections, id: Uuid) -> Result<(), SyncError> {
    let reading = reread_alone(connections, id);
    turn::alone(connections.pool(), id, SETTINGS, reading).await
}

async fn reread_alone(connections: &Connections, id: Uuid) -> Result<(), SyncError> {
    if connections.is_by_mcp(id).await? {
        return mcp::reread(connections, id).await;
    }
    let client = connections.client(id).await?;
    let chosen: String = sqlx::query_scalar("select organization_id from connection where id = $1")
        .bind(id)
        .fetch_one(connections.pool())
        .await?;
    let me = me(&client, Some(&chosen)).await?;
    sqlx::query(
        "update connection
            set organization_name = coalesce($2, organization_name), currency = coalesce($3, currency),
                updated_at = now()
          where id = $1
            and (organization_name, currency) is distinct from (coalesce($2, organization_name), coalesce($3, currency))",
    )
    .bind(id)
    .bind(&me.organization.name)
    .bind(&me.organization.currency)
    .execute(connections.pool())
    .await?;
    reexamine(connections.pool(), &client, id, &me).await?;
    read_alone(connections.pool(), &client, &connections.mapping(id).await?).await
}

/// Reads users, custom-field definitions and names into the database.
pub(super) async fn read(
    connections: &Connections,
    client: &CloseClient,
    id: Uuid,
) -> Result<(), SyncError> {
    let context = connections.mapping(id).await?;
    let reading = read_alone(connections.pool(), client, &context);
    turn::alone(connections.pool(), id, SETTINGS, reading).await
}

async fn read_alone(
    pool: &PgPool,
    client: &CloseClient,
    context: &MappingContext,
) -> Result<(), SyncError> {
    let members = members(client).await?;
    let mut transaction = pool.begin().await?;
    apply(&mut transaction, context, None, members).await?;
    transaction.commit().await?;
    custom_fields(pool, client, context.connection_id).await?;
    labels(pool, client, context.connection_id).await?;
    custom_types::read(pool, client, context.connection_id).await?;
    sqlx::query("update connection set settings_read_at = now() where id = $1")
        .bind(context.connection_id)
        .execute(pool)
        .await?;
    Ok(())
}

/// All users, as changes.
async fn members(client: &CloseClient) -> Result<Vec<Change>, SyncError> {
    let mut changes = Vec::new();
    loop {
        let skip = changes.len().to_string();
        let page = client
            .list("user/", &[("_limit", "100"), ("_skip", &skip)])
            .await?;
        let count = page.data.len();
        for user in page.data {
            match Change::read(ObjectType::User, user, Origin::Backfill) {
                Ok(change) => changes.push(change),
                Err(error) => {
                    tracing::warn!(error = crate::redact::chain(&error), "a user can't be read");
                }
            }
        }
        if !page.has_more || count == 0 {
            return Ok(changes);
        }
    }
}

/// Reads what statuses and pipelines are called, and replaces what is kept of it.
async fn labels(pool: &PgPool, client: &CloseClient, connection_id: Uuid) -> Result<(), SyncError> {
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for (path, name) in [
        ("status/lead/", "label"),
        ("status/opportunity/", "label"),
        ("pipeline/", "name"),
    ] {
        let found = match client.list(path, &[]).await {
            Ok(page) => page.data,
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        for named in found {
            if let (Some(id), Some(name)) = (named.text("id"), named.text(name)) {
                ids.push(id);
                names.push(name);
            }
        }
    }
    let mut transaction = pool.begin().await?;
    sqlx::query("delete from label where connection_id = $1 and close_id <> all($2)")
        .bind(connection_id)
        .bind(&ids)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "insert into label (connection_id, close_id, name, position)
         select distinct on (1, 2) $1, * from unnest($2::text[], $3::text[])
                with ordinality as label (close_id, name, position)
         on conflict (connection_id, close_id) do update set name = excluded.name, position = excluded.position
          where (label.name, label.position) is distinct from (excluded.name, excluded.position)",
    )
    .bind(connection_id)
    .bind(&ids)
    .bind(&names)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

#[derive(Deserialize)]
struct Schema {
    #[serde(default)]
    fields: Vec<Object>,
}

/// Reads the definitions of custom fields and replaces what is kept of them.
async fn custom_fields(
    pool: &PgPool,
    client: &CloseClient,
    connection_id: Uuid,
) -> Result<(), SyncError> {
    for (object_type, record_type) in [
        (ObjectType::Lead, RecordType::Company),
        (ObjectType::Contact, RecordType::Person),
        (ObjectType::Opportunity, RecordType::Opportunity),
    ] {
        let fields = definitions(client, object_type).await?;
        let usable = fields.iter().filter_map(|field| {
            let multiple = field.read("accepts_multiple_values").unwrap_or(false);
            Some((
                field.text("id")?,
                field.text("name")?,
                field.text("type")?,
                multiple,
            ))
        });
        let usable: Vec<Definition> = usable.collect();
        let mut transaction = pool.begin().await?;
        replace(&mut transaction, connection_id, record_type, &usable).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// In the order in which Close shows them, shared ones included; the plain list where there is no schema.
async fn definitions(
    client: &CloseClient,
    object_type: ObjectType,
) -> Result<Vec<Object>, CloseError> {
    let name = object_type.as_str();
    match client
        .get::<Schema>(&format!("custom_field_schema/{name}/"), &[])
        .await
    {
        Ok(schema) => Ok(schema.fields),
        Err(error) if error.is_not_found() => Ok(client
            .list(&format!("custom_field/{name}/"), &[])
            .await?
            .data),
        Err(error) => Err(error),
    }
}

/// Id, name and type of a field, and whether it takes several values.
type Definition = (String, String, String, bool);

async fn replace(
    connection: &mut PgConnection,
    connection_id: Uuid,
    record_type: RecordType,
    usable: &[Definition],
) -> Result<(), SyncError> {
    sqlx::query("delete from custom_field where connection_id = $1 and record_type = $2")
        .bind(connection_id)
        .bind(record_type.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "insert into custom_field
             (connection_id, record_type, close_id, name, type, accepts_multiple_values, position)
         select $1, $2, field.id, field.name, field.type, field.multiple, field.position
           from unnest($3::text[], $4::text[], $5::text[], $6::boolean[])
                with ordinality as field (id, name, type, multiple, position)
         on conflict do nothing",
    )
    .bind(connection_id)
    .bind(record_type.as_str())
    .bind(
        usable
            .iter()
            .map(|field| field.0.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        usable
            .iter()
            .map(|field| field.1.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        usable
            .iter()
            .map(|field| field.2.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(usable.iter().map(|field| field.3).collect::<Vec<_>>())
    .execute(&mut *connection)
    .await?;
    Ok(())
}
