//! Cursors of a walk: how far it has come, until when, and for which query.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) skip: usize,
    /// Microseconds of the organization's clock.
    pub(super) expires: i64,
    /// The fingerprint of the query and sort that must accompany it.
    pub(super) query: u64,
}

impl Cursor {
    pub(super) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    pub(super) fn decode(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

pub(super) fn fingerprint(body: &Map<String, Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for name in ["query", "sort", "results_limit"] {
        body.get(name).map(Value::to_string).hash(&mut hasher);
    }
    hasher.finish()
}
