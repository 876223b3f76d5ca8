//! What browsers are told that they may do with our answers.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use std::time::Duration;
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// Headers of every answer that has none of its own of the name. Pages (GraphiQL, and those of signing in) say for themselves
/// what they load.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    // For browsers that do not know frame-ancestors.
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// How long a browser may believe an answer to its question whether it may ask.
const BELIEVED: Duration = Duration::from_secs(600);

/// The routes with [`HEADERS`] on all that they answer, refusals among it.
pub(crate) fn secured(routes: Router) -> Router {
    HEADERS.into_iter().fold(routes, |routes, (name, value)| {
        routes.layer(SetResponseHeaderLayer::if_not_present(name, value))
    })
}

/// The routes, which pages of these origins may ask; of no others where there are none. Cookies are not among what they
/// may send: a token is.
pub(crate) fn shared(routes: Router, origins: &[String]) -> Router {
    let origins: Vec<HeaderValue> = origins
        .iter()
        .filter_map(|origin| origin.parse().ok())
        .collect();
    if origins.is_empty() {
        return routes;
    }
    let request_id = HeaderName::from_static("x-request-id");
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            request_id.clone(),
        ])
        .expose_headers([header::ETAG, header::RETRY_AFTER, request_id])
        .max_age(BELIEVED);
    routes.layer(cors)
}
