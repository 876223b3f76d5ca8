//! Invoices to customers, made of the records that the connection's mapping names.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// An invoice. Its record in `custom_record` keeps the raw object under the same id.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "receivable")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    /// Close's `custobj_…` or `acti_…`.
    pub close_id: String,
    pub company_id: Option<Uuid>,
    /// The customer's contact.
    pub person_id: Option<Uuid>,
    /// The deal that a field of the invoice names; see `link` for what is linked.
    pub opportunity_id: Option<Uuid>,
    pub number: Option<String>,
    /// Null where the status word is not among the mapping's.
    pub status: Option<Status>,
    /// The status word itself.
    pub status_label: Option<String>,
    pub payment_status: PaymentStatus,
    pub issued_on: Option<Date>,
    pub due_on: Option<Date>,
    pub paid_on: Option<Date>,
    pub terms: Option<String>,
    /// ISO 4217.
    pub currency: String,
    /// Decimal places of the currency, by ISO 4217.
    pub currency_places: i16,
    /// What is to be paid, tax included, in minor units; null is unknown.
    pub total_minor: Option<i64>,
    pub tax_minor: Option<i64>,
    /// What was paid; the sum of its payments. Null is unknown.
    pub paid_minor: Option<i64>,
    /// What is left to pay: total less paid. Null is unknown.
    pub balance_minor: Option<i64>,
    /// What does not fit together, `[Flag]`.
    #[sea_orm(column_type = "JsonBinary")]
    pub flags: Json,
    /// Custom values by field id: `{"cf_…": value}`.
    #[sea_orm(column_type = "JsonBinary")]
    pub custom: Json,
    pub source_created_at: Option<DateTimeUtc>,
    /// Close's `date_updated`: the version.
    pub source_updated_at: DateTimeUtc,
    pub synced_at: DateTimeUtc,
}

/// Where an invoice stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Draft,
    /// Sent to the customer, and perhaps paid in part.
    Issued,
    Paid,
    /// Cancelled, credited or written off: nothing is owed.
    Void,
}

impl Status {
    /// The word stored in Postgres.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Issued => "issued",
            Self::Paid => "paid",
            Self::Void => "void",
        }
    }
}

/// Whether an invoice is paid, by its amounts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Unpaid,
    Partial,
    Paid,
    Overpaid,
    /// Drafts and void invoices, on which nothing is owed, and what can't be told.
    Unknown,
}

impl PaymentStatus {
    /// The word stored in Postgres.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Partial => "partial",
            Self::Paid => "paid",
            Self::Overpaid => "overpaid",
            Self::Unknown => "unknown",
        }
    }
}

/// What does not fit together in an invoice. It is told, not corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// An amount can't be read as one, or has more decimals than its currency.
    AmountUnreadable,
    /// The currency is none of ISO 4217's; the connection's stands in its place.
    CurrencyUnknown,
    /// The status word is not among the mapping's.
    StatusUnknown,
    /// The balance that Close has is not the total less what was paid.
    BalanceDiffers,
    /// Its status is paid, and its amounts say that money is owed.
    PaidWithBalance,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
