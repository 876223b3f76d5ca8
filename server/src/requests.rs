//! What is noted of each HTTP request: its id, in logs and in the answer, and how long it took.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

/// Carries the id, both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids of callers are not taken over.
const MAX_ID_BYTES: usize = 64;

const REQUESTS: &str = "closegraph_http_requests_total";
const DURATION: &str = "closegraph_http_request_duration_seconds";

/// Describes the metrics of HTTP.
pub(crate) fn describe_metrics() {
    metrics::describe_counter!(
        REQUESTS,
        "HTTP requests, by route and class of the answer's status."
    );
    metrics::describe_histogram!(
        DURATION,
        "Time from a request's head to its answer's head, by route."
    );
}

/// Names a request in the logs of whatever answers it, and measures it. Neither address nor body is noted: they can
/// carry a person's data.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = given_id(request.headers()).unwrap_or_else(|| Uuid::new_v4().to_string());
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request_id = id, route);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let took = start.elapsed();
    span.in_scope(|| {
        let duration_ms = took.as_secs_f64() * 1_000.0;
        tracing::debug!(
            status = status.as_u16(),
            duration_ms,
            "a request is answered"
        );
    });
    let class = match status.as_u16() {
        0..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    metrics::counter!(REQUESTS, "route" => route.clone(), "status" => class).increment(1);
    metrics::histogram!(DURATION, "route" => route).record(took.as_secs_f64());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The caller's own id, where it is one: short, and of letters, digits, `-`, `_` and `.` only.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!id.is_empty() && id.len() <= MAX_ID_BYTES && id.bytes().all(plain)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{REQUEST_ID, given_id};
    use axum::http::{HeaderMap, HeaderValue};

    #[test]
    fn an_id_is_taken_over_only_where_it_is_one() {
        let given = |value: &str| {
            let value = HeaderValue::from_str(value).unwrap();
            given_id(&HeaderMap::from_iter([(REQUEST_ID, value)]))
        };
        assert_eq!(given("a-1_b.2").as_deref(), Some("a-1_b.2"));
        for refused in ["", "ann@example.com", "two words", &"x".repeat(65)] {
            assert_eq!(given(refused), None, "{refused}");
        }
        assert_eq!(given_id(&HeaderMap::new()), None);
    }
}
