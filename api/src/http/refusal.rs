//! Refusals before anything was executed.

use super::answer::{ERRORS, Reply};
use super::limits::Exceeded;
use super::request_id::RequestId;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use serde_json::{Value, json};
use std::time::Duration;

/// Why a request is not executed: a status, a code, and what is allowed.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            header: None,
        }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// No token, or one that does not work.
    pub(super) fn unauthenticated(message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// A method, or an operation, for which another method is meant.
    pub(super) fn method(message: &'static str, allowed: &'static str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            message,
        )
        .with(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// Asked too often: after `wait` it may be tried again.
    pub(super) fn too_often(message: impl Into<String>, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message)
            .with(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The same with a header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The refusal as a list of errors.
    pub(super) fn errors(&self, id: &RequestId) -> Value {
        metrics::counter!(ERRORS, "code" => self.code).increment(1);
        let extensions = json!({"code": self.code, "requestId": id.as_str()});
        json!([{"message": self.message, "extensions": extensions}])
    }

    /// The refusal as a page that `render` makes of its message.
    pub(super) fn page(self, render: impl FnOnce(&str) -> HttpResponse) -> HttpResponse {
        metrics::counter!(ERRORS, "code" => self.code).increment(1);
        let mut response = render(&self.message);
        *response.status_mut() = self.status;
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// The refusal as an answer.
    pub(super) fn answer(self, reply: &Reply) -> HttpResponse {
        let body = json!({"errors": self.errors(&reply.id)});
        let media = [(header::CONTENT_TYPE, reply.media.content_type())];
        let mut response = (self.status, media, body.to_string()).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<Exceeded> for Refusal {
    fn from(exceeded: Exceeded) -> Self {
        Self::new(StatusCode::BAD_REQUEST, exceeded.code, exceeded.message)
    }
}
