//! A request for access that a person answers in Close.

use sea_orm::entity::prelude::*;

/// A request, kept for a day. It can be answered once, before it expires.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_attempt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// SHA-256 of the state, by which the answer finds it.
    #[sea_orm(unique)]
    pub state_hash: Vec<u8>,
    /// The MCP server that access is for, or the root of the REST API.
    pub server_url: String,
    /// The client that was registered and the verifier of the code, sealed; gone once it is answered.
    pub sealed: Option<Vec<u8>>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub used_at: Option<DateTimeUtc>,
    /// The connection that came of it.
    pub connection_id: Option<Uuid>,
    /// Why none came of it, in words for whoever asked.
    pub problem: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
