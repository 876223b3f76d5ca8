//! Secrets at rest: sealed with XChaCha20-Poly1305, bound to the row and the place where they stand. Several keys can be
//! read, one is current. A sealed secret names its key.

mod keys;
mod rotate;

pub use keys::{KeyStore, generate};
pub use rotate::{Rotated, rotate};

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};
use hmac::Mac;
use keys::{ID, Key, Keys};
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, PoisonError, RwLock};
use uuid::Uuid;

/// First byte of a sealed secret, its format: without the id of its key.
const WITHOUT_KEY_ID: u8 = 1;
/// With the id of its key, which its associated data holds, too.
const WITH_KEY_ID: u8 = 2;
const NONCE: usize = 24;

/// Why a secret can't be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("the vault key is not valid: 64 hex characters are needed")]
    Key,
    #[error("the vault has no key")]
    NoKey,
    #[error("the vault's keys can't be read or written where they are kept")]
    Kept,
    #[error("a secret could not be sealed")]
    Seal,
    #[error("a kept secret can't be opened: the vault key is not the one that sealed it")]
    Open,
}

/// Seals and opens secrets. Clones share their keys.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<RwLock<Arc<Keys>>>,
    /// Where the keys are kept, if they can change while this process runs.
    store: Option<Arc<dyn KeyStore>>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vault(…)")
    }
}

impl Vault {
    /// A vault under a key of 32 bytes in hex.
    pub fn from_hex(key: &SecretString) -> Result<Self, VaultError> {
        Self::of(std::slice::from_ref(key))
    }

    /// A vault that seals under the first key and opens what any of them sealed.
    pub fn of(keys: &[SecretString]) -> Result<Self, VaultError> {
        Ok(Self {
            keys: Arc::new(RwLock::new(Arc::new(Keys::parse(keys)?))),
            store: None,
        })
    }

    /// A vault whose keys are kept elsewhere, where another process can change them: they are read again before a secret
    /// is sealed, and when one was sealed under a key that is not known.
    pub fn kept_in(store: impl KeyStore + 'static) -> Result<Self, VaultError> {
        let keys = Keys::parse(&store.read()?)?;
        Ok(Self {
            keys: Arc::new(RwLock::new(Arc::new(keys))),
            store: Some(Arc::new(store)),
        })
    }

    /// Seals a secret of a connection; `place` names what it is.
    pub fn seal(
        &self,
        connection_id: Uuid,
        place: &str,
        secret: &SecretString,
    ) -> Result<Vec<u8>, VaultError> {
        // Where the keys can't be read now, those that are known still do: what they seal can be opened by all.
        self.reread().ok();
        seal(self.known().current()?, connection_id, place, secret)
    }

    /// An id that is the same for the same name under the same key, and that nobody guesses without.
    pub(super) fn id_of(&self, name: &str) -> Result<Uuid, VaultError> {
        let known = self.known();
        let mut ids = known.current()?.ids.clone();
        ids.update(b"closegraph id of ");
        ids.update(name.as_bytes());
        let bytes = ids.finalize().into_bytes();
        let bytes = bytes.first_chunk::<16>().ok_or(VaultError::Key)?;
        Ok(uuid::Builder::from_custom_bytes(*bytes).into_uuid())
    }

    /// Opens what [`Self::seal`] made, for the same connection and place only.
    pub fn open(
        &self,
        connection_id: Uuid,
        place: &str,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        let known = self.known();
        match known.open(connection_id, place, sealed) {
            Err(VaultError::Open) if self.store.is_some() && !known.may_know(sealed) => {
                self.reread()?;
                self.known().open(connection_id, place, sealed)
            }
            opened => opened,
        }
    }

    fn known(&self) -> Arc<Keys> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&keys)
    }

    fn reread(&self) -> Result<(), VaultError> {
        if let Some(store) = &self.store {
            self.replace(Keys::parse(&store.read()?)?);
        }
        Ok(())
    }

    fn replace(&self, keys: Keys) {
        let mut known = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *known = Arc::new(keys);
    }
}

fn seal(
    key: &Key,
    connection_id: Uuid,
    place: &str,
    secret: &SecretString,
) -> Result<Vec<u8>, VaultError> {
    let nonce: [u8; NONCE] = rand::random();
    let payload = Payload {
        msg: secret.expose_secret().as_bytes(),
        aad: &bound_to(key, connection_id, place),
    };
    let sealed = key
        .cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| VaultError::Seal)?;
    Ok([&[WITH_KEY_ID][..], &key.id, &nonce, &sealed].concat())
}

impl Keys {
    fn open(
        &self,
        connection_id: Uuid,
        place: &str,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        let (format, rest) = sealed.split_first().ok_or(VaultError::Open)?;
        match *format {
            WITHOUT_KEY_ID => {
                let aad = [connection_id.as_bytes(), place.as_bytes()].concat();
                let mut tried = self.all().iter().map(|key| unseal(key, &aad, rest));
                tried.find_map(Result::ok).ok_or(VaultError::Open)
            }
            WITH_KEY_ID => {
                let (id, rest) = rest.split_at_checked(ID).ok_or(VaultError::Open)?;
                let key = self.find(id).ok_or(VaultError::Open)?;
                unseal(key, &bound_to(key, connection_id, place), rest)
            }
            _ => Err(VaultError::Open),
        }
    }

    /// Whether the key that sealed it would be among these.
    fn may_know(&self, sealed: &[u8]) -> bool {
        match sealed.split_first() {
            Some((&WITH_KEY_ID, rest)) => rest.get(..ID).is_some_and(|id| self.find(id).is_some()),
            _ => false,
        }
    }
}

fn unseal(key: &Key, aad: &[u8], rest: &[u8]) -> Result<SecretString, VaultError> {
    let (nonce, msg) = rest.split_at_checked(NONCE).ok_or(VaultError::Open)?;
    let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| VaultError::Open)?;
    let opened = key
        .cipher
        .decrypt(&XNonce::from(nonce), Payload { msg, aad });
    String::from_utf8(opened.map_err(|_| VaultError::Open)?)
        .map(SecretString::from)
        .map_err(|_| VaultError::Open)
}

/// What a sealed secret is bound to. Only the last part has no fixed length.
fn bound_to(key: &Key, connection_id: Uuid, place: &str) -> Vec<u8> {
    [
        &[WITH_KEY_ID][..],
        &key.id,
        connection_id.as_bytes(),
        place.as_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
