//! A user of the Close organization.

use sea_orm::entity::prelude::*;

/// A Close user: owner of deals, actor of changes.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "member")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    pub close_id: String,
    pub name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub time_zone: Option<String>,
    /// Custom values by field id: `{"cf_…": value}`.
    #[sea_orm(column_type = "JsonBinary")]
    pub custom: Json,
    /// The object as Close sent it, so that a better mapping is a replay.
    #[sea_orm(column_type = "JsonBinary")]
    pub raw: Json,
    pub source_created_at: Option<DateTimeUtc>,
    /// The version of the record: Close's own `date_updated`, to the microsecond.
    pub source_updated_at: DateTimeUtc,
    pub synced_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
