//! What tasks need of a connection: a client (one a credential, so that all share its limiter), the settings that
//! mapping follows, the signing key.

use super::vault::Vault;
use crate::close::signature::SigningKey;
use crate::close::{ClientOptions, CloseClient};
use crate::error::SyncError;
use crate::mapping::MappingContext;
use secrecy::ExposeSecret;
use sqlx::PgPool;
use sqlx::types::Json;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;
use uuid::Uuid;

pub(super) const API_KEY: &str = "api_key";
pub(super) const SIGNING_KEY: &str = "signing_key";

/// The connections of the database. Clones share their clients.
#[derive(Clone, Debug)]
pub struct Connections {
    pool: PgPool,
    vault: Vault,
    options: ClientOptions,
    clients: Arc<Mutex<HashMap<Uuid, Client>>>,
}

/// A client with the sealed credential that it was made of.
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
        let found: Option<(String, Option<Vec<u8>>)> =
            sqlx::query_as("select base_url, credential from connection where id = $1")
                .bind(id)
                .fetch_optional(&self.pool)
                .await?;
        let (base_url, credential) = found.ok_or(SyncError::UnknownConnection(id))?;
        let sealed = credential.ok_or(SyncError::NoCredential(id))?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, client)) = clients.get(&id)
            && *known == sealed
        {
            return Ok(client.clone());
        }
        let api_key = self.vault.open(id, API_KEY, &sealed)?;
        let client = CloseClient::new(&parse_base_url(&base_url)?, api_key, self.options.clone())?
            .shared(self.pool.clone(), id);
        clients.insert(id, (sealed, client.clone()));
        Ok(client)
    }

    /// The settings that mapping follows.
    pub async fn mapping(&self, id: Uuid) -> Result<MappingContext, SyncError> {
        type Settings = (String, i16, Json<BTreeMap<String, String>>);
        let found: Option<Settings> = sqlx::query_as(
            "select currency, value_exponent,
                    (select coalesce(jsonb_object_agg(close_id, name), '{}') from label where connection_id = c.id)
               from connection c where id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        let (currency, exponent, Json(labels)) = found.ok_or(SyncError::UnknownConnection(id))?;
        let value_exponent = u32::try_from(exponent).unwrap_or(2);
        Ok(MappingContext {
            connection_id: id,
            currency,
            value_exponent,
            labels: Arc::new(labels),
        })
    }

    /// The keys of the connection's subscription and of the one before; none when it has none, or there is no such
    /// connection.
    pub async fn signing_keys(&self, id: Uuid) -> Result<Vec<SigningKey>, SyncError> {
        type Sealed = (Option<Vec<u8>>, Option<Vec<u8>>);
        let sealed: Option<Sealed> = sqlx::query_as(
            "select webhook_signing_key, webhook_old_signing_key from connection where id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        let mut keys = Vec::new();
        let sealed = sealed.map_or([None, None], |(new, old)| [new, old]);
        for sealed in sealed.into_iter().flatten() {
            let key = self.vault.open(id, SIGNING_KEY, &sealed)?;
            keys.extend(SigningKey::from_hex(key.expose_secret()));
        }
        Ok(keys)
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
