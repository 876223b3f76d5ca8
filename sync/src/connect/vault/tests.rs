use super::{KeyStore, NONCE, Vault, VaultError, WITH_KEY_ID, WITHOUT_KEY_ID};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

const ONE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn key(byte: &str) -> SecretString {
    SecretString::from(byte.repeat(32))
}

fn refused(result: Result<SecretString, VaultError>) -> VaultError {
    result.unwrap_err()
}

/// Keys that another process may change.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<SecretString>>>);

impl Shelf {
    fn put(&self, keys: &[SecretString]) {
        *self.0.lock().unwrap() = keys.to_vec();
    }
}

impl KeyStore for Shelf {
    fn read(&self) -> Result<Vec<SecretString>, VaultError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn write(&self, keys: &[SecretString]) -> Result<(), VaultError> {
        self.put(keys);
        Ok(())
    }
}

#[test]
fn a_secret_opens_only_where_it_was_sealed() {
    let vault = Vault::from_hex(&key("ab")).unwrap();
    let other = Vault::from_hex(&key("cd")).unwrap();
    let secret = SecretString::from("api_x.y");
    let sealed = vault.seal(ONE, "api_key", &secret).unwrap();
    let opened = vault.open(ONE, "api_key", &sealed).unwrap();
    assert_eq!(opened.expose_secret(), "api_x.y");
    let open = VaultError::Open;
    assert_eq!(refused(vault.open(OTHER, "api_key", &sealed)), open);
    assert_eq!(refused(vault.open(ONE, "signing_key", &sealed)), open);
    assert_eq!(refused(other.open(ONE, "api_key", &sealed)), open);
    for length in 0..sealed.len() {
        assert_eq!(refused(vault.open(ONE, "api_key", &sealed[..length])), open);
    }
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert_eq!(refused(vault.open(ONE, "api_key", &changed)), open);
    }
}

#[test]
fn the_first_key_seals_and_every_key_opens() {
    let before = Vault::from_hex(&key("ab")).unwrap();
    let secret = SecretString::from("api_x.y");
    let old = before.seal(ONE, "api_key", &secret).unwrap();
    let vault = Vault::of(&[key("cd"), key("ab")]).unwrap();
    let new = vault.seal(ONE, "api_key", &secret).unwrap();
    assert_ne!(old[1..9], new[1..9], "the ids of the keys");
    for sealed in [&old, &new] {
        let opened = vault.open(ONE, "api_key", sealed).unwrap();
        assert_eq!(opened.expose_secret(), "api_x.y");
    }
    assert_eq!(refused(before.open(ONE, "api_key", &new)), VaultError::Open);
}

#[test]
fn what_was_sealed_before_keys_had_ids_opens() {
    let cipher = XChaCha20Poly1305::new_from_slice(&[0xab; 32]).unwrap();
    let aad = [ONE.as_bytes(), &b"api_key"[..]].concat();
    let payload = Payload {
        msg: b"api_x.y",
        aad: &aad,
    };
    let text = cipher.encrypt(&XNonce::from([7; NONCE]), payload).unwrap();
    let sealed = [&[WITHOUT_KEY_ID][..], &[7; NONCE], &text].concat();
    let vault = Vault::of(&[key("cd"), key("ab")]).unwrap();
    let opened = vault.open(ONE, "api_key", &sealed).unwrap();
    assert_eq!(opened.expose_secret(), "api_x.y");
    assert_eq!(
        refused(vault.open(OTHER, "api_key", &sealed)),
        VaultError::Open
    );
}

#[test]
fn a_vault_reads_its_keys_again_when_another_process_has_changed_them() {
    let shelf = Shelf::default();
    shelf.put(&[key("ab")]);
    let (here, there) = (
        Vault::kept_in(shelf.clone()).unwrap(),
        Vault::kept_in(shelf.clone()).unwrap(),
    );
    let secret = SecretString::from("api_x.y");
    let old = here.seal(ONE, "api_key", &secret).unwrap();
    shelf.put(&[key("cd"), key("ab")]);
    let new = here.seal(ONE, "api_key", &secret).unwrap();
    assert_eq!(new[0], WITH_KEY_ID);
    assert_ne!(old[1..9], new[1..9], "it seals under the new one at once");
    for sealed in [&new, &old] {
        let opened = there.open(ONE, "api_key", sealed).unwrap();
        assert_eq!(opened.expose_secret(), "api_x.y");
    }
}

#[test]
fn a_key_of_another_length_and_no_key_are_refused() {
    let refused = Vault::from_hex(&SecretString::from("abcd")).unwrap_err();
    assert_eq!(refused, VaultError::Key);
    assert_eq!(Vault::of(&[]).unwrap_err(), VaultError::NoKey);
}

#[test]
fn no_key_shows_in_debug_output() {
    let shown = format!("{:?}", Vault::from_hex(&key("ab")).unwrap());
    assert_eq!(shown, "Vault(…)");
}
