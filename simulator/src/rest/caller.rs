//! Who a handler acts for, and what its events will say about the request.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use super::answer::Failure;
use super::auth::Credential;
use crate::world::World;
use crate::world::id::IdKind;
use crate::world::write::Actor;

const HOUR: f64 = 3_600.0 * 1e6;

/// The request behind a write.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    credential: Credential,
    method: Method,
    path: String,
    /// Microseconds east of UTC, from `x-tz-offset`.
    offset: i64,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let credential = parts.extensions.get::<Credential>().copied();
        let Ok(OriginalUri(uri)) = OriginalUri::from_request_parts(parts, state).await;
        Ok(Self {
            credential: credential.ok_or(Failure::Unauthorized)?,
            method: parts.method.clone(),
            path: uri.path().to_owned(),
            offset: offset(&parts.headers),
        })
    }
}

/// Hours east of UTC, possibly with a fraction (dossier 1.1).
fn offset(headers: &HeaderMap) -> i64 {
    let given = headers
        .get("x-tz-offset")
        .and_then(|value| value.to_str().ok());
    let hours: f64 = given
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a day")]
    let micros = (hours.clamp(-24.0, 24.0) * HOUR) as i64;
    micros
}

impl Caller {
    pub(crate) fn offset(&self) -> i64 {
        self.offset
    }

    pub(crate) fn actor(&self, world: &mut World) -> Actor {
        let by_key = self.credential.is_key();
        Actor {
            user: Some(self.credential.user()),
            api_key_id: by_key.then_some(world.organization.api_key_id),
            request_id: world.mint(IdKind::Request),
            method: match self.method {
                Method::POST => "POST",
                Method::PUT => "PUT",
                Method::DELETE => "DELETE",
                _ => "GET",
            },
            path: self.path.clone(),
            today: world.clock.now().plus(self.offset).date(),
        }
    }
}
