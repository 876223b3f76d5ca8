//! `/webhook/`: subscriptions (dossier 5.1).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Failure, nothing, ok, with_status};
use super::body::JsonBody;
use crate::webhooks::{MOST, Settings};

fn settings(
    earlier: Option<Settings>,
    body: &serde_json::Map<String, Value>,
) -> Result<Settings, Failure> {
    Settings::read(earlier, body).map_err(|(field, message)| Failure::field(field, message))
}

pub(super) async fn list(State(app): Shared) -> Answer {
    let all = app.webhooks.all();
    let data: Vec<Value> = all
        .iter()
        .map(|subscription| subscription.shown(false))
        .collect();
    Ok(ok(&json!({ "data": data, "has_more": false })))
}

pub(super) async fn one(State(app): Shared, Path(id): Path<String>) -> Answer {
    let subscription = app.webhooks.find(&id).ok_or(Failure::NotFound)?;
    Ok(ok(&subscription.shown(false)))
}

pub(super) async fn create(State(app): Shared, JsonBody(body): JsonBody) -> Answer {
    let creator = app.organization().users.first().map(|user| user.id);
    let created = app
        .webhooks
        .create(settings(None, &body)?, creator)
        .ok_or_else(|| {
            Failure::Invalid(format!(
                "An organization can have at most {MOST} webhook subscriptions."
            ))
        })?;
    Ok(with_status(StatusCode::CREATED, &created.shown(true)))
}

pub(super) async fn update(
    State(app): Shared,
    Path(id): Path<String>,
    JsonBody(body): JsonBody,
) -> Answer {
    let subscription = app.webhooks.find(&id).ok_or(Failure::NotFound)?;
    subscription.change(
        settings(Some(subscription.settings()), &body)?,
        app.clock.stamp(),
    );
    Ok(ok(&subscription.shown(false)))
}

pub(super) async fn delete(State(app): Shared, Path(id): Path<String>) -> Answer {
    if app.webhooks.delete(&id) {
        Ok(nothing())
    } else {
        Err(Failure::NotFound)
    }
}
