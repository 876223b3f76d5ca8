//! Answers: JSON bodies, and the two families of errors (dossier 1.5).

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::world::write::Refused;

/// What a handler gives back.
pub(crate) type Answer = Result<Response, Failure>;

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    Unauthorized,
    /// The caller is not allowed to.
    Forbidden,
    /// The object is not there.
    NotFound,
    /// No such path.
    NoSuchPath,
    MethodNotAllowed,
    InvalidJson,
    /// 400 with `field-errors`, one field.
    Field {
        name: String,
        message: String,
    },
    /// 400 with `errors`.
    Invalid(String),
    /// Answered by a fault.
    Server(u16),
}

impl Failure {
    pub(crate) fn field(name: &str, message: impl Into<String>) -> Self {
        Self::Field {
            name: name.into(),
            message: message.into(),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotFound => Self::NotFound,
            Refused::Field { name, message } => Self::Field { name, message },
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let bad = StatusCode::BAD_REQUEST;
        let (status, body) = match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, json!({ "error": "Unauthorized" })),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                json!({ "error": "You do not have permission to do this." }),
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                json!({ "error": "Object not found." }),
            ),
            Self::NoSuchPath => (
                StatusCode::NOT_FOUND,
                json!({ "error": "The requested URL was not found on the server. If you entered \
                    the URL manually please check your spelling and try again." }),
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                json!({ "error": "The method is not allowed for the requested URL." }),
            ),
            Self::InvalidJson => (
                bad,
                json!({ "error": "The request contains invalid JSON." }),
            ),
            Self::Field { name, message } => (
                bad,
                json!({ "errors": [], "field-errors": { name: message } }),
            ),
            Self::Invalid(message) => (bad, json!({ "errors": [message], "field-errors": {} })),
            Self::Server(status) => (
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                json!({ "error": "Something went wrong on our side." }),
            ),
        };
        with_status(status, &body)
    }
}

/// A JSON body under 200.
pub(crate) fn ok<T: Serialize + ?Sized>(body: &T) -> Response {
    with_status(StatusCode::OK, body)
}

pub(crate) fn with_status<T: Serialize + ?Sized>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `{}`: what a DELETE of a classic resource answers.
pub(crate) fn nothing() -> Response {
    ok(&json!({}))
}
