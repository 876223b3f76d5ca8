//! What a mapping would make of the records that are kept, before it is used.

use super::super::connections::mapping as settings;
use crate::close::Object;
use crate::error::SyncError;
use crate::mapping::{MappingContext, Meaning, ReceivableColumns};
pub use closegraph_entity::invoice_mapping::TriedInvoice;
use closegraph_entity::invoice_mapping::{InvoiceMapping, LineRole, Lines};
use serde::Serialize;
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Records that are tried at most, the newest.
const MOST: i64 = 20_000;

/// What a mapping makes of the records of its type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// Records of the type that were tried.
    pub records: usize,
    /// How many of them have an amount.
    pub with_total: usize,
    /// How many have each flag.
    pub flagged: BTreeMap<String, usize>,
    /// Status words that the mapping does not know, with how many records have them.
    pub unknown_words: BTreeMap<String, usize>,
    /// Records of the lines' type.
    pub lines: usize,
    /// The newest invoices.
    pub invoices: Vec<TriedInvoice>,
}

/// Maps the records that are kept of a connection by `mapping`, and shows the newest `show` of them.
pub async fn try_mapping(
    pool: &PgPool,
    connection_id: Uuid,
    mapping: InvoiceMapping,
    show: usize,
) -> Result<Trial, SyncError> {
    let type_id = mapping.type_id.clone();
    let line_records = mapping.lines.clone();
    let mut trial = Trial::default();
    if let Some(Lines::Objects { type_id, .. }) = &mapping.lines {
        let lines: i64 = sqlx::query_scalar(
            "select count(*) from custom_record where connection_id = $1 and type_id = $2",
        )
        .bind(connection_id)
        .bind(type_id)
        .fetch_one(pool)
        .await?;
        trial.lines = usize::try_from(lines).unwrap_or_default();
    }
    let context = MappingContext {
        invoices: Some(Arc::new(mapping)),
        ..settings(pool, connection_id).await?
    };
    let records: Vec<(String, String)> = sqlx::query_as(
        "select close_id, raw::text from custom_record where connection_id = $1 and type_id = $2
          order by source_updated_at desc, id limit $3",
    )
    .bind(connection_id)
    .bind(type_id)
    .bind(MOST)
    .fetch_all(pool)
    .await?;
    for (close_id, raw) in records {
        let record = Object::parse(&raw).unwrap_or_default();
        let version = record.timestamp("date_updated").unwrap_or_default();
        let meaning = Meaning::of(&context, &record, &close_id, version, &[]);
        if let Some(receivable) = meaning.receivable {
            trial.add(
                tried(close_id, receivable.columns, meaning.lines.len()),
                show,
            );
        }
    }
    if let Some(Lines::Objects { type_id, fields }) = &line_records
        && let Some(field) = fields.get(&LineRole::Invoice)
    {
        count_lines(pool, connection_id, (type_id, field), &mut trial.invoices).await?;
    }
    Ok(trial)
}

/// Counts the records of a type that are lines of each invoice, which one of their fields names.
async fn count_lines(
    pool: &PgPool,
    connection_id: Uuid,
    (type_id, field): (&str, &str),
    invoices: &mut [TriedInvoice],
) -> Result<(), SyncError> {
    let ids: Vec<&str> = invoices
        .iter()
        .map(|invoice| invoice.close_id.as_str())
        .collect();
    let counted: Vec<(String, i64)> = sqlx::query_as(
        "select custom->>$3, count(*) from custom_record
          where connection_id = $1 and type_id = $2 and custom->>$3 = any($4) group by 1",
    )
    .bind(connection_id)
    .bind(type_id)
    .bind(field)
    .bind(ids)
    .fetch_all(pool)
    .await?;
    let counted: BTreeMap<String, i64> = counted.into_iter().collect();
    for invoice in invoices {
        let lines = counted.get(&invoice.close_id).copied().unwrap_or_default();
        invoice.lines = usize::try_from(lines).unwrap_or_default();
    }
    Ok(())
}

impl Trial {
    fn add(&mut self, invoice: TriedInvoice, show: usize) {
        self.records += 1;
        self.with_total += usize::from(invoice.total_minor.is_some());
        self.lines += invoice.lines;
        for flag in &invoice.flags {
            let word = serde_json::to_value(flag).unwrap_or_default();
            let word = word.as_str().unwrap_or_default().to_owned();
            *self.flagged.entry(word).or_default() += 1;
        }
        if let (None, Some(word)) = (invoice.status, &invoice.status_label) {
            *self.unknown_words.entry(word.clone()).or_default() += 1;
        }
        if self.invoices.len() < show {
            self.invoices.push(invoice);
        }
    }
}

fn tried(close_id: String, columns: ReceivableColumns, lines: usize) -> TriedInvoice {
    TriedInvoice {
        close_id,
        number: columns.number,
        status: columns.status,
        status_label: columns.status_label,
        payment_status: columns.payment_status,
        issued_on: columns.issued_on,
        due_on: columns.due_on,
        paid_on: columns.paid_on,
        currency: columns.currency,
        currency_places: columns.currency_places,
        total_minor: columns.total_minor,
        tax_minor: columns.tax_minor,
        paid_minor: columns.paid_minor,
        balance_minor: columns.balance_minor,
        flags: serde_json::from_str(&columns.flags.0).unwrap_or_default(),
        lines,
    }
}
