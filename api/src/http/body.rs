//! The body of a request: read whole, no longer and no slower than allowed.

use super::limits::Limits;
use super::refusal::Refusal;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// All bytes of a body.
pub(super) async fn read(body: Body, limits: &Limits) -> Result<Bytes, Refusal> {
    let collected = Limited::new(body, limits.body_bytes).collect();
    match tokio::time::timeout(limits.body_time(), collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let allowed = limits.body_bytes;
            let message = format!("the body is larger than {allowed} bytes");
            Err(last(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "BODY_LIMIT",
                message,
            )))
        }
        Ok(Err(_)) => Err(Refusal::bad("the body ends before its time")),
        Err(_) => {
            let allowed = limits.body_ms;
            let message = format!("the body took longer than {allowed} ms to arrive");
            Err(last(Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "BODY_TIMEOUT",
                message,
            )))
        }
    }
}

/// The last answer on its connection: what is left of the body is not waited for.
fn last(refusal: Refusal) -> Refusal {
    refusal.with(header::CONNECTION, HeaderValue::from_static("close"))
}
