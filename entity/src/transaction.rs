//! Money that came in: a won deal, or the payment of an invoice. The two are never added up.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A booked amount. Derived from its opportunity or its invoice, whose record keeps the raw object; gone when the deal
/// leaves "won".
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "transaction")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    /// Close id of the record that it is derived from.
    pub close_id: String,
    pub kind: Kind,
    /// The deal that was won.
    pub opportunity_id: Option<Uuid>,
    /// The invoice that was paid.
    pub receivable_id: Option<Uuid>,
    pub company_id: Option<Uuid>,
    pub person_id: Option<Uuid>,
    pub owner_id: Option<Uuid>,
    /// Day of the win or of the payment; null where Close has none, and then in no period.
    pub occurred_on: Option<Date>,
    /// Minor units of `currency`; null is unknown, not zero. Negative where a payment was taken back.
    pub amount_minor: Option<i64>,
    /// ISO 4217.
    pub currency: String,
    pub billing_period: super::opportunity::ValuePeriod,
    pub category: Option<String>,
    /// Name of the rule that gave the category.
    pub category_rule: Option<String>,
    pub pipeline_id: Option<String>,
    pub pipeline_name: Option<String>,
    /// Custom values of the opportunity by field id: `{"cf_…": value}`.
    #[sea_orm(column_type = "JsonBinary")]
    pub custom: Json,
    pub source_created_at: Option<DateTimeUtc>,
    /// The version of the record that it is derived from.
    pub source_updated_at: DateTimeUtc,
    pub synced_at: DateTimeUtc,
}

/// What was booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    WonDeal,
    InvoicePayment,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
