//! Whether a caller who was let in may stay.

use super::Api;
use super::auth::{Credential, Denied, Identified};
use axum::http::HeaderValue;
use chrono::{DateTime, Utc};
use rand::RngExt;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// How often a caller is checked while nobody hears that tokens change, and after a check that failed.
const UNHEARD: Duration = Duration::from_secs(30);
/// Checks of many callers are spread over this time.
const SPREAD: f64 = 0.5;

/// A session that seems idle is looked at again after this time at the earliest: clocks differ.
const IDLE: Duration = Duration::from_secs(1);

/// Looks at a caller again when tokens, sessions or connections have changed, and when the token or session ends. Otherwise
/// nothing is asked.
pub(super) struct Guard {
    api: Api,
    pub(super) caller: Identified,
    access: watch::Receiver<u64>,
    ended: watch::Receiver<bool>,
    due: Option<Instant>,
}

/// Why a caller may not stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// The token is revoked, or it or the session is at its end.
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
        authorization: &HeaderValue,
        from: Option<IpAddr>,
    ) -> Result<Self, Denied> {
        let credential = Credential::bearer(authorization)?;
        let caller = api.callers.identify(credential, from).await?;
        Ok(Self::new(api, caller))
    }

    /// Whoever was let in a moment ago. What changed meanwhile is looked for soon.
    pub(super) fn new(api: &Api, caller: Identified) -> Self {
        let mut access = api.live.access();
        access.mark_changed();
        Self {
            api: api.clone(),
            caller,
            access,
            ended: api.live.ended(),
            due: None,
        }
    }

    /// Waits until the caller may not stay.
    pub(super) async fn lapse(&mut self) -> Lapse {
        loop {
            let left = |at: DateTime<Utc>| (at - Utc::now()).to_std().unwrap_or_default();
            let expires = self.caller.expires_at.map(|at| Instant::now() + left(at));
            let idle = self.caller.idle_at;
            let idle = idle.map(|at| Instant::now() + left(at).max(IDLE));
            let next = [self.due, expires, idle].into_iter().flatten().min();
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
        match self.api.callers.recheck(&self.caller).await {
            Ok(now) if self.caller.is_like(&now) => {
                self.due = None;
                self.caller = now;
                None
            }
            Ok(_) => Some(Lapse::Changed),
            Err(Denied::Token(_) | Denied::Foreign) => Some(Lapse::Denied),
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
