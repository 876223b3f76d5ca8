//! How the authorization server behaves, and what it has given.

use axum::extract::State;
use serde_json::{Value, json};

use crate::oauth::grants::Behaviour;
use crate::rest::Shared;
use crate::rest::answer::{Answer, Failure, ok};
use crate::rest::body::JsonBody;

/// Clients, grants, and all codes and tokens that were ever given.
pub(super) async fn shown(State(app): Shared) -> Answer {
    let mut shown = app.oauth.shown();
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("behaviour".into(), json!(app.oauth.behaviour()));
    }
    Ok(ok(&shown))
}

/// Changes what the body names and keeps the rest.
pub(super) async fn behave(State(app): Shared, JsonBody(body): JsonBody) -> Answer {
    let mut merged = json!(app.oauth.behaviour());
    if let Some(merged) = merged.as_object_mut() {
        merged.extend(body);
    }
    let wrong = |error: serde_json::Error| Failure::Invalid(error.to_string());
    let behaviour: Behaviour = serde_json::from_value::<Behaviour>(merged).map_err(wrong)?;
    app.oauth.behave(behaviour.clone());
    Ok(ok(&behaviour))
}

/// Forgets all access tokens, ahead of their end.
pub(super) async fn forget(State(app): Shared) -> Answer {
    app.oauth.forget_access();
    Ok(ok(&Value::Null))
}

/// Takes all grants back, as a person does in Close's settings.
pub(super) async fn revoke(State(app): Shared) -> Answer {
    app.oauth.revoke_all();
    Ok(ok(&Value::Null))
}
