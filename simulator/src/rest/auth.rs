//! Who asks: an API key as the user of Basic auth with an empty password, or a Bearer token
//! (dossier 1.2, 1.3).

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::SimulatorConfig;

/// How the caller proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    ApiKey,
    AccessToken,
}

/// The credential of a request, when it is one of the organization's.
pub(crate) fn credential(config: &SimulatorConfig, headers: &HeaderMap) -> Option<Credential> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = given.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return (secret == config.access_token).then_some(Credential::AccessToken);
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(secret.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (user == config.api_key && password.is_empty()).then_some(Credential::ApiKey)
}
