//! Custom Object types and Custom Activity types as they are defined in Close, with their fields.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A type that an organization has made for itself.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "custom_type")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    /// Close's `cotype_…` or `actitype_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub close_id: String,
    pub kind: Kind,
    pub name: String,
    pub archived: bool,
    /// `[TypeField]`, in the order in which Close shows them.
    #[sea_orm(column_type = "JsonBinary")]
    pub fields: Json,
    pub synced_at: DateTimeUtc,
}

/// What the records of a type are in Close.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    CustomObject,
    CustomActivity,
}

impl Kind {
    /// The word stored in Postgres.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CustomObject => "custom_object",
            Self::CustomActivity => "custom_activity",
        }
    }
}

/// A type as mappings see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomType {
    /// Close's `cotype_…` or `actitype_…`.
    pub id: String,
    pub kind: Kind,
    pub name: String,
    pub archived: bool,
    pub fields: Vec<TypeField>,
}

/// A field of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeField {
    /// Close's `cf_…`.
    pub id: String,
    pub name: String,
    /// Close's word: `text`, `number`, `date`, `datetime`, `choices`, `user`, `contact`, `custom_object`, `textarea` or
    /// `hidden`.
    #[serde(rename = "type")]
    pub field_type: String,
    /// The words that a `choices` field offers.
    #[serde(default)]
    pub choices: Vec<String>,
    #[serde(default)]
    pub accepts_multiple_values: bool,
    /// The `cotype_…` that a `custom_object` field refers to.
    #[serde(default)]
    pub referenced_custom_type_id: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
