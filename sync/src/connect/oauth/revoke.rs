//! Access that is given back.

use super::OAuthError;
use super::grant::{Found, Grant, discover};
use super::held::Held;
use closegraph_entity::connection::AuthMethod;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Gives a grant back, with all its tokens.
pub(in crate::connect) async fn revoke(
    method: AuthMethod,
    base_url: &str,
    sealed: &SecretString,
) -> Result<(), OAuthError> {
    Held::parse(method, base_url, sealed)?.revoke().await
}

/// The same for one that nobody needs to hear of.
pub(super) async fn give_back(grant: &Held) {
    if let Err(error) = grant.revoke().await {
        tracing::warn!(
            error = crate::redact::chain(&error),
            "a grant that is not used could not be given back"
        );
    }
}

/// Gives back a grant for an MCP server.
pub(super) async fn send(server: &Url, grant: &Grant) -> Result<(), OAuthError> {
    let Found { metadata, http, .. } = discover(server).await?;
    let failed = OAuthError::Revocation;
    let named = metadata.additional_fields.get("revocation_endpoint");
    let endpoint = match named.and_then(serde_json::Value::as_str) {
        Some(named) => Url::parse(named),
        // Close's document does not name it; its REST documentation does, beside the endpoint of tokens.
        None => Url::parse(&metadata.token_endpoint).and_then(|tokens| tokens.join("../revoke/")),
    };
    let endpoint = endpoint.map_err(|error| failed(error.to_string()))?;
    let token = grant.longest_token()?;
    let secret = grant.registration.client_secret.as_deref();
    let form = [
        ("token", token.expose_secret()),
        ("client_id", &grant.registration.client_id),
        ("client_secret", secret.unwrap_or_default()),
    ];
    match http.post(&endpoint, &form).await {
        Ok(200..=299) => Ok(()),
        Ok(status) => Err(failed(format!("{} answered {status}", endpoint.path()))),
        Err(error) => Err(failed(error.to_string())),
    }
}
