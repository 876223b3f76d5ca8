//! Whether a caller who was let in may stay.

use super::Api;
use super::auth::{Denied, Identified};
use axum::http::{HeaderMap, HeaderValue, header};
use chrono::Utc;
use rand::RngExt;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// How often a caller is checked while nobody hears that tokens change, and after a check that failed.
const UNHEARD: Duration = Duration::from_secs(30);
/// Checks of many callers are spread over this time.
const SPREAD: f64 = 0.5;

/// Looks at a caller again when tokens or connections have changed, and when the token ends. Otherwise nothing is asked.
pub(super) struct Guard {
    api: Api,
    headers: HeaderMap,
    pub(super) caller: Identified,
    access: watch::Receiver<u64>,
    ended: watch::Receiver<bool>,
    due: Option<Instant>,
}

/// Why a caller may not stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// The token is revoked or at its end.
    Denied,
    /// The token sees something else than before.
    Changed,
    /// The process stops.
    Stopping,
}

impl Guard {
    /// Lets in whom the value of `Authorization` names; `from` is where it comes from.
    pub(super) async fn admit(
        api: &Api,
        authorization: HeaderValue,
        from: Option<IpAddr>,
    ) -> Result<Self, Denied> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, authorization.clone())]);
        let caller = api.callers.identify(&headers, from).await?;
        Ok(Self::new(api, [authorization].into_iter(), caller))
    }

    /// Whoever was let in by these values of `Authorization` a moment ago. What changed meanwhile is looked for soon.
    pub(super) fn new(
        api: &Api,
        authorization: impl Iterator<Item = HeaderValue>,
        caller: Identified,
    ) -> Self {
        let named = authorization.map(|value| (header::AUTHORIZATION, value));
        let mut access = api.live.access();
        access.mark_changed();
        Self {
            api: api.clone(),
            headers: HeaderMap::from_iter(named),
            caller,
            access,
            ended: api.live.ended(),
            due: None,
        }
    }

    /// Waits until the caller may not stay.
    pub(super) async fn lapse(&mut self) -> Lapse {
        loop {
            let expires = self.caller.expires_at.map(|at| {
                let left = (at - Utc::now()).to_std().unwrap_or_default();
                Instant::now() + left
            });
            let next = [self.due, expires].into_iter().flatten().min();
            let changed = async {
                // The sender lives as long as the API does.
                if self.access.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let stopping = async { drop(self.ended.wait_for(|ended| *ended).await) };
            tokio::select! {
                () = stopping => return Lapse::Stopping,
                () = changed => self.due = Some(Self::later()),
                () = at(next) => {
                    if let Some(lapse) = self.check().await {
                        return lapse;
                    }
                }
                () = sleep(UNHEARD) => {
                    if !self.api.live.is_listening() {
                        self.due = Some(Instant::now());
                    }
                }
            }
        }
    }

    /// When to check after a change that was heard of: it has made the token unknown already.
    fn later() -> Instant {
        Instant::now() + Duration::from_secs_f64(rand::rng().random_range(0.0..SPREAD))
    }

    async fn check(&mut self) -> Option<Lapse> {
        match self.api.callers.identify(&self.headers, None).await {
            Ok(now) if self.caller.is_like(&now) => {
                self.due = None;
                self.caller = now;
                None
            }
            Ok(_) => Some(Lapse::Changed),
            Err(Denied::Token(_)) => Some(Lapse::Denied),
            Err(Denied::Failures(wait)) => {
                self.due = Some(Instant::now() + wait);
                None
            }
            Err(Denied::Database(error)) => {
                tracing::warn!(%error, "a token can't be checked again");
                self.due = Some(Instant::now() + UNHEARD);
                None
            }
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
