//! Rate limits by endpoint group and credential, and how they are announced (dossier 2).

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::with_status;
use crate::app::lock;
use crate::config::RateLimit;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RETRY_AFTER: HeaderName = HeaderName::from_static("retry-after");

/// Fixed windows, one for each group and credential.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: RateLimit,
    windows: Mutex<HashMap<String, (Instant, u32)>>,
    /// Answers that a burst of 429 still has to give.
    burst: AtomicU32,
}

/// The state of a window after a request was counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    reset: Duration,
    header: bool,
    pub(crate) exceeded: bool,
}

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            windows: Mutex::default(),
            burst: AtomicU32::new(0),
        }
    }

    /// Counts a request; none when there is no limit.
    pub(crate) fn count(&self, group: String) -> Option<Standing> {
        let limit = self.limit.requests;
        if limit == 0 {
            return None;
        }
        let now = Instant::now();
        let mut windows = lock(&self.windows);
        let (started, used) = windows.entry(group).or_insert((now, 0));
        if now.duration_since(*started) >= self.limit.window {
            (*started, *used) = (now, 0);
        }
        *used = used.saturating_add(1);
        Some(Standing {
            limit,
            remaining: limit.saturating_sub(*used),
            reset: self
                .limit
                .window
                .saturating_sub(now.duration_since(*started)),
            header: self.limit.header,
            exceeded: *used > limit,
        })
    }

    /// Whether a request falls into a burst of 429; `starts` decides whether one begins.
    pub(crate) fn in_burst(&self, starts: impl FnOnce() -> bool, length: u32) -> bool {
        let take = |left: u32| left.checked_sub(1);
        if self
            .burst
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
            .is_ok()
        {
            return true;
        }
        let begins = length > 0 && starts();
        if begins {
            self.burst.store(length - 1, Ordering::SeqCst);
        }
        begins
    }

    /// A window that a fault declares used up.
    pub(crate) fn burst(&self) -> Standing {
        Standing {
            limit: self.limit.requests.max(1),
            remaining: 0,
            reset: Duration::from_secs(1),
            header: self.limit.header,
            exceeded: true,
        }
    }
}

impl Standing {
    /// `ratelimit: limit=100, remaining=50, reset=4.2`
    pub(crate) fn announce(&self, headers: &mut HeaderMap) {
        if !self.header {
            return;
        }
        let Self {
            limit,
            remaining,
            reset,
            ..
        } = self;
        let text = format!(
            "limit={limit}, remaining={remaining}, reset={:.3}",
            reset.as_secs_f64()
        );
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(RATE_LIMIT, value);
        }
    }

    /// 429 with whole seconds to wait, rounded up.
    pub(crate) fn refuse(&self) -> Response {
        let body = json!({ "error": "Too many requests" });
        let mut response = with_status(StatusCode::TOO_MANY_REQUESTS, &body).into_response();
        let seconds = self.reset.as_millis().div_ceil(1_000);
        if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        self.announce(response.headers_mut());
        response
    }
}
