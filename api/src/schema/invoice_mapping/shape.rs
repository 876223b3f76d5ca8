//! A mapping of invoices as it is shown, with names beside ids.

use async_graphql::{Enum, SimpleObject};
use closegraph_entity::custom_type as types;
use closegraph_entity::invoice_mapping as stored;
use closegraph_entity::receivable::Status;

use super::super::receivable::ReceivableStatus;

/// What a field of an invoice means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "stored::Role")]
pub(crate) enum InvoiceRole {
    /// The number of the invoice.
    Number,
    /// What is to be paid, tax included. Every mapping has it.
    Amount,
    /// The tax in it.
    Tax,
    /// The currency, ISO 4217.
    Currency,
    /// What was paid.
    AmountPaid,
    /// What is left to pay.
    Balance,
    /// The day of issue.
    IssuedOn,
    /// The due date.
    DueOn,
    /// The day on which it was paid.
    PaidOn,
    /// The status word.
    Status,
    /// The customer's contact.
    Contact,
    /// Close id of the deal that it bills.
    Opportunity,
    /// The terms of payment.
    Terms,
}

/// What a field of a line means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "stored::LineRole")]
pub(crate) enum InvoiceLineRole {
    /// The invoice that the line is of; only where lines are Custom Objects, and needed there.
    Invoice,
    /// What was sold.
    Description,
    /// How much of it.
    Quantity,
    /// The price of one.
    UnitPrice,
    /// Per cent.
    TaxRate,
    /// What the line comes to.
    Total,
}

/// How amounts are written that are kept as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(remote = "stored::Decimals")]
pub(crate) enum AmountDecimals {
    /// As the amount itself shows; what can be read in two ways is unknown.
    #[default]
    Auto,
    /// 1,234.50
    Point,
    /// 1.234,50
    Comma,
}

/// What the records of a type are in Close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "types::Kind")]
pub(crate) enum CustomTypeKind {
    /// Custom Objects.
    CustomObject,
    /// Custom Activities.
    CustomActivity,
}

/// A field of an invoice and what it means.
#[derive(Debug, SimpleObject)]
pub(crate) struct InvoiceField {
    /// What it means.
    role: InvoiceRole,
    /// Id of the field in Close, `cf_…`.
    field_id: String,
    /// Its name; null when it is not there any more.
    field_name: Option<String>,
}

/// A field of a line and what it means.
#[derive(Debug, SimpleObject)]
pub(crate) struct InvoiceLineField {
    /// What it means.
    role: InvoiceLineRole,
    /// Id of the field in Close, `cf_…`.
    field_id: String,
    /// Its name; null when it is not there any more.
    field_name: Option<String>,
}

/// Lines that are Custom Objects of a type of their own.
#[derive(Debug, SimpleObject)]
pub(crate) struct InvoiceLineObjects {
    /// Close's `cotype_…`.
    type_id: String,
    /// Its name; null when it is not there any more.
    type_name: Option<String>,
    /// Its fields that mean something.
    fields: Vec<InvoiceLineField>,
}

/// Lines that stand in a field of the invoice, a row a line.
#[derive(Debug, SimpleObject)]
pub(crate) struct InvoiceLineText {
    /// Id of the field in Close, `cf_…`.
    field_id: String,
    /// Its name; null when it is not there any more.
    field_name: Option<String>,
    /// What stands between two values of a row.
    separator: String,
    /// What the values of a row mean, in their order.
    columns: Vec<InvoiceLineRole>,
}

/// Where the lines of an invoice are: exactly one of these.
#[derive(Debug, SimpleObject)]
pub(crate) struct InvoiceLines {
    /// Custom Objects of a type of their own.
    objects: Option<InvoiceLineObjects>,
    /// Rows in a field of the invoice.
    text: Option<InvoiceLineText>,
}

/// What a status word means.
#[derive(Debug, SimpleObject)]
pub(crate) struct InvoiceStatusWord {
    /// The word in lower case.
    word: String,
    /// What it means.
    status: ReceivableStatus,
}

/// Which type invoices are of, and which of its fields means what.
#[derive(Debug, SimpleObject)]
pub(crate) struct InvoiceMapping {
    /// Close's `cotype_…` or `actitype_…`.
    type_id: String,
    /// Its name; null when it is not there any more.
    type_name: Option<String>,
    /// What invoices are in Close.
    kind: CustomTypeKind,
    /// The fields that mean something.
    fields: Vec<InvoiceField>,
    /// Null where invoices have no lines.
    lines: Option<InvoiceLines>,
    /// What the words of the status mean; words that are not named are unknown.
    status_words: Vec<InvoiceStatusWord>,
    /// How amounts are written that are kept as text.
    decimals: AmountDecimals,
    /// ISO 4217, for invoices that name none; null means the organization's.
    currency: Option<String>,
}

/// A field with the role that it seems to have.
#[derive(Debug, SimpleObject)]
pub(crate) struct ProposedInvoiceField {
    /// What it seems to mean.
    role: InvoiceRole,
    /// Id of the field in Close, `cf_…`.
    field_id: String,
    /// Its name in Close.
    field_name: String,
    /// How sure it is, from 0 to 1.
    score: f64,
    /// What speaks for it, in words.
    reason: String,
}

/// A type that may hold the invoices.
#[derive(Debug, SimpleObject)]
pub(crate) struct InvoiceMappingProposal {
    /// Name of the type in Close.
    type_name: String,
    /// How sure it is, from 0 to 1.
    score: f64,
    /// What speaks for it, and against it.
    reasons: Vec<String>,
    /// Its fields with the roles that they seem to have.
    fields: Vec<ProposedInvoiceField>,
    /// What would be used.
    mapping: InvoiceMapping,
}

