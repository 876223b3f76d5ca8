//! What the last comparison with Close found, a row a record type.

use sea_orm::entity::prelude::*;

/// Differences of one record type. All counts are of before a repair.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "drift")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub record_type: String,
    pub run_id: Uuid,
    pub checked_at: DateTimeUtc,
    /// Records that Close has.
    pub compared: i64,
    /// Records that Close has and the mirror lacks.
    pub missing: i64,
    /// Records that the mirror has and Close lacks.
    pub extra: i64,
    /// Records whose content in the mirror is older than Close's.
    pub stale: i64,
    /// How many of these were repaired.
    pub repaired: i64,
    /// Some of them: `[{"closeId", "kind"}]`.
    #[sea_orm(column_type = "JsonBinary")]
    pub examples: Json,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
