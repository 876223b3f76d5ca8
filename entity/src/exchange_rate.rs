//! Rates between currencies, which the operator loads.

use sea_orm::entity::prelude::*;

/// What one unit of a currency was worth in another, from a day on until the next.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "exchange_rate")]
pub struct Model {
    /// ISO 4217.
    #[sea_orm(primary_key, auto_increment = false)]
    pub base: String,
    /// ISO 4217.
    #[sea_orm(primary_key, auto_increment = false)]
    pub quote: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: Date,
    /// Units of `quote` for one of `base`: above zero, with 12 decimals at most.
    pub rate: Decimal,
    pub loaded_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
