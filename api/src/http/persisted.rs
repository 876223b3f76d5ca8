//! What a request asks for: a text, a document that is known, or one that was sent before.
//!
//! The last are automatic persisted queries, as Apollo's clients speak them: a hash alone at first, with the text where
//! it is unknown here. They are kept in this process's memory, so another process may ask for the text once more.

use super::parameters::Parameters;
use super::refusal::Refusal;
use crate::documents::{Documents, KnownOperation, hash};
use crate::scope::Scope;
use axum::http::StatusCode;
use moka::sync::Cache;
use serde_json::Value;
use std::sync::Arc;

/// Bytes of all texts that are kept.
const KEPT_BYTES: u64 = 16 * 1024 * 1024;

/// The documents that may be asked for.
#[derive(Clone, Debug)]
pub(super) struct Persisted {
    known: Documents,
    /// Whether others are refused.
    only_known: bool,
    /// By scope, so that nobody learns what another tenant has asked, and hash.
    sent: Cache<Sent, Arc<str>>,
}

/// A document that was sent with its hash: by whose scope, and that hash.
type Sent = ([u8; 32], String);

/// What is to be executed.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) text: Arc<str>,
    pub(super) operation: Option<String>,
    /// The operation, where it is known beforehand.
    pub(super) known: Option<Arc<KnownOperation>>,
    /// How it is to be kept once it has proved to be a document within the limits.
    keep: Option<Sent>,
}

impl Persisted {
    pub(super) fn new(known: Documents, only_known: bool) -> Self {
        let sent = Cache::builder()
            .weigher(|(scope, hash): &Sent, text: &Arc<str>| {
                u32::try_from(scope.len() + hash.len() + text.len()).unwrap_or(u32::MAX)
            })
            .max_capacity(KEPT_BYTES)
            .build();
        Self {
            known,
            only_known,
            sent,
        }
    }

    /// The text that the parameters name or bring.
    pub(super) fn find(&self, parameters: &Parameters, scope: &Scope) -> Result<Asked, Refusal> {
        let operation = parameters.operation_name.as_deref();
        let given = parameters.query.as_deref().filter(|text| !text.is_empty());
        if let Some(id) = &parameters.document_id {
            if given.is_some() {
                return Err(Refusal::bad(
                    "a request has a query or a documentId, not both",
                ));
            }
            let known = self.known.find(id).cloned().ok_or_else(|| {
                let message = "no document is known by this documentId";
                Refusal::new(StatusCode::BAD_REQUEST, "DOCUMENT_NOT_FOUND", message)
            })?;
            return self.of_known(known, operation);
        }
        let hashed = persisted_hash(parameters.extensions.as_ref())?;
        let hashed = hashed.map(|hash| (*scope.fingerprint(), hash));
        match (given, hashed) {
            (Some(text), hashed) => self.of_text(text, hashed, operation),
            (None, Some(hashed)) => self.of_hash(&hashed, operation),
            (None, None) => Err(Refusal::bad("the parameter query is missing")),
        }
    }

    /// Keeps a document that was sent with its hash.
    pub(super) fn keep(&self, asked: &Asked) {
        if let Some(sent) = &asked.keep {
            self.sent.insert(sent.clone(), asked.text.clone());
        }
    }

    fn of_known(
        &self,
        known: Arc<KnownOperation>,
        operation: Option<&str>,
    ) -> Result<Asked, Refusal> {
        // A hash names a file, which may have several operations.
        let known = match operation {
            Some(name) if name != known.name => {
                let other = self
                    .known
                    .find(name)
                    .filter(|other| other.hash == known.hash);
                other.cloned().ok_or_else(|| {
                    let message = "the document has no operation of this name";
                    Refusal::new(StatusCode::BAD_REQUEST, "DOCUMENT_NOT_FOUND", message)
                })?
            }
            _ => known,
        };
        Ok(Asked {
            text: known.text.as_str().into(),
            operation: Some(known.name.clone()),
            known: Some(known),
            keep: None,
        })
    }

    fn of_text(
        &self,
        text: &str,
        hashed: Option<Sent>,
        operation: Option<&str>,
    ) -> Result<Asked, Refusal> {
        if let Some((_, hashed)) = &hashed
            && *hashed != hash(text)
        {
            let message = "the hash is not the SHA-256 of the query";
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "PERSISTED_QUERY_MISMATCH",
                message,
            ));
        }
        if self.only_known {
            let known = self.known.of_text(text, operation).cloned();
            return self.of_known(known.ok_or_else(untrusted)?, operation);
        }
        Ok(Asked {
            text: text.into(),
            operation: operation.map(str::to_owned),
            known: None,
            keep: hashed,
        })
    }

    fn of_hash(&self, sent: &Sent, operation: Option<&str>) -> Result<Asked, Refusal> {
        if let Some(known) = self.known.find(&sent.1) {
            return self.of_known(known.clone(), operation);
        }
        if self.only_known {
            return Err(untrusted());
        }
        let text = self.sent.get(sent).ok_or_else(|| {
            // The words and the status are those that clients look for.
            let message = "PersistedQueryNotFound";
            Refusal::new(StatusCode::OK, "PERSISTED_QUERY_NOT_FOUND", message)
        })?;
        Ok(Asked {
            text,
            operation: operation.map(str::to_owned),
            known: None,
            keep: None,
        })
    }
}

fn untrusted() -> Refusal {
    let message = "only documents that are known here are answered: name one by documentId";
    Refusal::new(StatusCode::FORBIDDEN, "DOCUMENT_NOT_TRUSTED", message)
}

/// `extensions.persistedQuery.sha256Hash`.
fn persisted_hash(extensions: Option<&Value>) -> Result<Option<String>, Refusal> {
    let Some(persisted) = extensions.and_then(|extensions| extensions.get("persistedQuery")) else {
        return Ok(None);
    };
    let hash = persisted.get("sha256Hash").and_then(Value::as_str);
    let is_hash =
        |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (
        persisted.get("version").and_then(Value::as_u64),
        hash.filter(is_hash),
    ) {
        (Some(1), Some(hash)) => Ok(Some(hash.to_ascii_lowercase())),
        _ => Err(Refusal::bad(
            "persistedQuery has version 1, and a sha256Hash of 64 hex digits",
        )),
    }
}
