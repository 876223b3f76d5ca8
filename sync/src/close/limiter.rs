//! One limiter a credential, shared by all its tasks. It is fed by the answers' headers and works without them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Requests a second while Close sends no `RateLimit` header: the ceiling of one key in its documentation's example.
const UNTOLD_RATE: f64 = 20.0;

/// Requests that are left to other users of the key before we wait for the window's end.
const RESERVE: u32 = 2;

/// Spaces requests so that Close has no reason to answer 429, and waits when it did.
#[derive(Debug)]
pub(super) struct Limiter {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Nobody sends before this instant.
    blocked_until: Instant,
    /// Requests that may still go out in the present window, where Close has told.
    window: Option<Window>,
    /// When the next request may go out, while Close tells nothing.
    next_slot: Instant,
}

#[derive(Debug)]
struct Window {
    remaining: u32,
    resets_at: Instant,
}

/// The `RateLimit: limit=100, remaining=50, reset=5` header; `reset` is in seconds and may be decimal.
#[derive(Debug, PartialEq)]
pub(super) struct RateLimit {
    pub(super) remaining: u32,
    pub(super) reset: Duration,
}

impl RateLimit {
    /// Reads the header's value; anything unexpected is as good as no header.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let value = |key: &str| {
            header
                .split(',')
                .find_map(|part| part.trim().strip_prefix(key)?.strip_prefix('='))
        };
        let reset: f64 = value("reset")?.trim().parse().ok()?;
        Some(Self {
            remaining: value("remaining")?.trim().parse().ok()?,
            reset: Duration::try_from_secs_f64(reset).ok()?,
        })
    }
}

impl Limiter {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::new(State {
                blocked_until: now,
                window: None,
                next_slot: now,
            }),
        }
    }

    /// Waits until a request may go out, and counts it.
    pub(super) async fn acquire(&self) {
        loop {
            let wait = self.take();
            let Some(wait) = wait else { return };
            metrics::histogram!("closegraph_close_limiter_wait_seconds").record(wait.as_secs_f64());
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a slot, or tells how long to wait before asking again.
    fn take(&self) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.blocked_until > now {
            return Some(state.blocked_until - now);
        }
        if let Some(window) = &mut state.window {
            if window.resets_at <= now {
                state.window = None;
            } else if window.remaining <= RESERVE {
                return Some(window.resets_at - now);
            } else {
                window.remaining -= 1;
                return None;
            }
        }
        // A burst of up to one second's worth may go out at once.
        let earliest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let slot = state.next_slot.max(earliest);
        if slot > now {
            return Some(slot - now);
        }
        state.next_slot = slot + Duration::from_secs_f64(1.0 / UNTOLD_RATE);
        None
    }

    /// Learns from an answer's header.
    pub(super) fn observe(&self, limit: &RateLimit) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.window = Some(Window {
            remaining: limit.remaining,
            resets_at: Instant::now() + limit.reset,
        });
    }

    /// Lets nobody send for a while: Close answered 429.
    pub(super) fn block(&self, wait: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.blocked_until = state.blocked_until.max(Instant::now() + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::{Limiter, RateLimit};
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn the_header_is_read_with_a_decimal_reset() {
        let parsed = RateLimit::parse("limit=100, remaining=50, reset=1.5").unwrap();
        assert_eq!(
            parsed,
            RateLimit {
                remaining: 50,
                reset: Duration::from_millis(1500)
            }
        );
        assert_eq!(RateLimit::parse("nonsense"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_that_is_nearly_spent_is_waited_for() {
        let limiter = Limiter::new();
        limiter.observe(&RateLimit {
            remaining: 3,
            reset: Duration::from_secs(5),
        });
        let start = Instant::now();
        limiter.acquire().await;
        assert!(start.elapsed() < Duration::from_secs(1));
        limiter.acquire().await;
        assert!(start.elapsed() >= Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_header_the_rate_is_bounded() {
        let limiter = Limiter::new();
        let start = Instant::now();
        for _ in 0..120 {
            limiter.acquire().await;
        }
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_secs(4), "{elapsed:?}");
        assert!(elapsed <= Duration::from_secs(7), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stops_everybody_for_as_long_as_close_asked() {
        let limiter = Limiter::new();
        limiter.block(Duration::from_secs(7));
        let start = Instant::now();
        limiter.acquire().await;
        assert!(start.elapsed() >= Duration::from_secs(7));
    }
}
