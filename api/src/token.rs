//! Tokens: `cg_` and 43 characters of randomness. Only their SHA-256 is kept; they carry enough randomness for that.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use closegraph_entity::api_token::{self, Role};
use sea_orm::{ActiveModelTrait, DatabaseConnection, DbErr, Set};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What a token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    pub role: Role,
    /// Connections that it may see; `None` means all.
    pub connections: Option<Vec<Uuid>>,
    /// Rows that a request may cost; `None` means the limit of the configuration.
    pub cost_budget: Option<i64>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token, shown once.
pub struct IssuedToken {
    pub id: Uuid,
    pub secret: String,
    /// What it is recognized by later.
    pub prefix: String,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "IssuedToken({}…)", self.prefix)
    }
}

/// Makes a token and keeps its hash.
pub async fn issue(database: &DatabaseConnection, token: NewToken) -> Result<IssuedToken, DbErr> {
    let random: [u8; 32] = rand::random();
    let secret = format!("cg_{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    let prefix: String = secret.chars().take(9).collect();
    let id = Uuid::new_v4();
    api_token::ActiveModel {
        id: Set(id),
        name: Set(token.name),
        prefix: Set(prefix.clone()),
        hash: Set(hash(&secret)),
        role: Set(token.role),
        connections: Set(token.connections),
        cost_budget: Set(token.cost_budget),
        expires_at: Set(token.expires_at),
        revoked_at: Set(None),
        created_at: Set(Utc::now()),
    }
    .insert(database)
    .await?;
    Ok(IssuedToken { id, secret, prefix })
}

/// What is kept of a token.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
