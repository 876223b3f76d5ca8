//! A sign-in that has begun. The browser keeps all of it, in a cookie that no script can read; what the provider is told
//! follows from that by hashing, and leads nowhere back. So any process can go on with it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a person may take at the provider.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);

/// A sign-in that has begun: when, in seconds since 1970, and 256 random bits.
pub(super) struct Attempt(String);

impl Attempt {
    pub(super) fn begin() -> Self {
        let random: [u8; 32] = rand::random();
        let secret = BASE64_URL_SAFE_NO_PAD.encode(random);
        Self(format!("{}.{secret}", Utc::now().timestamp()))
    }

    /// The one that a cookie holds, if it is not too old. Who changes the time in it changes the state.
    pub(super) fn of_cookie(value: &str) -> Option<Self> {
        let (begun, _) = value.split_once('.')?;
        let begun = DateTime::from_timestamp(begun.parse().ok()?, 0)?;
        let age = (Utc::now() - begun).to_std().ok()?;
        (age < LIFETIME).then(|| Self(value.to_owned()))
    }

    pub(super) fn cookie(&self) -> &str {
        &self.0
    }

    /// What the answer must bring back.
    pub(super) fn state(&self) -> String {
        self.derived("state")
    }

    /// What the ID token must hold.
    pub(super) fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// What shows that the code was made for us.
    pub(super) fn verifier(&self) -> String {
        self.derived("verifier")
    }

    pub(super) fn is_answered_by(&self, state: &str) -> bool {
        self.state().as_bytes().ct_eq(state.as_bytes()).into()
    }

    fn derived(&self, purpose: &str) -> String {
        let hash = Sha256::digest(format!("{purpose} {}", self.0));
        BASE64_URL_SAFE_NO_PAD.encode(hash)
    }
}
