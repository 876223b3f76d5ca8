//! Tokens with which people, dashboards and agents ask the API.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A token. Only its SHA-256 is kept.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    /// First characters, to recognize it by.
    pub prefix: String,
    /// SHA-256 of the whole token.
    #[sea_orm(unique)]
    pub hash: Vec<u8>,
    pub role: Role,
    /// Connections that it may see; null means all.
    pub connections: Option<Vec<Uuid>>,
    /// Rows that a request may cost; null means the limit of the configuration.
    pub cost_budget: Option<i64>,
    pub expires_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
}

/// What a token may do.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads the mirror.
    Viewer,
    /// Also repairs it: replays events, links records.
    Operator,
    /// Also manages connections and tokens.
    Admin,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
