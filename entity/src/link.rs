//! Which invoice bills which won deal.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// An invoice and a won deal that belong together, may, or do not.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "link")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub receivable_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub opportunity_id: Uuid,
    pub connection_id: Uuid,
    pub state: State,
    pub origin: Origin,
    /// How sure it is, of 100.
    pub score: i16,
    /// What speaks for it, in words: `["the same amount", …]`.
    #[sea_orm(column_type = "JsonBinary")]
    pub reasons: Json,
    /// The token or command of the person who decided.
    pub decided_by: Option<String>,
    pub updated_at: DateTimeUtc,
}

/// Whether the two belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum State {
    Linked,
    /// A person may decide.
    Candidate,
    /// A person decided that they do not.
    Rejected,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A field of the invoice names the deal.
    Field,
    /// Company, amount, currency and dates.
    Match,
    /// A person; later runs respect it.
    Person,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
