//! Responses of GraphQL as answers of HTTP.

use crate::error::ApiError;
use async_graphql::{Response, ServerError};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};

/// Counter of the errors in GraphQL answers.
pub(crate) const ERRORS: &str = "closegraph_api_errors_total";

const GRAPHQL_JSON: &str = "application/graphql-response+json";

pub(super) fn accepts_graphql_json(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains(GRAPHQL_JSON))
}

/// The response with codes on its errors and nothing of the inside. A request that was not executed at all is a 400
/// for clients that know the newer media type.
pub(super) fn answer(mut response: Response, refused: &'static str, modern: bool) -> HttpResponse {
    let executed = response.errors.iter().all(|error| !error.path.is_empty())
        || response.data != async_graphql::Value::Null;
    // What every round of the validation finds comes once.
    response.errors.dedup();
    for error in &mut response.errors {
        disclose(error, refused);
    }
    let (status, media) = match (modern, executed) {
        (true, false) => (StatusCode::BAD_REQUEST, GRAPHQL_JSON),
        (true, true) => (StatusCode::OK, GRAPHQL_JSON),
        (false, _) => (StatusCode::OK, "application/json"),
    };
    match serde_json::to_vec(&response) {
        Ok(body) => (status, [(header::CONTENT_TYPE, media)], body).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "an answer can't be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Gives an error its code; what is ours alone is logged instead of shown.
fn disclose(error: &mut ServerError, refused: &'static str) {
    let (code, public) = match error.source::<ApiError>() {
        Some(inner) => {
            if !inner.is_public() {
                tracing::error!(error = inner.logged(), path = ?error.path, "a field can't be answered");
            }
            (inner.code(), inner.is_public())
        }
        None if error.path.is_empty() => (refused, true),
        None => ("BAD_USER_INPUT", true),
    };
    metrics::counter!(ERRORS, "code" => code).increment(1);
    if !public {
        "something went wrong here; it is in the server's log".clone_into(&mut error.message);
    }
    error.source = None;
    error.extensions.get_or_insert_default().set("code", code);
}
