//! What is noted of each HTTP request: its id, in logs and in the answer, and how long it took.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use closegraph_api::RequestId;
use std::time::Instant;
use tracing::Instrument;

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
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request_id = id.as_str(), route);
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
    id.mark(response.headers_mut());
    response
}
