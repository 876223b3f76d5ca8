//! The keys of a vault.

use super::VaultError;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::KeyInit;
use hmac::Hmac;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Bytes of a key's id.
pub(super) const ID: usize = 8;

/// Where keys are kept that can change while processes run. The first is the current one; each is 32 bytes in hex.
pub trait KeyStore: Send + Sync {
    /// All keys.
    fn read(&self) -> Result<Vec<SecretString>, VaultError>;
    /// Puts these in their place, durably and at once: a reader finds the ones or the others.
    fn write(&self, keys: &[SecretString]) -> Result<(), VaultError>;
}

pub(super) struct Key {
    /// Computed of the key, so that every process names it alike. It tells nothing of the key.
    pub(super) id: [u8; ID],
    pub(super) cipher: XChaCha20Poly1305,
    /// Makes ids that nobody guesses who does not know the key.
    pub(super) ids: Hmac<Sha256>,
}

/// The current key, and those before it.
pub(super) struct Keys(Vec<Key>);

impl Keys {
    pub(super) fn parse(keys: &[SecretString]) -> Result<Self, VaultError> {
        let keys: Vec<Key> = keys.iter().map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(VaultError::NoKey);
        }
        Ok(Self(keys))
    }

    pub(super) fn current(&self) -> Result<&Key, VaultError> {
        self.0.first().ok_or(VaultError::NoKey)
    }

    pub(super) fn all(&self) -> &[Key] {
        &self.0
    }

    pub(super) fn find(&self, id: &[u8]) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

fn key(hex: &SecretString) -> Result<Key, VaultError> {
    let bytes = hex::decode(hex.expose_secret().trim()).map_err(|_| VaultError::Key)?;
    let cipher = XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_| VaultError::Key)?;
    let hash = Sha256::new()
        .chain_update(b"closegraph vault key id")
        .chain_update(&bytes)
        .finalize();
    let mut id = [0; ID];
    id.copy_from_slice(hash.get(..ID).ok_or(VaultError::Key)?);
    let ids = Hmac::new_from_slice(&bytes).map_err(|_| VaultError::Key)?;
    Ok(Key { id, cipher, ids })
}

/// A new key, in hex.
pub fn generate() -> SecretString {
    let key: [u8; 32] = rand::random();
    SecretString::from(hex::encode(key))
}
