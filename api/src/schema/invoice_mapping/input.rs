//! A mapping of invoices as a person gives it.

use std::collections::BTreeMap;

use async_graphql::{InputObject, OneofObject};
use closegraph_entity::custom_type::{CustomType, Kind};
use closegraph_entity::invoice_mapping as stored;
use closegraph_entity::receivable::Status;

use super::super::receivable::ReceivableStatus;
use super::shape::{AmountDecimals, InvoiceLineRole, InvoiceRole};
use crate::error::{ApiError, Result};

/// A field of an invoice and what it means.
#[derive(Debug, InputObject)]
pub(crate) struct InvoiceFieldInput {
    /// What it means.
    role: InvoiceRole,
    /// Id of the field in Close, `cf_…`.
    field_id: String,
}

/// A field of a line and what it means.
#[derive(Debug, InputObject)]
pub(crate) struct InvoiceLineFieldInput {
    /// What it means.
    role: InvoiceLineRole,
    /// Id of the field in Close, `cf_…`.
    field_id: String,
}

/// Lines that are Custom Objects of a type of their own, of which one field refers to the invoice.
#[derive(Debug, InputObject)]
pub(crate) struct InvoiceLineObjectsInput {
    /// Close's `cotype_…`.
    type_id: String,
    /// Its fields that mean something.
    fields: Vec<InvoiceLineFieldInput>,
}

/// Lines that stand in a field of the invoice, a row a line.
#[derive(Debug, InputObject)]
pub(crate) struct InvoiceLineTextInput {
    /// Id of the field in Close, `cf_…`.
    field_id: String,
    /// What stands between two values of a row.
    separator: String,
    /// What the values of a row mean, in their order.
    columns: Vec<InvoiceLineRole>,
}

/// Where the lines of an invoice are.
#[derive(Debug, OneofObject)]
pub(crate) enum InvoiceLinesInput {
    /// Custom Objects of a type of their own.
    Objects(InvoiceLineObjectsInput),
    /// Rows in a field of the invoice.
    Text(InvoiceLineTextInput),
}

/// What a status word means.
#[derive(Debug, InputObject)]
pub(crate) struct InvoiceStatusWordInput {
    /// The word as invoices have it; upper and lower case are the same.
    word: String,
    /// What it means.
    status: ReceivableStatus,
}

/// Which type invoices are of, and which of its fields means what.
#[derive(Debug, InputObject)]
pub(crate) struct InvoiceMappingInput {
    /// Close's `cotype_…` or `actitype_…`; `invoiceMapping { types { id } }` lists them.
    type_id: String,
    /// Each role at most once; one of them is AMOUNT.
    fields: Vec<InvoiceFieldInput>,
    /// Left out where invoices have no lines.
    lines: Option<InvoiceLinesInput>,
    /// Needed with a field of the role STATUS. Words that are not named make a status unknown, which flags the invoice.
    #[graphql(default)]
    status_words: Vec<InvoiceStatusWordInput>,
    /// How amounts are written that are kept as text.
    #[graphql(default)]
    decimals: AmountDecimals,
    /// ISO 4217, for invoices that name none; the organization's, unless given.
    currency: Option<String>,
}

impl InvoiceMappingInput {
    /// The mapping, which fits the types.
    pub(super) fn checked(self, types: &[CustomType]) -> Result<stored::InvoiceMapping> {
        let own = types.iter().find(|one| one.id == self.type_id);
        let kind = own.map_or(Kind::CustomObject, |own| own.kind);
        let fields = self.fields.into_iter();
        let fields = fields.map(|field| (stored::Role::from(field.role), field.field_id));
        let words = self.status_words.into_iter();
        let words = words.map(|given| (given.word, kept(given.status)));
        let mapping = stored::InvoiceMapping {
            type_id: self.type_id,
            kind,
            fields: once(fields, stored::Role::as_str)?,
            lines: self.lines.map(lines).transpose()?,
            status_words: words.collect(),
            decimals: self.decimals.into(),
            currency: self.currency,
        };
        let mapping = mapping.normalized();
        mapping
            .check(types)
            .map_err(|wrong| ApiError::BadInput(wrong.join("\n")))?;
        Ok(mapping)
    }
}

fn lines(given: InvoiceLinesInput) -> Result<stored::Lines> {
    Ok(match given {
        InvoiceLinesInput::Objects(objects) => {
            let fields = objects.fields.into_iter();
            let fields = fields.map(|field| (stored::LineRole::from(field.role), field.field_id));
            stored::Lines::Objects {
                type_id: objects.type_id,
                fields: once(fields, stored::LineRole::as_str)?,
            }
        }
        InvoiceLinesInput::Text(text) => stored::Lines::Text {
            field: text.field_id,
            separator: text.separator,
            columns: text.columns.into_iter().map(Into::into).collect(),
        },
    })
}

/// The fields by their roles, of which each is given once.
fn once<R: Copy + Ord>(
    fields: impl Iterator<Item = (R, String)>,
    word: fn(R) -> &'static str,
) -> Result<BTreeMap<R, String>> {
    let mut by_role = BTreeMap::new();
    for (role, field) in fields {
        if by_role.insert(role, field).is_some() {
            return Err(ApiError::BadInput(format!(
                "{}: the role is given twice; it has one field",
                word(role)
            )));
        }
    }
    Ok(by_role)
}

fn kept(status: ReceivableStatus) -> Status {
    match status {
        ReceivableStatus::Draft => Status::Draft,
        ReceivableStatus::Issued => Status::Issued,
        ReceivableStatus::Paid => Status::Paid,
        ReceivableStatus::Void => Status::Void,
    }
}
