//! Answers of Close: what is read from them, and what is done about those that are none.

use super::error::CloseError;
use super::object::storable;
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A failed attempt and what to do about it.
pub(super) struct Refusal {
    pub(super) error: CloseError,
    pub(super) retry: Retry,
}

pub(super) enum Retry {
    No,
    Backoff,
    After(Duration),
}

/// An answer that ends in the middle may be whole the next time; one of another shape stays what it is.
pub(super) fn understood<T>(read: Result<T, CloseError>) -> Result<T, Refusal> {
    read.map_err(|error| {
        let cut = matches!(&error, CloseError::Shape { source, .. } if source.is_eof() || source.is_syntax());
        let retry = if cut { Retry::Backoff } else { Retry::No };
        Refusal { error, retry }
    })
}

pub(super) fn header_text<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// The bounded label of an answer.
pub(super) fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=299 => "ok",
        401 | 403 => "denied",
        404 => "not_found",
        429 => "limited",
        400..=499 => "refused",
        _ => "failed",
    }
}

pub(super) fn decode<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, CloseError> {
    let text = String::from_utf8_lossy(body);
    serde_json::from_str(&storable(&text)).map_err(|source| CloseError::Shape {
        path: path.to_owned(),
        source,
    })
}
