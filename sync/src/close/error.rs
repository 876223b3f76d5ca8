//! What Close or the way to it can answer instead of data.

use serde::Deserialize;
use std::collections::BTreeMap;

/// A request that did not succeed, after its retries.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    #[error("no answer from {path}")]
    Transport {
        path: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{path} answered {status}: {message}")]
    Status {
        path: String,
        status: u16,
        message: String,
        fields: BTreeMap<String, String>,
    },
    #[error("the answer of {path} has an unexpected shape")]
    Shape {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    /// There is no token to ask with, and will be none.
    #[error("{0}")]
    NoAccess(String),
    /// There is no token to ask with at this moment.
    #[error("no token to ask with: {0}")]
    NoToken(String),
    #[error("{0:?} is no usable address for Close's API")]
    BaseUrl(String),
}

impl CloseError {
    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether Close refuses the credential.
    pub fn is_unauthorized(&self) -> bool {
        self.status() == Some(401)
    }

    /// Whether the object does not exist (any more).
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether a search cursor outlived its 30 seconds.
    pub fn is_expired_cursor(&self) -> bool {
        matches!(self, Self::Status { status: 400, fields, .. } if fields.contains_key("cursor"))
    }
}

/// Both families of error body: `{"error": "…"}` and `{"errors": […], "field-errors": {…}}`.
#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: Option<serde_json::Value>,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
    #[serde(default, rename = "field-errors")]
    field_errors: BTreeMap<String, serde_json::Value>,
}

/// A readable message and the complaints by field, whatever family the body is of.
pub(super) fn describe(body: &[u8]) -> (String, BTreeMap<String, String>) {
    let Ok(parsed) = serde_json::from_slice::<Body>(body) else {
        let text = String::from_utf8_lossy(body);
        return (text.chars().take(200).collect(), BTreeMap::new());
    };
    let fields: BTreeMap<String, String> = parsed
        .field_errors
        .iter()
        .map(|(name, value)| (name.clone(), words(value)))
        .collect();
    let mut parts: Vec<String> = parsed.error.iter().map(words).collect();
    parts.extend(parsed.errors.iter().map(words));
    parts.extend(fields.iter().map(|(name, text)| format!("{name}: {text}")));
    if parts.is_empty() {
        parts.push("no reason given".to_owned());
    }
    (parts.join("; "), fields)
}

fn words(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn both_families_of_error_body_are_read() {
        assert_eq!(describe(br#"{"error": "Unauthorized"}"#).0, "Unauthorized");
        let (text, fields) =
            describe(br#"{"errors": [], "field-errors": {"cursor": "Expired cursor"}}"#);
        assert_eq!(text, "cursor: Expired cursor");
        assert_eq!(fields["cursor"], "Expired cursor");
    }

    #[test]
    fn a_body_that_is_no_json_is_quoted() {
        assert_eq!(
            describe(b"<html>bad gateway</html>").0,
            "<html>bad gateway</html>"
        );
    }
}
