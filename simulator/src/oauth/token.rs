//! `/oauth2/token/` and `/oauth2/revoke/`.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::form::Form;
use crate::app::App;
use crate::rest::Shared;
use crate::rest::answer::{Failure, ok, with_status};

pub(super) async fn token(State(app): Shared, body: Bytes) -> Response {
    let delay = app.oauth.behaviour().token_delay_ms;
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let asked = Form::parse(&body);
    let client_id = asked.get("client_id");
    let answer = if app.oauth.client(client_id).is_none() {
        Err(("invalid_client", "The client is not known."))
    } else {
        match asked.get("grant_type") {
            "authorization_code" => app.oauth.exchange(
                asked.get("code"),
                client_id,
                asked.get("redirect_uri"),
                asked.get("code_verifier"),
                asked.get("resource"),
            ),
            "refresh_token" => app.oauth.refresh(asked.get("refresh_token"), client_id),
            _ => Err(("unsupported_grant_type", "This grant is not supported.")),
        }
    };
    note(&app, "/oauth2/token/", answer.is_ok());
    if app.oauth.loses_answer() {
        return Failure::Server(502).into_response();
    }
    match answer {
        Ok(tokens) => ([(header::CACHE_CONTROL, "no-store")], ok(&tokens)).into_response(),
        Err((error, description)) => refused(error, description),
    }
}

fn refused(error: &str, description: &str) -> Response {
    let body: Value = json!({ "error": error, "error_description": description });
    with_status(StatusCode::BAD_REQUEST, &body)
}

/// A token that is not known is answered alike.
pub(super) async fn revoke(State(app): Shared, body: Bytes) -> Response {
    let asked = Form::parse(&body);
    app.oauth.revoke(asked.get("token"), asked.get("client_id"));
    note(&app, "/oauth2/revoke/", true);
    ok(&json!({}))
}

fn note(app: &App, path: &str, done: bool) {
    let status = if done { 200 } else { 400 };
    app.requests
        .note(app.clock.now(), "POST", path, path, status);
}
