//! What tasks need of a connection: a client (one a credential, so that all share its limiter), the settings that
//! mapping follows, the signing key.

use super::handed_key;
use super::oauth::AppTokens;
use super::vault::Vault;
use crate::close::signature::SigningKey;
use crate::close::{Authorization, ClientOptions, CloseClient};
use crate::error::SyncError;
use crate::mapping::{Categories, MappingContext};
use chrono::{DateTime, Utc};
use closegraph_entity::connection::AuthMethod;
use sea_orm::ActiveEnum;
use secrecy::ExposeSecret;
use sqlx::types::Json;
use sqlx::{PgExecutor, PgPool};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;
use uuid::Uuid;

pub(super) const API_KEY: &str = "api_key";
pub(super) const SIGNING_KEY: &str = "signing_key";

/// What the credential of a connection is sealed as.
pub(super) const fn credential_place(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::ApiKey => API_KEY,
        AuthMethod::OAuth => "oauth",
        AuthMethod::Mcp => "mcp",
    }
}

/// The connections of the database. Clones share their clients.
#[derive(Clone, Debug)]
pub struct Connections {
    pool: PgPool,
    vault: Vault,
    options: ClientOptions,
    clients: Arc<Mutex<HashMap<Uuid, Client>>>,
}

/// The settings that mapping follows, within a transaction or without.
pub(crate) async fn mapping(
    executor: impl PgExecutor<'_>,
    id: Uuid,
) -> Result<MappingContext, SyncError> {
    let found = MappingContext::read(executor, id).await?;
    found.ok_or(SyncError::UnknownConnection(id))
}

/// A client with what it was made of: the sealed credential, where that does not change by itself.
type Client = (Vec<u8>, CloseClient);

impl Connections {
    /// Connections whose secrets `vault` opens.
    pub fn new(pool: PgPool, vault: Vault) -> Self {
        Self {
            pool,
            vault,
            options: ClientOptions::default(),
            clients: Arc::default(),
        }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The client of a connection; the same one until its credential changes.
    pub async fn client(&self, id: Uuid) -> Result<CloseClient, SyncError> {
        let (_, client) = self.sealed_client(id, false).await?;
        Ok(client)
    }

    /// The same of a connection that is being ended, with which nothing else is read any more.
    pub(super) async fn last_client(&self, id: Uuid) -> Result<CloseClient, SyncError> {
        let (_, client) = self.sealed_client(id, true).await?;
        Ok(client)
    }

    async fn sealed_client(&self, id: Uuid, even_ended: bool) -> Result<Client, SyncError> {
        let found: Option<(String, Option<Vec<u8>>, String)> = sqlx::query_as(
            "select base_url, case when $2 or status <> 'disconnected' then credential end, auth_method
               from connection where id = $1",
        )
        .bind(id)
        .bind(even_ended)
        .fetch_optional(&self.pool)
        .await?;
        let (base_url, credential, method) = found.ok_or(SyncError::UnknownConnection(id))?;
        let sealed = credential.ok_or(SyncError::NoCredential(id))?;
        let method = AuthMethod::try_from_value(&method)
            .map_err(|error| sqlx::Error::Decode(error.into()))?;
        let known = match method {
            AuthMethod::ApiKey => sealed.clone(),
            // Tokens come and go: the client stays.
            AuthMethod::OAuth => format!("{even_ended} {base_url}").into_bytes(),
            AuthMethod::Mcp => return Err(SyncError::OnlyMcp(id)),
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_of, client)) = clients.get(&id)
            && *made_of == known
        {
            return Ok((sealed, client.clone()));
        }
        let authorization = match method {
            AuthMethod::ApiKey => Authorization::Key(self.vault.open(id, API_KEY, &sealed)?),
            _ => Authorization::Tokens(Arc::new(AppTokens::new(self, id, even_ended))),
        };
        let base_url = parse_base_url(&base_url)?;
        let client = CloseClient::proving(&base_url, authorization, self.options.clone())?;
        let client = client.shared(self.pool.clone(), id);
        clients.insert(id, (known, client.clone()));
        Ok((sealed, client))
    }

    /// The same with clients of its own, of which it has none yet.
    pub(super) fn without_clients(&self) -> Self {
        Self {
            clients: Arc::default(),
            ..self.clone()
        }
    }

