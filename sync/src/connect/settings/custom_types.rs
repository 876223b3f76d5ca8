//! The types that an organization has made for itself, with their fields.

use super::super::invoices::{CustomType, follow};
use super::replace;
use crate::close::{CloseClient, CloseError, Object};
use crate::error::SyncError;
use closegraph_entity::custom_type::{Kind, TypeField};
use closegraph_entity::record::RecordType;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// Reads the types, and lets the mapping of invoices follow them.
pub(super) async fn read(
    pool: &PgPool,
    client: &CloseClient,
    connection_id: Uuid,
) -> Result<(), SyncError> {
    let mut types = of_kind(client, "custom_object_type/", Kind::CustomObject).await?;
    types.extend(of_kind(client, "custom_activity/", Kind::CustomActivity).await?);
    let mut transaction = pool.begin().await?;
    keep(&mut transaction, connection_id, types).await?;
    transaction.commit().await?;
    Ok(())
}

/// Keeps these types and no others, and lets the mapping of invoices follow them.
pub(super) async fn keep(
    transaction: &mut PgConnection,
    connection_id: Uuid,
    types: Vec<CustomType>,
) -> Result<(), SyncError> {
    store(transaction, connection_id, &types).await?;
    let mapping = follow(transaction, connection_id, &types).await?;
    let own = mapping.and_then(|mapping| types.into_iter().find(|one| one.id == mapping.type_id));
    let fields = own.map(|one| one.fields).unwrap_or_default();
    let fields = fields.into_iter().map(|field| {
        (
            field.id,
            field.name,
            field.field_type,
            field.accepts_multiple_values,
        )
    });
    let fields: Vec<_> = fields.collect();
    replace(transaction, connection_id, RecordType::Receivable, &fields).await
}

/// Types of a kind; none where the organization's plan does not have them.
async fn of_kind(
    client: &CloseClient,
    path: &str,
    kind: Kind,
) -> Result<Vec<CustomType>, CloseError> {
    let listed = match client.list(path, &[]).await {
        Ok(page) => page.data,
        Err(error) if matches!(error.status(), Some(402..=404)) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(listed.iter().filter_map(|one| type_of(one, kind)).collect())
}

/// A type, where it is told as one.
pub(super) fn type_of(one: &Object, kind: Kind) -> Option<CustomType> {
    let fields: Vec<Object> = one.read("fields").unwrap_or_default();
    Some(CustomType {
        id: one.text("id")?,
        kind,
        name: one.text("name")?,
        archived: one.read("is_archived").unwrap_or(false),
        fields: fields.iter().filter_map(field_of).collect(),
    })
}

fn field_of(field: &Object) -> Option<TypeField> {
    Some(TypeField {
        id: field.text("id")?,
        name: field.text("name")?,
        field_type: field.text("type")?,
        choices: field.read("choices").unwrap_or_default(),
        accepts_multiple_values: field.read("accepts_multiple_values").unwrap_or(false),
        referenced_custom_type_id: field.text("referenced_custom_type_id"),
    })
}

async fn store(
    connection: &mut PgConnection,
    connection_id: Uuid,
    types: &[CustomType],
) -> Result<(), SyncError> {
    let ids: Vec<&str> = types.iter().map(|one| one.id.as_str()).collect();
    sqlx::query("delete from custom_type where connection_id = $1 and close_id <> all($2)")
        .bind(connection_id)
        .bind(&ids)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "insert into custom_type as known (connection_id, close_id, kind, name, archived, fields)
         select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::boolean[], $6::jsonb[])
         on conflict (connection_id, close_id) do update
            set kind = excluded.kind, name = excluded.name, archived = excluded.archived,
                fields = excluded.fields, synced_at = now()
          where (known.name, known.archived, known.fields)
                is distinct from (excluded.name, excluded.archived, excluded.fields)",
    )
    .bind(connection_id)
    .bind(&ids)
    .bind(
        types
            .iter()
            .map(|one| one.kind.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        types
            .iter()
            .map(|one| one.name.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(types.iter().map(|one| one.archived).collect::<Vec<_>>())
    .bind(
        types
            .iter()
            .map(|one| Json(&one.fields))
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
