//! The door in front of every API route: credentials, faults, rate limits, and the request log.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, OriginalUri, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rand::RngExt;

use super::answer::Failure;
use super::auth::{self, Credential};
use crate::app::{App, lock};
use crate::faults::Faults;

/// What the faults do to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    None,
    TooManyRequests,
    Server(u16),
    Reset,
    Truncated,
    Halved,
}

pub(super) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let original = request.extensions().get::<OriginalUri>();
    let path = original
        .map_or_else(|| request.uri().path(), |uri| uri.0.path())
        .to_owned();
    let matched = request.extensions().get::<MatchedPath>();
    let template = matched.map_or("(unknown path)", |matched| {
        matched
            .as_str()
            .strip_prefix("/api/v1")
            .unwrap_or(matched.as_str())
    });
    let template = template.to_owned();

    let mut response = match auth::credential(&app, request.headers()) {
        None => Failure::Unauthorized.into_response(),
        Some(credential) => {
            request.extensions_mut().insert(credential);
            admitted(&app, credential, &method, &template, request, next).await
        }
    };
    let status = response.status().as_u16();
    let now = app.clock.now();
    // By the clock of the organization, which may be put forward.
    let date = now.utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = date.try_into() {
        response.headers_mut().insert(header::DATE, date);
    }
    app.requests
        .note(now, method.as_str(), &path, &template, status);
    response
}

async fn admitted(
    app: &App,
    credential: Credential,
    method: &Method,
    template: &str,
    request: Request,
    next: Next,
) -> Response {
    let (mishap, wait) = meet(app);
    if let Some(wait) = wait {
        tokio::time::sleep(wait).await;
    }
    if mishap == Mishap::TooManyRequests {
        return app.limiter.burst().refuse();
    }
    let standing = app.limiter.count(group(credential, method, template));
    if let Some(standing) = standing.filter(|standing| standing.exceeded) {
        return standing.refuse();
    }
    let mut response = match mishap {
        Mishap::Server(status) => Failure::Server(status).into_response(),
        Mishap::Reset => broken(Bytes::new()),
        _ => next.run(request).await,
    };
    if matches!(mishap, Mishap::Truncated | Mishap::Halved) {
        response = half(response, mishap).await;
    }
    if let Some(standing) = standing {
        standing.announce(response.headers_mut());
    }
    response
}

/// Which window a request counts in: the resource, reads or writes, and who asks.
fn group(credential: Credential, method: &Method, template: &str) -> String {
    let resource = template
        .trim_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let family = if method == Method::GET || resource == "data" {
        "read"
    } else {
        "write"
    };
    format!("{credential:?} {family} {resource}")
}

fn meet(app: &App) -> (Mishap, Option<Duration>) {
    let faults = app.faults();
    if faults == Faults::default() {
        return (Mishap::None, None);
    }
    let mut rng = lock(&app.fault_rng);
    let mut hits = |probability: f64| probability > 0.0 && rng.random_bool(probability.min(1.0));
    let wait = hits(faults.slow).then(|| Duration::from_millis(faults.slow_ms));
    let mishap = if app
        .limiter
        .in_burst(|| hits(faults.too_many_requests), faults.burst_length)
    {
        Mishap::TooManyRequests
    } else if hits(faults.server_errors) {
        let which = [500, 502, 503].get(rng.random_range(0..3_usize)).copied();
        Mishap::Server(which.unwrap_or(500))
    } else if hits(faults.resets) {
        Mishap::Reset
    } else if hits(faults.truncations) {
        Mishap::Truncated
    } else if hits(faults.half_answers) {
        Mishap::Halved
    } else {
        Mishap::None
    };
    (mishap, wait)
}

/// An answer that promises more than it sends and then breaks the connection.
fn broken(sent: Bytes) -> Response {
    let promised = sent.len() + 1_000;
    let torn = futures::stream::unfold(Some(sent), |sent| async move {
        let sent = sent?;
        if sent.is_empty() {
            // The head, and what came before, should leave before the connection breaks.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Some((Err(std::io::ErrorKind::ConnectionReset.into()), None));
        }
        Some((Ok::<_, std::io::Error>(sent), Some(Bytes::new())))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_LENGTH, promised.to_string()),
    ];
    (headers, Body::from_stream(torn)).into_response()
}

/// The first half of an answer: cut off on the wire, or all that was sent.
async fn half(response: Response, mishap: Mishap) -> Response {
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    let sent = body.map_or_else(|_| Bytes::new(), |bytes| bytes.slice(..bytes.len() / 2));
    match mishap {
        Mishap::Halved => ([(header::CONTENT_TYPE, "application/json")], sent).into_response(),
        _ => broken(sent),
    }
}