/// A field of a custom type.
#[derive(Debug, SimpleObject)]
pub(crate) struct CustomTypeField {
    /// Id of the field in Close, `cf_…`.
    id: String,
    /// Its name in Close.
    name: String,
    /// Its type in Close: text, number, date, datetime, choices, user, contact, custom_object, textarea or hidden.
    r#type: String,
    /// The words that a `choices` field offers.
    choices: Vec<String>,
    /// Whether a record may have several values in it.
    accepts_multiple_values: bool,
    /// The type that a `custom_object` field refers to, `cotype_…`.
    refers_to: Option<String>,
    /// What it can mean in an invoice.
    roles: Vec<InvoiceRole>,
}

/// A Custom Object type or Custom Activity type of the organization.
#[derive(Debug, SimpleObject)]
pub(crate) struct CustomType {
    /// Close's `cotype_…` or `actitype_…`.
    id: String,
    /// What its records are in Close.
    kind: CustomTypeKind,
    /// Its name in Close.
    name: String,
    /// Whether it is out of use in Close.
    archived: bool,
    /// Its fields, in the order of Close.
    fields: Vec<CustomTypeField>,
}

/// The names of types and fields.
#[derive(Clone, Copy)]
pub(super) struct Names<'a>(pub(super) &'a [types::CustomType]);

impl Names<'_> {
    fn of_type(self, id: &str) -> Option<String> {
        let found = self.0.iter().find(|one| one.id == id)?;
        Some(found.name.clone())
    }

    fn of_field(self, type_id: &str, id: &str) -> Option<String> {
        let of = self.0.iter().find(|one| one.id == type_id)?;
        let found = of.fields.iter().find(|field| field.id == id)?;
        Some(found.name.clone())
    }

    pub(super) fn mapping(self, mapping: &stored::InvoiceMapping) -> InvoiceMapping {
        let own = |field: &str| self.of_field(&mapping.type_id, field);
        let fields = mapping.fields.iter().map(|(role, field)| InvoiceField {
            role: (*role).into(),
            field_id: field.clone(),
            field_name: own(field),
        });
        let words = mapping.status_words.iter();
        InvoiceMapping {
            type_id: mapping.type_id.clone(),
            type_name: self.of_type(&mapping.type_id),
            kind: mapping.kind.into(),
            fields: fields.collect(),
            lines: mapping
                .lines
                .as_ref()
                .map(|lines| self.lines(&mapping.type_id, lines)),
            status_words: words
                .map(|(word, status)| InvoiceStatusWord {
                    word: word.clone(),
                    status: shown(*status),
                })
                .collect(),
            decimals: mapping.decimals.into(),
            currency: mapping.currency.clone(),
        }
    }

    fn lines(self, invoice: &str, lines: &stored::Lines) -> InvoiceLines {
        match lines {
            stored::Lines::Objects { type_id, fields } => {
                let fields = fields.iter().map(|(role, field)| InvoiceLineField {
                    role: (*role).into(),
                    field_id: field.clone(),
                    field_name: self.of_field(type_id, field),
                });
                let objects = InvoiceLineObjects {
                    type_id: type_id.clone(),
                    type_name: self.of_type(type_id),
                    fields: fields.collect(),
                };
                InvoiceLines {
                    objects: Some(objects),
                    text: None,
                }
            }
            stored::Lines::Text {
                field,
                separator,
                columns,
            } => {
                let text = InvoiceLineText {
                    field_id: field.clone(),
                    field_name: self.of_field(invoice, field),
                    separator: separator.clone(),
                    columns: columns.iter().map(|role| (*role).into()).collect(),
                };
                InvoiceLines {
                    objects: None,
                    text: Some(text),
                }
            }
        }
    }

    pub(super) fn proposal(self, proposal: &stored::Proposal) -> InvoiceMappingProposal {
        let fields = proposal.fields.iter().map(|field| ProposedInvoiceField {
            role: field.role.into(),
            field_id: field.field_id.clone(),
            field_name: field.field_name.clone(),
            score: f64::from(field.score) / 100.0,
            reason: field.reason.clone(),
        });
        InvoiceMappingProposal {
            type_name: proposal.type_name.clone(),
            score: f64::from(proposal.score) / 100.0,
            reasons: proposal.reasons.clone(),
            fields: fields.collect(),
            mapping: self.mapping(&proposal.mapping),
        }
    }

    pub(super) fn types(self) -> Vec<CustomType> {
        self.0.iter().map(custom_type).collect()
    }
}

fn custom_type(one: &types::CustomType) -> CustomType {
    use sea_orm::Iterable;
    let fields = one.fields.iter().map(|field| {
        let able = stored::Role::iter()
            .filter(|role| role.field_types().contains(&field.field_type.as_str()));
        CustomTypeField {
            id: field.id.clone(),
            name: field.name.clone(),
            r#type: field.field_type.clone(),
            choices: field.choices.clone(),
            accepts_multiple_values: field.accepts_multiple_values,
            refers_to: field.referenced_custom_type_id.clone(),
            roles: able.map(Into::into).collect(),
        }
    });
    CustomType {
        id: one.id.clone(),
        kind: one.kind.into(),
        name: one.name.clone(),
        archived: one.archived,
        fields: fields.collect(),
    }
}

pub(super) fn shown(status: Status) -> ReceivableStatus {
    match status {
        Status::Draft => ReceivableStatus::Draft,
        Status::Issued => ReceivableStatus::Issued,
        Status::Paid => ReceivableStatus::Paid,
        Status::Void => ReceivableStatus::Void,
    }
}
