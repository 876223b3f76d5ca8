//! Sessions of people who signed in by browser.

use sea_orm::entity::prelude::*;

use crate::api_token::Role;

/// A session. It stands for a token, as long as that works, or for a person whom an OpenID Connect provider named. Only the
/// SHA-256 of its cookie is kept.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "browser_session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// SHA-256 of the cookie.
    #[sea_orm(unique)]
    pub hash: Vec<u8>,
    /// The token that it stands for; null for a person.
    pub token_id: Option<Uuid>,
    /// The provider that named the person.
    pub issuer: Option<String>,
    /// The person, as the provider names it.
    pub subject: Option<String>,
    /// What the person may do; a token says that for itself.
    pub role: Option<Role>,
    /// Connections that the person may see; null means all, or what the token says.
    pub connections: Option<Vec<Uuid>>,
    pub created_at: DateTimeUtc,
    /// The last use, some seconds old at most.
    pub used_at: DateTimeUtc,
    /// The end, however much it is used.
    pub expires_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
