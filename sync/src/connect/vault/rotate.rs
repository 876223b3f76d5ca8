//! A new key for all secrets, while processes run.

use super::keys::{KeyStore, Keys, generate};
use super::{Vault, VaultError, WITH_KEY_ID, seal};
use crate::connect::connections::{SIGNING_KEY, credential_place};
use crate::connect::handed_key::HANDED_KEYS;
use crate::connect::oauth::AUTHORIZATION;
use crate::error::SyncError;
use closegraph_entity::connection::AuthMethod;
use sea_orm::ActiveEnum;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

/// Held while keys change, so that two changes at once come one after the other.
const LOCK: i64 = 0x636c_6f73_6576_6175;

/// What a rotation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Secrets that are sealed anew.
    pub resealed: u64,
    /// Secrets that were sealed under the current key already.
    pub current: u64,
    /// Connections with a secret that no key opens; it is left as it is.
    pub unreadable: Vec<Uuid>,
}

/// Seals every secret under another key, in one transaction: a new one that is then kept as the current one, or, with
/// `make_key` false, the one that is current already.
///
/// Processes that run keep working. The new key is kept before the commit, so that whoever finds a secret under it finds
/// the key, too; the one before is kept as well, since a process may be about to store what it has just sealed. Keys before
/// that have nothing left to open and are let go, unless a secret could not be read.
pub async fn rotate(pool: &PgPool, vault: &Vault, make_key: bool) -> Result<Rotated, SyncError> {
    let mut transaction = alone(pool).await?;
    vault.reread()?;
    let store = vault.store.as_deref().filter(|_| make_key);
    let kept = match store {
        Some(store) => [vec![generate()], store.read()?].concat(),
        None => Vec::new(),
    };
    let target = match kept.first() {
        Some(new) => Vault::from_hex(new)?.known(),
        None => vault.known(),
    };
    let rotated = reseal(&mut transaction, vault, &target).await?;
    if let Some(store) = store {
        store.write(&kept)?;
        vault.replace(Keys::parse(&kept)?);
    }
    transaction.commit().await?;
    if let (Some(store), Some(new)) = (store, kept.first())
        && rotated.unreadable.is_empty()
        && kept.len() > 2
    {
        let_go(pool, vault, store, new).await?;
    }
    Ok(rotated)
}

/// A transaction beside which no other changes keys.
async fn alone(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction)
}

/// Lets go of keys that open nothing any more, which they do until the commit, unless another rotation has come meanwhile.
async fn let_go(
    pool: &PgPool,
    vault: &Vault,
    store: &dyn KeyStore,
    current: &SecretString,
) -> Result<(), SyncError> {
    let transaction = alone(pool).await?;
    let mut kept = store.read()?;
    let first = kept.first().map(ExposeSecret::expose_secret);
    if first == Some(current.expose_secret()) {
        kept.truncate(2);
        store.write(&kept)?;
        vault.replace(Keys::parse(&kept)?);
    }
    transaction.commit().await?;
    Ok(())
}

/// The secrets of a connection, as they are sealed.
#[derive(sqlx::FromRow)]
struct Sealed {
    id: Uuid,
    auth_method: String,
    credential: Option<Vec<u8>>,
    webhook_signing_key: Option<Vec<u8>>,
    webhook_old_signing_key: Option<Vec<u8>>,
    webhook_handed_keys: Option<Vec<u8>>,
}

async fn reseal(
    connection: &mut PgConnection,
    vault: &Vault,
    target: &Keys,
) -> Result<Rotated, SyncError> {
    let all: Vec<Sealed> = sqlx::query_as(
        "select id, auth_method, credential, webhook_signing_key, webhook_old_signing_key, webhook_handed_keys
           from connection order by id for update",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut rotated = Rotated::default();
    for mut one in all {
        let method = AuthMethod::try_from_value(&one.auth_method)
            .map_err(|error| sqlx::Error::Decode(error.into()))?;
        let places = [
            (credential_place(method), &mut one.credential),
            (SIGNING_KEY, &mut one.webhook_signing_key),
            (SIGNING_KEY, &mut one.webhook_old_signing_key),
            (HANDED_KEYS, &mut one.webhook_handed_keys),
        ];
        for (place, sealed) in places {
            if let Some(sealed) = sealed {
                rotated.again(vault, target, one.id, place, sealed)?;
            }
        }
        sqlx::query(
            "update connection
                set credential = $2, webhook_signing_key = $3, webhook_old_signing_key = $4, webhook_handed_keys = $5
              where id = $1",
        )
        .bind(one.id)
        .bind(&one.credential)
        .bind(&one.webhook_signing_key)
        .bind(&one.webhook_old_signing_key)
        .bind(&one.webhook_handed_keys)
        .execute(&mut *connection)
        .await?;
    }
    let waiting: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(
        "select id, sealed from authorization_attempt where sealed is not null order by id for update",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (id, mut sealed) in waiting {
        rotated.again(vault, target, id, AUTHORIZATION, &mut sealed)?;
        sqlx::query("update authorization_attempt set sealed = $2 where id = $1")
            .bind(id)
            .bind(sealed)
            .execute(&mut *connection)
            .await?;
    }
    Ok(rotated)
}

impl Rotated {
    fn again(
        &mut self,
        vault: &Vault,
        target: &Keys,
        id: Uuid,
        place: &str,
        sealed: &mut Vec<u8>,
    ) -> Result<(), VaultError> {
        let key = target.current()?;
        if sealed.starts_with(&[&[WITH_KEY_ID][..], &key.id].concat()) {
            self.current += 1;
            return Ok(());
        }
        let opened: Result<SecretString, VaultError> = vault.open(id, place, sealed);
        match opened {
            Ok(secret) => {
                *sealed = seal(key, id, place, &secret)?;
                self.resealed += 1;
            }
            Err(VaultError::Open) => self.unreadable.push(id),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
