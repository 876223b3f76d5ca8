//! Where Close sends a person back to who was asked for access: a page that says what came of it.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use closegraph_sync::SyncError;
use closegraph_sync::connect::{Callback, Connected, Connections, OAuthError, finish};

/// Where the answer to a request for access arrives at a server.
pub(crate) const PATH: &str = "connect/close/callback";

/// `GET /connect/close/callback`. The state is known to any process, and to nobody but who made the request: with one that
/// is not, nothing is done.
pub(crate) fn router(connections: Connections) -> Router {
    Router::new()
        .route(&format!("/{PATH}"), get(arrived))
        .with_state(connections)
}

async fn arrived(State(connections): State<Connections>, RawQuery(query): RawQuery) -> Response {
    let (_, page) = answer(&connections, query.as_deref()).await;
    page
}

/// Makes the connection that an answer allows, and the page that says so.
pub(crate) async fn answer(
    connections: &Connections,
    query: Option<&str>,
) -> (Result<Connected, SyncError>, Response) {
    let callback = Callback::of_query(query.unwrap_or_default());
    let done = finish(connections, callback).await;
    let (status, text) = match &done {
        Ok(connected) => {
            tracing::info!(connection = %connected.id, "connected");
            let name = connected.organization_name.as_deref();
            let name = name.unwrap_or(&connected.organization_id);
            (
                StatusCode::OK,
                format!("{name} is connected. You can close this page."),
            )
        }
        Err(SyncError::OAuth(error)) => {
            tracing::warn!(error = %told(error), "an answer to a request for access connects nothing");
            (StatusCode::BAD_REQUEST, error.to_string())
        }
        Err(error) => {
            tracing::error!(
                error = error.logged(),
                "an answer to a request for access can't be worked on"
            );
            let text = "Something went wrong here: the server's log says what.".to_owned();
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    };
    (done, page(status, &text))
}

/// What a log may have of an error.
fn told(error: &OAuthError) -> String {
    match error {
        // What the other side says may quote what it was asked.
        OAuthError::Exchange(_) => "Close gave no token for its answer".to_owned(),
        other => other.to_string(),
    }
}

fn page(status: StatusCode, text: &str) -> Response {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let html = format!(
        r#"<!doctype html><html lang="en"><meta charset="utf-8"><title>Closegraph</title><p>{text}</p></html>"#
    );
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        // The address of this page holds the code.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, Html(html)).into_response()
}
