//! `POST /_sim/deliver`: signs a given body with a subscription's key and posts it as it is.

use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::rest::Shared;
use crate::rest::answer::{Answer, Failure, ok, with_status};
use crate::rest::params::Params;

/// The body is an envelope (`{"subscription_id", "event"}`), posted byte for byte; or a bare event,
/// which gets an envelope. The subscription is `?subscription_id=`, else the envelope's when it is
/// known, else the only one there is. Answers `{"subscription_id", "status"}`, or 502 with
/// `{"error"}` when the receiver did not answer.
pub(super) async fn deliver(State(app): Shared, params: Params, body: Bytes) -> Answer {
    let value: Value = serde_json::from_slice(&body).map_err(|_| Failure::InvalidJson)?;
    let named = value.get("subscription_id").and_then(Value::as_str);
    let all = app.webhooks.all();
    let subscription = match params.get("subscription_id") {
        Some(id) => app.webhooks.find(id),
        None => named
            .and_then(|id| app.webhooks.find(id))
            .or_else(|| match all.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            }),
    };
    let subscription = subscription.ok_or_else(|| {
        Failure::field(
            "subscription_id",
            "Name one of the subscriptions in /_sim/webhooks.",
        )
    })?;
    let bytes = if value.get("event").is_some_and(Value::is_object) {
        body.to_vec()
    } else {
        json!({ "subscription_id": subscription.id, "event": value })
            .to_string()
            .into_bytes()
    };
    Ok(match app.webhooks.post(&subscription, bytes).await {
        Ok(status) => ok(&json!({ "subscription_id": subscription.id, "status": status })),
        Err(error) => with_status(StatusCode::BAD_GATEWAY, &json!({ "error": error })),
    })
}
