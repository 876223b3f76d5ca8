//! Lines of invoices.

use sea_orm::entity::prelude::*;

/// A line of an invoice. Its amounts are in major units of the invoice's currency, exact as they were typed: the invoice
/// may arrive after its lines.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "receivable_line")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    /// Close id of the record that it was read from: the line's own, or the invoice's.
    pub close_id: String,
    pub receivable_id: Option<Uuid>,
    /// Place among the lines of its record.
    pub position: i32,
    pub description: Option<String>,
    pub quantity: Option<Decimal>,
    pub unit_price: Option<Decimal>,
    /// Per cent.
    pub tax_rate: Option<Decimal>,
    pub total: Option<Decimal>,
    /// Custom values by field id: `{"cf_…": value}`.
    #[sea_orm(column_type = "JsonBinary")]
    pub custom: Json,
    pub source_created_at: Option<DateTimeUtc>,
    /// The version of the record that it was read from.
    pub source_updated_at: DateTimeUtc,
    pub synced_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
