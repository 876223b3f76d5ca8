//! `/oauth2/token/` and `/oauth2/revoke/`.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::form::Form;
use super::grants::{Client, Refusal};
use crate::app::App;
use crate::rest::Shared;
use crate::rest::answer::{Failure, ok, with_status};

pub(super) async fn token(State(app): Shared, body: Bytes) -> Response {
    let delay = app.oauth.behaviour().token_delay_ms;
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let asked = Form::parse(&body);
    let answer = match known(&app, &asked) {
        Ok(client) => granted(&app, &asked).map(|mut tokens| {
            if client.secret.is_some() {
                tell_of_organization(&app, &mut tokens);
            }
            tokens
        }),
        Err(refusal) => Err(refusal),
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

/// The client, with its secret where it has one.
fn known(app: &App, asked: &Form) -> Result<Client, Refusal> {
    let client = app.oauth.client(asked.get("client_id"));
    let client = client.ok_or(("invalid_client", "The client is not known."))?;
    let another = app.oauth.behaviour().app_secret;
    let wanted = client
        .secret
        .as_ref()
        .map(|own| another.as_ref().unwrap_or(own));
    if wanted.is_some_and(|secret| secret != asked.get("client_secret")) {
        return Err(("invalid_client", "The client secret is another one."));
    }
    Ok(client)
}

fn granted(app: &App, asked: &Form) -> Result<Value, Refusal> {
    let client_id = asked.get("client_id");
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
}

/// An app is told whose data it may use (dossier 1.3).
fn tell_of_organization(app: &App, tokens: &mut Value) {
    let organization = app.organization();
    let by_member = app.oauth.behaviour().consent_by_member;
    let user = organization.user(u8::from(by_member));
    if let Some(tokens) = tokens.as_object_mut() {
        tokens.insert("organization_id".into(), json!(organization.id));
        tokens.insert("user_id".into(), json!(user.map(|user| user.id)));
    }
}

fn refused(error: &str, description: &str) -> Response {
    let body: Value = json!({ "error": error, "error_description": description });
    let status = match error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    };
    with_status(status, &body)
}

/// A token that is not known is answered alike.
pub(super) async fn revoke(State(app): Shared, body: Bytes) -> Response {
    let asked = Form::parse(&body);
    let client = known(&app, &asked);
    note(&app, "/oauth2/revoke/", client.is_ok());
    if let Err((error, description)) = client {
        return refused(error, description);
    }
    app.oauth.revoke(asked.get("token"), asked.get("client_id"));
    ok(&json!({}))
}

fn note(app: &App, path: &str, done: bool) {
    let status = if done { 200 } else { 400 };
    app.requests
        .note(app.clock.now(), "POST", path, path, status);
}
