//! How an organization keeps its invoices: which type they are of, and which of its fields means what.

mod check;

use super::custom_type::Kind;
use super::receivable::{Flag, PaymentStatus, Status as InvoiceStatus};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The mapping of a connection, and what was proposed for it.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "invoice_mapping")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    pub state: State,
    pub origin: Origin,
    /// An [`InvoiceMapping`]; absent while there is none. It is in use while the state is `active`.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub mapping: Option<Json>,
    /// `[Proposal]`, the best first.
    #[sea_orm(column_type = "JsonBinary")]
    pub proposals: Json,
    /// The token or command that set it, where a person did.
    pub decided_by: Option<String>,
    pub updated_at: DateTimeUtc,
}

/// Writes what a person decided of the connection `$1`: the state `$2`, which is `active` with the mapping `$3`, or `none`
/// without; `$4` is who. Sync maps anew what it holds when the mapping is another one.
pub const SET: &str = "
    insert into invoice_mapping (connection_id, state, origin, mapping, decided_by) values ($1, $2, 'person', $3, $4)
    on conflict (connection_id) do update
       set state = excluded.state, origin = excluded.origin, mapping = excluded.mapping,
           decided_by = excluded.decided_by, updated_at = now()";

/// Takes back what a person decided of the connection `$1`: its types are read again at once, and a mapping is proposed.
pub const RESET: &str = "
    with reread as (update connection set settings_read_at = null where id = $1)
    update invoice_mapping
       set state = 'waiting', origin = 'proposed', mapping = null, decided_by = null, updated_at = now()
     where connection_id = $1";

/// Whether invoices are mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In use.
    Active,
    /// Something looks like invoices, and a person has to decide.
    Waiting,
    /// Nothing looks like invoices, or a person said that there are none.
    None,
}

/// Who made a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Found from names and field types; it follows them when they change.
    Proposed,
    /// Set by a person; only a person changes it.
    Person,
}

/// Which type invoices are of, and which of its fields means what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceMapping {
    /// Close's `cotype_…` or `actitype_…`.
    pub type_id: String,
    pub kind: Kind,
    /// The `cf_…` of each role that a field has.
    pub fields: BTreeMap<Role, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Lines>,
    /// What a status word means, by the word in lower case.
    #[serde(default)]
    pub status_words: BTreeMap<String, InvoiceStatus>,
    /// How amounts are written that are kept as text.
    #[serde(default)]
    pub decimals: Decimals,
    /// ISO 4217, for invoices that name none; absent means the organization's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

/// What a field of an invoice means.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Number,
    /// What is to be paid, tax included.
    Amount,
    Tax,
    Currency,
    AmountPaid,
    /// What is left to pay.
    Balance,
    IssuedOn,
    DueOn,
    PaidOn,
    Status,
    Contact,
    /// Close id of the deal that it bills.
    Opportunity,
    Terms,
}

/// Where the lines of an invoice are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "snake_case")]
pub enum Lines {
    /// Custom Objects of a type of their own, one a line, of which one field refers to the invoice.
    Objects {
        type_id: String,
        fields: BTreeMap<LineRole, String>,
    },
    /// A field of the invoice with a row a line.
    Text {
        field: String,
        /// What stands between two values of a row.
        separator: String,
        /// What the values of a row mean, in their order.
        columns: Vec<LineRole>,
    },
}

/// What a field of a line means.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum LineRole {
    /// The invoice that the line is of.
    Invoice,
    Description,
    Quantity,
    UnitPrice,
    /// Per cent.
    TaxRate,
    Total,
}

/// How an amount is written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decimals {
    /// As the amount itself shows; what can be read in two ways is unknown.
    #[default]
    Auto,
    /// 1,234.50
    Point,
    /// 1.234,50
    Comma,
}

/// A type that may hold the invoices, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub type_name: String,
    /// How sure it is, of 100.
    pub score: u8,
    pub mapping: InvoiceMapping,
    /// What speaks for the type, and against it.
    pub reasons: Vec<String>,
    pub fields: Vec<ProposedField>,
}

/// A field with the role that it seems to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedField {
    pub role: Role,
    pub field_id: String,
    pub field_name: String,
    /// How sure it is, of 100.
    pub score: u8,
    pub reason: String,
}

/// An invoice as a mapping that is tried would make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TriedInvoice {
    pub close_id: String,
    pub number: Option<String>,
    pub status: Option<InvoiceStatus>,
    pub status_label: Option<String>,
    pub payment_status: PaymentStatus,
    pub issued_on: Option<Date>,
    pub due_on: Option<Date>,
    pub paid_on: Option<Date>,
    /// ISO 4217.
    pub currency: String,
    /// Decimal places of the currency.
    pub currency_places: i16,
    pub total_minor: Option<i64>,
    pub tax_minor: Option<i64>,
    pub paid_minor: Option<i64>,
    pub balance_minor: Option<i64>,
    pub flags: Vec<Flag>,
    /// Lines that stand in the invoice, or records that are its lines.
    pub lines: usize,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
