//! What the kept records would be under another mapping, before it is used.

use super::super::connections::mapping;
use crate::close::Object;
use crate::error::SyncError;
use crate::mapping::Meaning;
use chrono::{DateTime, Utc};
use closegraph_entity::invoice_mapping::{InvoiceMapping, LineRole, Lines, TriedInvoice};
use sqlx::PgPool;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Maps the `first` kept records of the mapping's type that changed last. Nothing is written, and Close is not asked. The
/// mapping is one that was checked against the types.
pub async fn try_mapping(
    pool: &PgPool,
    connection_id: Uuid,
    invoices: InvoiceMapping,
    first: u32,
) -> Result<Vec<TriedInvoice>, SyncError> {
    let mut context = mapping(pool, connection_id).await?;
    let kept: Vec<(String, String, DateTime<Utc>)> = sqlx::query_as(
        "select close_id, raw::text, source_updated_at from custom_record
          where connection_id = $1 and type_id = $2
          order by source_updated_at desc, id desc limit $3",
    )
    .bind(connection_id)
    .bind(&invoices.type_id)
    .bind(i64::from(first))
    .fetch_all(pool)
    .await?;
    let lines = line_counts(pool, connection_id, &invoices, &kept).await?;
    context.invoices = Some(Arc::new(invoices));
    let tried = kept.into_iter().filter_map(|(close_id, raw, version)| {
        let object = Object::parse(&raw).ok()?;
        let meaning = Meaning::of(&context, &object, &close_id, version, &[]);
        let columns = meaning.receivable?.columns;
        let own = lines.get(&close_id).copied();
        Some(TriedInvoice {
            line_count: own.unwrap_or(meaning.lines.len() as u64),
            close_id,
            number: columns.number,
            status: columns.status,
            status_label: columns.status_label,
            payment_status: columns.payment_status,
            issued_on: columns.issued_on,
            due_on: columns.due_on,
            paid_on: columns.paid_on,
            currency: columns.currency,
            total_minor: columns.total_minor,
            paid_minor: columns.paid_minor,
            balance_minor: columns.balance_minor,
            flags: serde_json::from_str(&columns.flags.0).unwrap_or_default(),
        })
    });
    Ok(tried.collect())
}

/// How many records are lines of each invoice, where lines are records of their own.
async fn line_counts(
    pool: &PgPool,
    connection_id: Uuid,
    invoices: &InvoiceMapping,
    kept: &[(String, String, DateTime<Utc>)],
) -> Result<HashMap<String, u64>, SyncError> {
    let Some(Lines::Objects { type_id, fields }) = &invoices.lines else {
        return Ok(HashMap::new());
    };
    let Some(field) = fields.get(&LineRole::Invoice) else {
        return Ok(HashMap::new());
    };
    let counted: Vec<(String, i64)> = sqlx::query_as(
        "select custom->>$3, count(*) from custom_record
          where connection_id = $1 and type_id = $2 and custom->>$3 = any($4) group by 1",
    )
    .bind(connection_id)
    .bind(type_id)
    .bind(field)
    .bind(
        kept.iter()
            .map(|(close_id, ..)| close_id.as_str())
            .collect::<Vec<_>>(),
    )
    .fetch_all(pool)
    .await?;
    let counted = counted
        .into_iter()
        .map(|(invoice, count)| (invoice, u64::try_from(count).unwrap_or_default()));
    Ok(counted.collect())
}
