//! The signature of a webhook delivery.
//!
//! HMAC-SHA256 under the decoded hex key over the `close-sig-timestamp` header followed by the raw body; compared in
//! constant time.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;

/// Header with the lower-case hex digest.
pub const HASH_HEADER: &str = "close-sig-hash";
/// Header with the unix seconds at which Close signed.
pub const TIMESTAMP_HEADER: &str = "close-sig-timestamp";

/// Why a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the headers close-sig-hash and close-sig-timestamp are required")]
    Missing,
    #[error("the signature does not match the body")]
    Mismatch,
    #[error("the signature is too old or from the future")]
    Stale,
}

/// The key of one subscription.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// Decodes the hex that Close shows once, when a subscription is created.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let key = hex::decode(hex.trim()).ok()?;
        (!key.is_empty()).then_some(Self(key))
    }

    /// Checks a delivery: `hash` and `timestamp` are the headers' values, `max_age` holds either way.
    pub fn verify(
        &self,
        timestamp: Option<&str>,
        hash: Option<&str>,
        body: &[u8],
        now: DateTime<Utc>,
        max_age: Duration,
    ) -> Result<(), SignatureError> {
        let (Some(timestamp), Some(hash)) = (timestamp, hash) else {
            return Err(SignatureError::Missing);
        };
        let digest = hex::decode(hash).map_err(|_| SignatureError::Mismatch)?;
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| SignatureError::Mismatch)?;
        mac.update(timestamp.as_bytes());
        mac.update(body);
        mac.verify_slice(&digest)
            .map_err(|_| SignatureError::Mismatch)?;
        let signed_at: i64 = timestamp.parse().map_err(|_| SignatureError::Mismatch)?;
        let age = now.timestamp().abs_diff(signed_at);
        if age > max_age.as_secs() {
            Err(SignatureError::Stale)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SignatureError, SigningKey};
    use chrono::{DateTime, Utc};
    use std::time::Duration;

    const KEY: &str = "b9260244ef33625f9b4b26a27db08758cdd39478b852c73f2d33ab042eb8abb4";
    const TIMESTAMP: &str = "1557751596";
    const HASH: &str = "e6cf27a55de463dc46d8b5c16d2afe74d766e8f0c9892422c93573521cd377ed";
    const BODY: &str = r#"{"event": {"id": "ev_4YUAT9G7PQNYEX0V7HpiZa", "date_created": "2019-01-01T13:33:00.842000", "data": {"object_type": "activity.note", "action": "created", "note": "test content"}}, "subscription_id": "whsub_mBTylJxRXaBOXcuQmgUdmL"}"#;

    fn check(
        timestamp: Option<&str>,
        hash: Option<&str>,
        body: &str,
        seconds_later: i64,
    ) -> Result<(), SignatureError> {
        let now: DateTime<Utc> =
            DateTime::from_timestamp(1_557_751_596 + seconds_later, 0).unwrap();
        SigningKey::from_hex(KEY).unwrap().verify(
            timestamp,
            hash,
            body.as_bytes(),
            now,
            Duration::from_secs(300),
        )
    }

    #[test]
    fn the_published_vector_verifies() {
        assert_eq!(check(Some(TIMESTAMP), Some(HASH), BODY, 0), Ok(()));
    }

    #[test]
    fn a_changed_body_a_truncated_hash_and_a_missing_header_are_refused() {
        let changed = BODY.replace("test", "best");
        assert_eq!(
            check(Some(TIMESTAMP), Some(HASH), &changed, 0),
            Err(SignatureError::Mismatch)
        );
        let truncated = HASH.get(..40);
        assert_eq!(
            check(Some(TIMESTAMP), truncated, BODY, 0),
            Err(SignatureError::Mismatch)
        );
        assert_eq!(
            check(Some(TIMESTAMP), Some(""), BODY, 0),
            Err(SignatureError::Mismatch)
        );
        assert_eq!(
            check(None, Some(HASH), BODY, 0),
            Err(SignatureError::Missing)
        );
        assert_eq!(
            check(Some(TIMESTAMP), None, BODY, 0),
            Err(SignatureError::Missing)
        );
    }

    #[test]
    fn an_age_above_the_window_is_refused_in_both_directions() {
        assert_eq!(check(Some(TIMESTAMP), Some(HASH), BODY, 300), Ok(()));
        assert_eq!(
            check(Some(TIMESTAMP), Some(HASH), BODY, 301),
            Err(SignatureError::Stale)
        );
        assert_eq!(
            check(Some(TIMESTAMP), Some(HASH), BODY, -301),
            Err(SignatureError::Stale)
        );
    }
}
