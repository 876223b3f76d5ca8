//! A person: a Close contact.

use sea_orm::entity::prelude::*;

/// A contact. It belongs to exactly one company at a time and may move to another.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "person")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    pub close_id: String,
    pub company_id: Option<Uuid>,
    pub name: Option<String>,
    pub title: Option<String>,
    pub primary_email: Option<String>,
    /// E.164 where Close could parse it.
    pub primary_phone: Option<String>,
    /// `[{"type", "email"}]`.
    #[sea_orm(column_type = "JsonBinary")]
    pub emails: Json,
    /// `[{"type", "number", "formatted", "country"}]`.
    #[sea_orm(column_type = "JsonBinary")]
    pub phones: Json,
    /// `[{"type", "url"}]`.
    #[sea_orm(column_type = "JsonBinary")]
    pub urls: Json,
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
