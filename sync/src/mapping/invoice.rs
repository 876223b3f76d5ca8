//! Records of custom types to invoices, their lines and their payments, as the connection's mapping says.

mod amount;
mod line;
mod payment;
mod receivable;

pub(crate) use line::LineColumns;
pub(crate) use payment::PaidAmount;
pub(crate) use receivable::ReceivableColumns;

use super::row::columns;
use super::{Columns, Mapped, MappingContext, MappingError, Row, TransactionColumns, indexed};
use crate::close::Object;
use chrono::{DateTime, Utc};
use closegraph_entity::custom_type::Kind;
use closegraph_entity::invoice_mapping::{InvoiceMapping, Lines};
use uuid::Uuid;

columns! {
    /// The columns of `custom_record`.
    CustomRecordColumns in "custom_record", raw true {
        kind: Kind => "text" / "text" through kind_text,
        type_id: Option<String> => "text" / "text",
        company_id: Option<Uuid> => "uuid" / "uuid",
        name: Option<String> => "text" / "text",
    }
}

impl Mapped for CustomRecordColumns {
    fn map(record: &Object, context: &MappingContext) -> Result<Self, MappingError> {
        let (kind, type_id) = type_of(record);
        Ok(Self {
            kind,
            type_id: Some(indexed(type_id.ok_or(MappingError::Value {
                field: "custom_object_type_id or custom_activity_type_id",
                given: String::new(),
                allowed: "the id of a type",
            })?)),
            company_id: context.reference(record, "lead_id"),
            name: record.text("name"),
        })
    }
}

fn kind_text(kind: &Kind) -> &'static str {
    kind.as_str()
}

fn type_of(record: &Object) -> (Kind, Option<String>) {
    match record.text("custom_activity_type_id") {
        Some(type_id) => (Kind::CustomActivity, Some(type_id)),
        None => (Kind::CustomObject, record.text("custom_object_type_id")),
    }
}

/// What a record means: an invoice with its payments, lines, or nothing that is mapped.
#[derive(Debug, Default)]
pub(crate) struct Meaning {
    pub(crate) receivable: Option<Row<ReceivableColumns>>,
    pub(crate) lines: Vec<Row<LineColumns>>,
    pub(crate) payments: Vec<Row<TransactionColumns>>,
}

impl Meaning {
    /// Of a record as it is now, with what was paid as of its versions.
    pub(crate) fn of(
        context: &MappingContext,
        record: &Object,
        close_id: &str,
        version: DateTime<Utc>,
        paid: &[PaidAmount],
    ) -> Self {
        let Some(mapping) = context.invoices.as_deref() else {
            return Self::default();
        };
        let (_, type_id) = type_of(record);
        let Some(type_id) = type_id else {
            return Self::default();
        };
        if type_id == mapping.type_id {
            let columns = ReceivableColumns::of(record, context, mapping);
            let receivable = row(context, record, close_id, version, columns);
            return Self {
                payments: payment::payments(context, &receivable, paid),
                lines: line::in_text(context, mapping, record, &receivable),
                receivable: Some(receivable),
            };
        }
        let lines = match &mapping.lines {
            Some(Lines::Objects {
                type_id: of,
                fields,
            }) if *of == type_id => {
                let columns = LineColumns::of(record, context, fields, mapping.decimals);
                vec![row(context, record, close_id, version, columns)]
            }
            _ => Vec::new(),
        };
        Self {
            lines,
            ..Self::default()
        }
    }
}

/// What was paid of an invoice by what is told of it; nothing for other records, and where it is not told.
pub(crate) fn paid_amount(
    context: &MappingContext,
    told: &Object,
    is_whole: bool,
    version: DateTime<Utc>,
    event_id: Option<Uuid>,
) -> Option<PaidAmount> {
    let mapping = context.invoices.as_deref()?;
    let (_, type_id) = type_of(told);
    if type_id? != mapping.type_id || !(is_whole || tells_paid(told, mapping)) {
        return None;
    }
    let columns = ReceivableColumns::of(told, context, mapping);
    Some(PaidAmount {
        version,
        paid_minor: columns.paid_minor.unwrap_or_default(),
        paid_on: columns.paid_on,
        currency: columns.currency,
        event_id,
    })
}

/// Whether a part of an invoice has the fields that say how much was paid.
fn tells_paid(told: &Object, mapping: &InvoiceMapping) -> bool {
    use closegraph_entity::invoice_mapping::Role;
    let has = |role: &Role| {
        let field = mapping.fields.get(role);
        field.is_none_or(|field| told.get(&custom(field)).is_some())
    };
    [Role::Amount, Role::AmountPaid, Role::Balance, Role::Status]
        .iter()
        .all(has)
}

/// The key of a custom value in an object.
fn custom(field: &str) -> String {
    format!("custom.{field}")
}

/// A row that is derived from a record.
fn row<C: Columns>(
    context: &MappingContext,
    record: &Object,
    close_id: &str,
    version: DateTime<Utc>,
    columns: C,
) -> Row<C> {
    Row {
        id: closegraph_entity::record::record_id(context.connection_id, close_id),
        close_id: close_id.to_owned(),
        custom: super::custom(record),
        raw: String::new(),
        source_created_at: record.timestamp("date_created"),
        source_updated_at: version,
        columns,
    }
}

#[cfg(test)]
mod tests;