    /// Whether a connection is by a grant for the MCP server.
    pub(crate) async fn is_by_mcp(&self, id: Uuid) -> Result<bool, SyncError> {
        let by_mcp = sqlx::query_scalar("select auth_method = 'mcp' from connection where id = $1");
        let by_mcp = by_mcp.bind(id).fetch_optional(&self.pool).await?;
        by_mcp.ok_or(SyncError::UnknownConnection(id))
    }

    /// The settings that mapping follows.
    pub async fn mapping(&self, id: Uuid) -> Result<MappingContext, SyncError> {
        mapping(&self.pool, id).await
    }

    /// Sets the rules by which won deals get a category, of all connections; `None` stands for those that come with the
    /// program. What is stored is mapped again by itself.
    pub async fn set_categories(&self, rules: Option<&Categories>) -> Result<(), SyncError> {
        sqlx::query(
            "update connection set category_rules = $1 where category_rules is distinct from $1",
        )
        .bind(rules.map(Json))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The settings of all connections that are to be synced.
    pub(crate) async fn mappings(&self) -> Result<HashMap<Uuid, MappingContext>, SyncError> {
        let all = MappingContext::read_all(&self.pool).await?;
        Ok(all
            .into_iter()
            .map(|one| (one.connection_id, one))
            .collect())
    }

    /// The keys of the connection's subscription, of the one before, and those that a person handed over; none when it
    /// has none, or there is no such connection.
    pub async fn signing_keys(&self, id: Uuid) -> Result<Vec<SigningKey>, SyncError> {
        type Sealed = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);
        let sealed: Option<Sealed> = sqlx::query_as(
            "select webhook_signing_key, webhook_old_signing_key, webhook_handed_keys from connection where id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        let mut keys = Vec::new();
        let (new, old, handed) = sealed.unwrap_or_default();
        if let Some(new) = new {
            let key = self.vault.open(id, SIGNING_KEY, &new)?;
            keys.extend(SigningKey::from_hex(key.expose_secret()));
        }
        // One that was sealed under a lost key of the vault is of no use, and in nobody's way.
        if let Some(key) = old.and_then(|old| self.vault.open(id, SIGNING_KEY, &old).ok()) {
            keys.extend(SigningKey::from_hex(key.expose_secret()));
        }
        let handed = handed.and_then(|handed| handed_key::read(self, id, &handed).ok());
        for key in handed.unwrap_or_default() {
            keys.extend(SigningKey::from_hex(key.expose_secret()));
        }
        Ok(keys)
    }

    /// Notes that Close refuses the credential, should it do so when asked who it is, and nobody have connected again: nothing is asked any more until a
    /// person connects again. What Close delivers is still taken.
    pub(crate) async fn check_credential(&self, id: Uuid) -> Result<(), SyncError> {
        let (sealed, client) = self.sealed_client(id, false).await?;
        let connected_at: DateTime<Utc> =
            sqlx::query_scalar("select updated_at from connection where id = $1")
                .bind(id)
                .fetch_one(&self.pool)
                .await?;
        let answer: Result<serde_json::Value, _> = client.get("me/", &[]).await;
        let Err(error) = answer else { return Ok(()) };
        if !error.is_unauthorized() {
            return Err(error.into());
        }
        let reason = format!("Close refuses the credential ({error}): connect again");
        let given_up = sqlx::query(
            "update connection set status = 'needs_reconnect', status_reason = $2, updated_at = now()
              where id = $1 and status = 'active'
                and (credential = $3 or auth_method = 'oauth' and updated_at = $4)",
        )
        .bind(id)
        .bind(reason)
        .bind(sealed)
        .bind(connected_at)
        .execute(&self.pool)
        .await?;
        if given_up.rows_affected() > 0 {
            tracing::error!(connection = %id, "Close refuses the credential: the connection is given up until a person connects again");
        }
        Ok(())
    }

    /// Lets go of the credentials of all other connections, as far as this process holds them.
    pub(crate) fn forget_others(&self, active: &[Uuid]) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|id, _| active.contains(id));
    }

    /// Ids of the connections that are to be synced.
    pub async fn active(&self) -> Result<Vec<Uuid>, SyncError> {
        let ids = sqlx::query_scalar(
            "select id from connection where status = 'active' order by created_at",
        );
        Ok(ids.fetch_all(&self.pool).await?)
    }
}

pub(super) fn parse_base_url(text: &str) -> Result<Url, SyncError> {
    Url::parse(text).map_err(|_| SyncError::InvalidInput {
        what: "the base URL",
        given: text.to_owned(),
        allowed: "an address such as https://api.close.com/api/v1/",
    })
}
