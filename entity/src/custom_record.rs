//! Custom Objects and Custom Activities as they are kept in Close: what invoices and their lines are made of.

use sea_orm::entity::prelude::*;

/// A record of a custom type. What it means follows from the mapping, so that another mapping asks Close for nothing.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "custom_record")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    /// Close's `custobj_…` or `acti_…`.
    pub close_id: String,
    pub kind: super::custom_type::Kind,
    /// Close's `cotype_…` or `actitype_…`.
    pub type_id: Option<String>,
    pub company_id: Option<Uuid>,
    pub name: Option<String>,
    /// Custom values by field id: `{"cf_…": value}`.
    #[sea_orm(column_type = "JsonBinary")]
    pub custom: Json,
    /// The object as Close sent it.
    #[sea_orm(column_type = "JsonBinary")]
    pub raw: Json,
    pub source_created_at: Option<DateTimeUtc>,
    /// Close's `date_updated`: the version.
    pub source_updated_at: DateTimeUtc,
    pub synced_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
