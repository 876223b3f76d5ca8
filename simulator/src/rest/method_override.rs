//! `x-http-method-override: GET` on a POST whose body is `{"_params": {…}}`: how filters too long
//! for a URL are sent (dossier 1.1).

use axum::extract::Request;
use axum::http::{Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::answer::Failure;

const LARGEST: usize = 1024 * 1024;

pub(super) async fn method_override(request: Request, next: Next) -> Response {
    let overrides = request.headers().get("x-http-method-override");
    let overrides = overrides.is_some_and(|method| method.as_bytes().eq_ignore_ascii_case(b"get"));
    if !overrides || request.method() != Method::POST {
        return next.run(request).await;
    }
    match as_get(request).await {
        Ok(request) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

async fn as_get(request: Request) -> Result<Request, Failure> {
    let (mut parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, LARGEST)
        .await
        .map_err(|_| Failure::InvalidJson)?;
    let body: Value = serde_json::from_slice(&bytes).map_err(|_| Failure::InvalidJson)?;
    let given = body.get("_params").and_then(Value::as_object);
    let given = given.ok_or_else(|| Failure::field("_params", "Field required"))?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in given {
        match value {
            Value::String(text) => query.append_pair(name, text),
            Value::Array(items) => query.extend_pairs(items.iter().map(|item| {
                (
                    name,
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned),
                )
            })),
            other => query.append_pair(name, &other.to_string()),
        };
    }
    let path = format!("{}?{}", parts.uri.path(), query.finish());
    parts.uri = path.parse::<Uri>().map_err(|_| Failure::InvalidJson)?;
    parts.method = Method::GET;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    Ok(Request::from_parts(parts, axum::body::Body::empty()))
}
