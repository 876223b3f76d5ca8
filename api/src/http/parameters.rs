//! What a request says: its parameters, from its body or its address.

use super::limits::Limits;
use super::media::is_utf8;
use super::refusal::Refusal;
use super::values;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

/// The parameters of a request, from its body or its address.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    pub(super) query: Option<String>,
    /// The name or hash of a document that is known.
    #[serde(default)]
    pub(super) document_id: Option<String>,
    #[serde(default)]
    pub(super) operation_name: Option<String>,
    #[serde(default)]
    pub(super) variables: Option<Value>,
    #[serde(default)]
    pub(super) extensions: Option<Value>,
}

/// Parameters in an address: variables and extensions are JSON text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InAddress {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl Parameters {
    /// Those of a body.
    pub(super) fn of_body(
        headers: &HeaderMap,
        body: &[u8],
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        check_json(headers)?;
        if body.trim_ascii_start().first() == Some(&b'[') {
            let message = "batches are not served: send one operation a request";
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "BATCH_LIMIT",
                message,
            ));
        }
        values::check_text(body, limits)?;
        let parameters: Self = serde_json::from_slice(body)
            .map_err(|error| Refusal::bad(format!("the body is no GraphQL request: {error}")))?;
        parameters.checked()
    }

    /// Those of an address.
    pub(super) fn of_address(address: InAddress) -> Result<Self, Refusal> {
        let decode = |name: &str, text: Option<String>| {
            text.filter(|text| !text.is_empty())
                .map(|text| serde_json::from_str::<Value>(&text))
                .transpose()
                .map_err(|error| Refusal::bad(format!("{name} is no JSON: {error}")))
        };
        Self {
            query: address.query,
            document_id: address.document_id,
            operation_name: address.operation_name,
            variables: decode("variables", address.variables)?,
            extensions: decode("extensions", address.extensions)?,
        }
        .checked()
    }

    /// The same, where variables and extensions are objects.
    pub(super) fn checked(self) -> Result<Self, Refusal> {
        for (name, value) in [
            ("variables", &self.variables),
            ("extensions", &self.extensions),
        ] {
            if value
                .as_ref()
                .is_some_and(|value| !value.is_object() && !value.is_null())
            {
                return Err(Refusal::bad(format!("{name} must be an object")));
            }
        }
        Ok(self)
    }
}

/// Refuses a body that does not say to be JSON.
pub(super) fn check_json(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_json(headers) {
        return Ok(());
    }
    let message = "the body must be application/json, in UTF-8";
    Err(Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "MEDIA_TYPE",
        message,
    ))
}

/// Whether the body says to be JSON, and of no other charset than JSON has.
fn is_json(headers: &HeaderMap) -> bool {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let mut parts = given.unwrap_or_default().split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    media.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                is_utf8(value.trim().trim_matches('"'))
            }
            _ => true,
        })
}
