//! The authorization server: its metadata, clients that register themselves, the app that the
//! organization has registered, the consent page, and tokens (dossier 1.3, 1.4, 7.1). Clients that
//! registered themselves are granted the MCP server, the app is granted REST.

mod authorize;
mod form;
pub(crate) mod grants;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::app::App;
use crate::rest::Shared;
use crate::rest::answer::{Answer, Failure, ok, with_status};
use crate::rest::body::JsonBody;

/// All that may be granted (dossier 7.1).
pub(crate) const SCOPES: [&str; 4] = [
    "mcp.read",
    "mcp.write_safe",
    "mcp.write_destructive",
    "offline_access",
];

/// What may be granted to an OAuth app (dossier 1.3).
pub(crate) const APP_SCOPES: [&str; 2] = [FULL_ACCESS, "offline_access"];

/// All that REST can do; there is no scope that only reads.
pub(crate) const FULL_ACCESS: &str = "all.full_access";

pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/.well-known/oauth-protected-resource", get(resource))
        .route("/.well-known/oauth-authorization-server", get(server))
        .route("/oauth2/register/", post(register))
        .route(
            "/oauth2/authorize/",
            get(authorize::page).post(authorize::decide),
        )
        .route("/oauth2/token/", post(token::token))
        .route("/oauth2/revoke/", post(token::revoke))
        .with_state(Arc::clone(app))
}

/// The root under which a caller reaches the simulator, without a final slash.
pub(crate) fn root(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    format!("http://{}", host.unwrap_or("127.0.0.1"))
}

/// Names the authorization server with a final slash, which its own document does not have.
async fn resource(headers: HeaderMap) -> Answer {
    let root = format!("{}/", root(&headers));
    Ok(ok(&json!({
        "resource": root,
        "authorization_servers": [root],
        "scopes_supported": SCOPES,
        "bearer_methods_supported": ["header"],
    })))
}

async fn server(headers: HeaderMap) -> Answer {
    let root = root(&headers);
    Ok(ok(&json!({
        "issuer": root,
        "authorization_endpoint": format!("{root}/oauth2/authorize/"),
        "token_endpoint": format!("{root}/oauth2/token/"),
        "revocation_endpoint": format!("{root}/oauth2/revoke/"),
        "registration_endpoint": format!("{root}/oauth2/register/"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "scopes_supported": SCOPES,
    })))
}

/// A public client; which scopes it names makes no difference.
async fn register(State(app): Shared, JsonBody(body): JsonBody) -> Answer {
    let uris = body.get("redirect_uris").and_then(Value::as_array);
    let uris: Vec<String> = uris
        .into_iter()
        .flatten()
        .filter_map(|uri| uri.as_str().map(str::to_owned))
        .collect();
    if uris.is_empty() {
        return Err(Failure::field("redirect_uris", "This field is required."));
    }
    let name = body.get("client_name").and_then(Value::as_str);
    let name = name.unwrap_or("Unnamed client").to_owned();
    let id = app.oauth.register(name.clone(), uris.clone());
    Ok(with_status(
        StatusCode::CREATED,
        &json!({
            "client_id": id,
            "client_name": name,
            "redirect_uris": uris,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }),
    ))
}
