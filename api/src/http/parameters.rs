//! What a request says: its parameters, from its body or its address.

use super::Api;
use super::refusal::Refusal;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

/// The parameters of a request, from its body or its address.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    pub(super) query: Option<String>,
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
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl Parameters {
    /// Those of a body.
    pub(super) fn of_body(
        api: &Api,
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
    ) -> Result<Self, Refusal> {
        let body = body.map_err(|refused| match refused.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let allowed = api.options.limits.body_bytes;
                let message = format!("the body is larger than {allowed} bytes");
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_LIMIT", message)
            }
            _ => Refusal::bad(format!("the body can't be read: {refused}")),
        })?;
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media = content_type
            .and_then(|text| text.split(';').next())
            .unwrap_or_default()
            .trim();
        if !media.eq_ignore_ascii_case("application/json") {
            let message = "the body must be application/json";
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "MEDIA_TYPE",
                message,
            ));
        }
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(Refusal::bad(
                "batches are not served: send one operation a request",
            ));
        }
        serde_json::from_slice(&body)
            .map_err(|error| Refusal::bad(format!("the body is no GraphQL request: {error}")))
    }

    /// Those of an address.
    pub(super) fn of_address(address: InAddress) -> Result<Self, Refusal> {
        let decode = |name: &str, text: Option<String>| {
            text.filter(|text| !text.is_empty())
                .map(|text| serde_json::from_str::<Value>(&text))
                .transpose()
                .map_err(|error| Refusal::bad(format!("{name} is no JSON: {error}")))
        };
        Ok(Self {
            query: address.query,
            operation_name: address.operation_name,
            variables: decode("variables", address.variables)?,
            extensions: decode("extensions", address.extensions)?,
        })
    }
}
