//! Who asks: an API key as the user of Basic auth with an empty password, or a Bearer token
//! (dossier 1.2, 1.3).

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::app::App;
use crate::oauth::FULL_ACCESS;

/// How the caller proved itself, and as whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    ApiKey,
    /// The key of a user who is no admin.
    MemberKey,
    AccessToken,
    /// The token of a user who is no admin.
    MemberToken,
}

/// The place of the user who is no admin, and whom all such credentials stand for.
const MEMBER: u8 = 1;

impl Credential {
    /// The place of its user; the first one is an admin.
    pub(crate) const fn user(self) -> u8 {
        match self {
            Self::ApiKey | Self::AccessToken => 0,
            Self::MemberKey | Self::MemberToken => MEMBER,
        }
    }

    pub(crate) const fn is_admin(self) -> bool {
        self.user() == 0
    }

    pub(crate) const fn is_key(self) -> bool {
        matches!(self, Self::ApiKey | Self::MemberKey)
    }
}

/// The credential of a request, when it is one of the organization's.
pub(crate) fn credential(app: &App, headers: &HeaderMap) -> Option<Credential> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = given.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return of_token(app, secret);
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(secret.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    let keys = [
        (&app.config.api_key, Credential::ApiKey),
        (&app.config.member_api_key, Credential::MemberKey),
    ];
    let found = keys.into_iter().find(|(key, _)| *key == user);
    found
        .filter(|_| password.is_empty())
        .map(|(_, known)| known)
}

/// Tokens for the MCP server are none here.
fn of_token(app: &App, token: &str) -> Option<Credential> {
    if token == app.config.access_token {
        return Some(Credential::AccessToken);
    }
    let scopes = app.oauth.scopes(token)?;
    if !scopes.iter().any(|scope| scope == FULL_ACCESS) {
        return None;
    }
    Some(match app.oauth.behaviour().consent_by_member {
        true => Credential::MemberToken,
        false => Credential::AccessToken,
    })
}
