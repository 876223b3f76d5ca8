//! Definitions of custom fields: what a value's `cf_…` is called and how to read it.

use sea_orm::entity::prelude::*;

/// A custom field as it is defined in Close.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "custom_field")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    /// The kind of record that carries it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub record_type: super::record::RecordType,
    /// Close's `cf_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub close_id: String,
    pub name: String,
    /// Close's type word: `text`, `number`, `date`, `datetime`, `choices`, `user`, `contact`, `custom_object`,
    /// `textarea` or `hidden`.
    #[sea_orm(column_name = "type")]
    pub field_type: String,
    pub accepts_multiple_values: bool,
    /// Order in which Close shows it.
    pub position: i32,
    pub synced_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
