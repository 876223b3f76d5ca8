//! JSON bodies, whatever content type they claim.

use axum::extract::{FromRequest, Request};
use serde_json::Value;

use super::answer::Failure;

const LARGEST: usize = 10 * 1024 * 1024;

/// A request's JSON object.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) serde_json::Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let bytes = axum::body::to_bytes(request.into_body(), LARGEST).await;
        let bytes = bytes.map_err(|_| Failure::InvalidJson)?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            _ => Err(Failure::InvalidJson),
        }
    }
}
