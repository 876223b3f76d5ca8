//! `/webhook/`: subscriptions (dossier 5.1). Users who are no admins see and change only their own.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Failure, nothing, ok, with_status};
use super::auth::Credential;
use super::body::JsonBody;
use crate::app::App;
use crate::webhooks::{MOST, Settings, Subscription};
use crate::world::id::Id;

fn settings(
    earlier: Option<Settings>,
    body: &serde_json::Map<String, Value>,
) -> Result<Settings, Failure> {
    Settings::read(earlier, body).map_err(|(field, message)| Failure::field(field, message))
}

type By = Extension<Credential>;

fn user(app: &App, by: Credential) -> Option<Id> {
    Some(app.organization().user(by.user())?.id)
}

/// A subscription that the caller may change.
fn own(app: &App, by: Credential, id: &str) -> Result<Arc<Subscription>, Failure> {
    let found = app.webhooks.find(id).ok_or(Failure::NotFound)?;
    if by.is_admin() || found.created_by() == user(app, by) {
        return Ok(found);
    }
    Err(Failure::Forbidden)
}

pub(super) async fn list(State(app): Shared, Extension(by): By) -> Answer {
    let seen = app.webhooks.all().into_iter();
    let user = user(&app, by);
    let seen = seen.filter(|one| by.is_admin() || one.created_by() == user);
    let data: Vec<Value> = seen.map(|subscription| subscription.shown(false)).collect();
    Ok(ok(&json!({ "data": data, "has_more": false })))
}

pub(super) async fn one(State(app): Shared, Extension(by): By, Path(id): Path<String>) -> Answer {
    Ok(ok(&own(&app, by, &id)?.shown(false)))
}

pub(super) async fn create(
    State(app): Shared,
    Extension(by): By,
    JsonBody(body): JsonBody,
) -> Answer {
    let created = app
        .webhooks
        .create(settings(None, &body)?, user(&app, by))
        .ok_or_else(|| {
            Failure::Invalid(format!(
                "An organization can have at most {MOST} webhook subscriptions."
            ))
        })?;
    Ok(with_status(StatusCode::CREATED, &created.shown(true)))
}

pub(super) async fn update(
    State(app): Shared,
    Extension(by): By,
    Path(id): Path<String>,
    JsonBody(body): JsonBody,
) -> Answer {
    let subscription = own(&app, by, &id)?;
    subscription.change(
        settings(Some(subscription.settings()), &body)?,
        app.clock.stamp(),
    );
    Ok(ok(&subscription.shown(false)))
}

pub(super) async fn delete(
    State(app): Shared,
    Extension(by): By,
    Path(id): Path<String>,
) -> Answer {
    own(&app, by, &id)?;
    if app.webhooks.delete(&id) {
        Ok(nothing())
    } else {
        Err(Failure::NotFound)
    }
}
