//! Secrets at rest: sealed with XChaCha20-Poly1305 under one key of the deployment, bound to the place where they stand.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use uuid::Uuid;

/// First byte of a sealed secret: the format.
const FORMAT: u8 = 1;
const NONCE: usize = 24;

/// Why a secret can't be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("the vault key is not valid: 64 hex characters are needed")]
    Key,
    #[error("a secret could not be sealed")]
    Seal,
    #[error("a kept secret can't be opened: the vault key is not the one that sealed it")]
    Open,
}

/// Seals and opens secrets.
#[derive(Clone)]
pub struct Vault {
    cipher: Arc<XChaCha20Poly1305>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vault(…)")
    }
}

impl Vault {
    /// A vault under a key of 32 bytes in hex.
    pub fn from_hex(key: &SecretString) -> Result<Self, VaultError> {
        let key = hex::decode(key.expose_secret().trim()).map_err(|_| VaultError::Key)?;
        let cipher = XChaCha20Poly1305::new_from_slice(&key).map_err(|_| VaultError::Key)?;
        Ok(Self {
            cipher: Arc::new(cipher),
        })
    }

    /// Seals a secret of a connection; `place` names what it is.
    pub fn seal(
        &self,
        connection_id: Uuid,
        place: &str,
        secret: &SecretString,
    ) -> Result<Vec<u8>, VaultError> {
        let nonce: [u8; NONCE] = rand::random();
        let aad = aad(connection_id, place);
        let payload = Payload {
            msg: secret.expose_secret().as_bytes(),
            aad: &aad,
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::Seal)?;
        Ok([&[FORMAT][..], &nonce, &sealed].concat())
    }

    /// Opens what [`Self::seal`] made, for the same connection and place only.
    pub fn open(
        &self,
        connection_id: Uuid,
        place: &str,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        let (format, rest) = sealed.split_first().ok_or(VaultError::Open)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE).ok_or(VaultError::Open)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| VaultError::Open)?;
        if *format != FORMAT {
            return Err(VaultError::Open);
        }
        let aad = aad(connection_id, place);
        let opened = self
            .cipher
            .decrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: sealed,
                    aad: &aad,
                },
            )
            .map_err(|_| VaultError::Open)?;
        String::from_utf8(opened)
            .map(SecretString::from)
            .map_err(|_| VaultError::Open)
    }
}

fn aad(connection_id: Uuid, place: &str) -> Vec<u8> {
    [connection_id.as_bytes(), place.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::{Vault, VaultError};
    use secrecy::{ExposeSecret, SecretString};
    use uuid::Uuid;

    #[test]
    fn a_secret_opens_only_where_it_was_sealed() {
        let vault = Vault::from_hex(&SecretString::from("ab".repeat(32))).unwrap();
        let other = Vault::from_hex(&SecretString::from("cd".repeat(32))).unwrap();
        let id = Uuid::from_u128(1);
        let sealed = vault
            .seal(id, "api_key", &SecretString::from("api_x.y"))
            .unwrap();
        assert_eq!(
            vault.open(id, "api_key", &sealed).unwrap().expose_secret(),
            "api_x.y"
        );
        let refused = |result: Result<SecretString, VaultError>| result.unwrap_err();
        assert_eq!(
            refused(vault.open(Uuid::from_u128(2), "api_key", &sealed)),
            VaultError::Open
        );
        assert_eq!(
            refused(vault.open(id, "signing_key", &sealed)),
            VaultError::Open
        );
        assert_eq!(
            refused(other.open(id, "api_key", &sealed)),
            VaultError::Open
        );
        assert_eq!(
            refused(vault.open(id, "api_key", &sealed[..10])),
            VaultError::Open
        );
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert_eq!(
            Vault::from_hex(&SecretString::from("abcd")).unwrap_err(),
            VaultError::Key
        );
    }
}
