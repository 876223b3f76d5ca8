//! How much of an invoice was paid as of each of its versions: what its payments are computed from, whatever the order
//! in which the versions arrived.

use sea_orm::entity::prelude::*;

/// What was paid of an invoice as of one of its versions. Kept when the invoice is deleted, since it may be restored.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "paid_amount")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub receivable_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: DateTimeUtc,
    pub connection_id: Uuid,
    /// ISO 4217.
    pub currency: String,
    pub paid_minor: i64,
    pub paid_on: Option<Date>,
    pub event_id: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
