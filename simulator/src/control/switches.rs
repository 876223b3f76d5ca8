//! Faults, traffic and waiting.

use std::time::Duration;

use axum::extract::State;
use serde_json::{Value, json};

use crate::MOST_TRAFFIC;
use crate::faults::Faults;
use crate::rest::Shared;
use crate::rest::answer::{Answer, Failure, ok};
use crate::rest::body::JsonBody;
use crate::rest::params::Params;

pub(super) async fn faults(State(app): Shared) -> Answer {
    Ok(ok(&app.faults()))
}

/// Changes the faults that the body names and keeps the others.
pub(super) async fn set_faults(State(app): Shared, JsonBody(body): JsonBody) -> Answer {
    let wrong = |error: serde_json::Error| Failure::Invalid(error.to_string());
    let mut merged = serde_json::to_value(app.faults()).map_err(wrong)?;
    if let Some(merged) = merged.as_object_mut() {
        merged.extend(body);
    }
    let faults: Faults = serde_json::from_value(merged).map_err(wrong)?;
    if let Some(name) = faults.invalid() {
        return Err(Failure::field(name, "A probability is from 0.0 to 1.0."));
    }
    app.set_faults(faults.clone());
    Ok(ok(&faults))
}

pub(super) async fn clear_faults(State(app): Shared) -> Answer {
    app.set_faults(Faults::default());
    Ok(ok(&app.faults()))
}

/// `{"per_second": 5.0}`; 0 stops the traffic.
pub(super) async fn set_traffic(State(app): Shared, JsonBody(body): JsonBody) -> Answer {
    let per_second = body.get("per_second").and_then(Value::as_f64);
    let per_second = per_second.filter(|rate| (0.0..=MOST_TRAFFIC).contains(rate));
    let per_second = per_second
        .ok_or_else(|| Failure::field("per_second", "Value must be from 0 to 10,000."))?;
    app.traffic.send_replace(per_second);
    Ok(ok(&json!({ "per_second": per_second })))
}

/// Answers when no delivery is pending, at the latest after `timeout` seconds (default 30).
pub(super) async fn idle(State(app): Shared, params: Params) -> Answer {
    let seconds = params.get("timeout").map_or(Ok(30.0), str::parse::<f64>);
    let seconds = seconds
        .ok()
        .filter(|seconds| (0.0..=3_600.0).contains(seconds));
    let seconds =
        seconds.ok_or_else(|| Failure::field("timeout", "Value must be seconds, up to 3600."))?;
    let idle = app.webhooks.idle(Duration::from_secs_f64(seconds)).await;
    Ok(ok(
        &json!({ "idle": idle, "pending": app.webhooks.pending() }),
    ))
}
