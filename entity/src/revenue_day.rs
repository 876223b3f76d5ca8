//! Transactions by day, for figures over long times. Written by triggers of `transaction`, in the same commit.

use sea_orm::entity::prelude::*;

/// A part of what came in on a day in one currency: all rows of the day add up. Some take away what a later version or a
/// deletion took away. Transactions without a day are in none.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revenue_day")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub connection_id: Uuid,
    pub kind: super::transaction::Kind,
    pub occurred_on: Date,
    /// ISO 4217.
    pub currency: String,
    /// Of the known amounts, in minor units; no limit to its digits, so that no sum can overflow.
    pub total_minor: Decimal,
    /// Transactions.
    pub deals: i64,
    /// Transactions whose amount is known.
    pub known: i64,
    /// Whether earlier rows of the day were added into this one.
    pub folded: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
