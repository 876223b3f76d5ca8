//! GraphiQL, from the binary itself.

use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use rust_embed::Embed;

/// What `web/` builds.
#[derive(Embed)]
#[folder = "../web/dist/graphiql/"]
struct Files;

/// Nothing but what this server serves is loaded or asked.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    worker-src 'self' blob:; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; \
    base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/// The page. Its assets are relative to `/graphiql/`.
pub(super) async fn page(uri: axum::http::Uri) -> Response {
    if !uri.path().ends_with('/') {
        return Redirect::permanent("/graphiql/").into_response();
    }
    file("index.html", "no-cache").unwrap_or_else(|| {
        let message = "GraphiQL is not in this binary: run `make web` and build again.";
        (StatusCode::NOT_FOUND, message).into_response()
    })
}

/// A script, style or worker; names carry a hash of the content.
pub(super) async fn asset(Path(path): Path<String>) -> Response {
    let kept = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    file(&path, kept).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

fn file(path: &str, kept: &'static str) -> Option<Response> {
    let file = Files::get(path)?;
    let media = mime_guess::from_path(path).first_or_octet_stream();
    let headers: [(HeaderName, String); 5] = [
        (header::CONTENT_TYPE, media.to_string()),
        (header::CACHE_CONTROL, kept.to_owned()),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    Some((headers, file.data.into_owned()).into_response())
}
