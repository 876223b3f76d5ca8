//! Tokens: `cg_` and 43 characters of randomness. Only their SHA-256 is kept; they carry enough randomness for that.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use closegraph_entity::access_entry::Action;
use closegraph_entity::api_token::Role;
use sea_orm::{ActiveEnum, DatabaseConnection};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use uuid::Uuid;

use crate::access::{Actor, record_access};

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

/// Makes a token on the command line and keeps its hash.
pub async fn issue(database: &DatabaseConnection, token: NewToken) -> sqlx::Result<IssuedToken> {
    let pool = database.get_postgres_connection_pool();
    issue_by(pool, token, Actor::command("closegraph token create")).await
}

/// Makes a token, keeps its hash, and notes who made it.
pub(crate) async fn issue_by(
    pool: &PgPool,
    token: NewToken,
    by: Actor<'_>,
) -> sqlx::Result<IssuedToken> {
    let random: [u8; 32] = rand::random();
    let secret = format!("cg_{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    let prefix: String = secret.chars().take(9).collect();
    let id = Uuid::new_v4();
    let mut transaction = pool.begin().await?;
    sqlx::query(INSERT)
        .bind(id)
        .bind(&token.name)
        .bind(&prefix)
        .bind(hash(&secret))
        .bind(token.role.to_value())
        .bind(&token.connections)
        .bind(token.cost_budget)
        .bind(token.expires_at)
        .execute(&mut *transaction)
        .await?;
    let details = json!({ "name": token.name, "prefix": prefix, "role": token.role });
    let (action, connections) = (Action::TokenCreated, token.connections.as_deref());
    record_access(&mut transaction, by, action, connections, Some(id), details).await?;
    transaction.commit().await?;
    Ok(IssuedToken { id, secret, prefix })
}

/// Revokes a token, if it is not revoked yet, and notes who did; whether it was done now. The commit tells all processes.
pub async fn revoke(pool: &PgPool, id: Uuid, by: Actor<'_>) -> sqlx::Result<bool> {
    type Revoked = (String, String, String, Option<Vec<Uuid>>);
    let mut transaction = pool.begin().await?;
    // The first time stays, whoever comes second.
    let revoked: Option<Revoked> = sqlx::query_as(REVOKE)
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
    let Some((name, prefix, role, connections)) = revoked else {
        return Ok(false);
    };
    let details = json!({ "name": name, "prefix": prefix, "role": role });
    let (action, connections) = (Action::TokenRevoked, connections.as_deref());
    record_access(&mut transaction, by, action, connections, Some(id), details).await?;
    transaction.commit().await?;
    Ok(true)
}

const INSERT: &str = "
    insert into api_token (id, name, prefix, hash, role, connections, cost_budget, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";

const REVOKE: &str = "
    update api_token set revoked_at = now() where id = $1 and revoked_at is null
    returning name, prefix, role, connections";

/// What is kept of a token.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
