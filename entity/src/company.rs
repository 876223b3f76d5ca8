//! A company: a Close lead.

use sea_orm::entity::prelude::*;

/// A lead, without the contacts and opportunities that Close embeds in it.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "company")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    pub close_id: String,
    /// The name, else what Close displays in its place.
    pub name: Option<String>,
    pub description: Option<String>,
    /// Free text as typed: it may lack a scheme.
    pub url: Option<String>,
    /// Registrable domain of `url`, lower case.
    pub domain: Option<String>,
    /// Close's `stat_…`.
    pub status_id: Option<String>,
    pub status_label: Option<String>,
    /// `[{"label", "line1", "line2", "city", "region", "postal_code", "country"}]`, empty strings as null.
    #[sea_orm(column_type = "JsonBinary")]
    pub addresses: Json,
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
