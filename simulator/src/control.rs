//! The control endpoints under `/_sim`: not part of Close, for tests and for looking behind the
//! scenes.

pub(crate) mod invoices;
mod oauth;
mod objects;
mod replay;
mod revenue;
mod switches;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::json;

use crate::app::App;
use crate::rest::Shared;
use crate::rest::answer::{Answer, Failure, ok};

pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/state", get(revenue::state))
        .route("/revenue", get(revenue::revenue))
        .route("/objects/{kind}", get(objects::objects))
        .route("/invoices", get(invoices::invoices))
        .route("/custom_field/{named}", put(invoices::change_field))
        .route("/custom_type/{named}", put(invoices::rename_type))
        .route("/webhooks", get(webhooks))
        .route(
            "/faults",
            get(switches::faults)
                .put(switches::set_faults)
                .delete(switches::clear_faults),
        )
        .route(
            "/oauth",
            get(oauth::shown)
                .put(oauth::behave)
                .post(oauth::forget)
                .delete(oauth::revoke),
        )
        .route("/traffic", put(switches::set_traffic))
        .route("/requests", get(requests).delete(reset_requests))
        .route("/deliver", post(replay::deliver))
        .route("/idle", post(switches::idle))
        .fallback(|| async { Failure::NoSuchPath })
        .method_not_allowed_fallback(|| async { Failure::MethodNotAllowed })
        .layer(from_fn_with_state(Arc::clone(app), token))
        .with_state(Arc::clone(app))
}

/// Requires the control token, when one is configured.
async fn token(State(app): Shared, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer "));
    match app.config.control_token.as_deref() {
        Some(wanted) if given != Some(wanted) => Failure::Unauthorized.into_response(),
        _ => next.run(request).await,
    }
}

/// The subscriptions with their signature keys, and the deliveries that are pending.
async fn webhooks(State(app): Shared) -> Answer {
    Ok(ok(
        &json!({ "data": app.webhooks.with_keys(), "pending": app.webhooks.pending() }),
    ))
}

async fn requests(State(app): Shared) -> Answer {
    Ok(ok(&app.requests.all()))
}

async fn reset_requests(State(app): Shared) -> Answer {
    app.requests.reset();
    Ok(ok(&json!({})))
}
