//! One limiter a credential, shared by all its tasks and, through Postgres, by all processes. It is fed by the answers'
//! headers and works without them; while Postgres can't be reached each process limits itself.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Json;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Time between requests while Close sends no `RateLimit` header: 20 a second, the ceiling of one key in its
/// documentation's example.
const UNTOLD_PACE: TimeDelta = TimeDelta::milliseconds(50);

/// Requests that may go out at once after a pause, while Close tells nothing, as time.
const BURST: TimeDelta = TimeDelta::seconds(1);

/// How far a request that somebody waits for may run ahead of the pace; others then wait the longer.
const AHEAD: TimeDelta = TimeDelta::milliseconds(250);

/// Requests that are left to other users of the key before we wait for the window's end.
const RESERVE: u32 = 2;

/// The part of a window that is kept for requests that somebody waits for.
const KEPT: u32 = 5;

/// How long the shared state is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for the answer, or the mirror lags until it comes.
    #[default]
    Foreground,
    /// Walks over everything: a fifth of each window is left to the others.
    Background,
}

/// Spaces requests so that Close has no reason to answer 429, and waits when it did.
#[derive(Debug)]
pub(super) struct Limiter {
    shared: Option<(PgPool, Uuid)>,
    own: Mutex<State>,
}

/// What is known of a credential's rate. Times are by the clock of whoever keeps it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    /// Nobody sends before this instant.
    blocked_until: Option<DateTime<Utc>>,
    /// When the next request may go out, while Close tells nothing.
    next_slot: Option<DateTime<Utc>>,
    /// What may still go out in the present windows, where Close has told, by endpoint.
    windows: BTreeMap<String, Window>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Window {
    limit: u32,
    remaining: u32,
    resets_at: DateTime<Utc>,
}

/// The `RateLimit: limit=100, remaining=50, reset=5` header; `reset` is in seconds and may be decimal.
#[derive(Debug, PartialEq)]
pub(super) struct RateLimit {
    limit: u32,
    remaining: u32,
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
        let remaining = value("remaining")?.trim().parse().ok()?;
        Some(Self {
            limit: value("limit")
                .and_then(|limit| limit.trim().parse().ok())
                .unwrap_or(remaining),
            remaining,
            reset: Duration::try_from_secs_f64(reset).ok()?,
        })
    }
}

impl State {
    /// Takes a slot, or tells how long to wait before asking again.
    fn take(
        &mut self,
        now: DateTime<Utc>,
        endpoint: &str,
        priority: Priority,
    ) -> Option<TimeDelta> {
        self.blocked_until = self.blocked_until.filter(|until| *until > now);
        self.windows.retain(|_, window| window.resets_at > now);
        if let Some(until) = self.blocked_until {
            return Some(until - now);
        }
        if let Some(window) = self.windows.get_mut(endpoint) {
            let kept = match priority {
                Priority::Foreground => RESERVE,
                Priority::Background => RESERVE.max(window.limit / KEPT),
            };
            if window.remaining <= kept {
                return Some(window.resets_at - now);
            }
            window.remaining -= 1;
            return None;
        }
        let ahead = match priority {
            Priority::Foreground => AHEAD,
            Priority::Background => TimeDelta::zero(),
        };
        let slot = self.next_slot.unwrap_or(now).max(now - BURST);
        if slot > now + ahead {
            return Some(slot - now - ahead);
        }
        self.next_slot = Some(slot + UNTOLD_PACE);
        None
    }

    /// Learns from an answer's header. Answers of one window may overtake each other: the least that is left counts.
    fn observe(&mut self, now: DateTime<Utc>, endpoint: &str, told: &RateLimit) {
        let resets_at = later(now, told.reset);
        let known = self.windows.get(endpoint);
        let same = known.filter(|known| (known.resets_at - resets_at).abs() < BURST);
        let remaining = same.map_or(told.remaining, |known| known.remaining.min(told.remaining));
        let window = Window {
            limit: told.limit,
            remaining,
            resets_at,
        };
        self.windows.insert(endpoint.to_owned(), window);
    }

    fn block(&mut self, now: DateTime<Utc>, wait: Duration) {
        self.blocked_until = self.blocked_until.max(Some(later(now, wait)));
    }
}

fn later(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::hours(1));
    now + wait.min(TimeDelta::hours(1))
}

impl Limiter {
    /// A limiter that shares what it knows through the database, under the connection's id.
    pub(super) fn new(shared: Option<(PgPool, Uuid)>) -> Self {
        Self {
            shared,
            own: Mutex::default(),
        }
    }

    /// Waits until a request may go out, and counts it.
    pub(super) async fn acquire(&self, endpoint: &str, priority: Priority) {
        let start = Instant::now();
        while let Some(wait) = self
            .with_state(|state, now| state.take(now, endpoint, priority))
            .await
        {
            tokio::time::sleep(wait.to_std().unwrap_or_default()).await;
        }
        metrics::histogram!("closegraph_close_limiter_wait_seconds")
            .record(start.elapsed().as_secs_f64());
    }

    /// Learns from an answer's header.
    pub(super) async fn observe(&self, endpoint: &str, told: &RateLimit) {
        self.with_state(|state, now| state.observe(now, endpoint, told))
            .await;
    }

    /// Lets nobody send for a while: Close answered 429.
    pub(super) async fn block(&self, wait: Duration) {
        self.with_state(|state, now| state.block(now, wait)).await;
    }

    /// Reads and changes what all processes know, or what this one does while that can't be reached.
    async fn with_state<T>(&self, change: impl Fn(&mut State, DateTime<Utc>) -> T) -> T {
        if let Some((pool, id)) = &self.shared {
            match tokio::time::timeout(PATIENCE, shared(pool, *id, &change)).await {
                Ok(Ok(answer)) => return answer,
                Ok(Err(error)) => {
                    tracing::debug!(connection = %id, %error, "the shared rate limit can't be read");
                }
                Err(_) => {
                    tracing::debug!(connection = %id, "the shared rate limit takes too long to read");
                }
            }
        }
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut own, Utc::now())
    }
}

/// Changes the state in the database, by the database's clock.
async fn shared<T>(
    pool: &PgPool,
    id: Uuid,
    change: &impl Fn(&mut State, DateTime<Utc>) -> T,
) -> Result<T, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let (mut state, now) = loop {
        let known: Option<(Json<State>, DateTime<Utc>)> = sqlx::query_as(
            "select state, clock_timestamp() from rate_limit where connection_id = $1 for update",
        )
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some((Json(state), now)) = known {
            break (state, now);
        }
        sqlx::query(
            "insert into rate_limit (connection_id, state) values ($1, $2) on conflict do nothing",
        )
        .bind(id)
        .bind(Json(State::default()))
        .execute(&mut *transaction)
        .await?;
    };
    let answer = change(&mut state, now);
    sqlx::query("update rate_limit set state = $2 where connection_id = $1")
        .bind(id)
        .bind(Json(&state))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::{Priority, RateLimit, State};
    use chrono::{DateTime, TimeDelta, Utc};
    use std::time::Duration;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn told(remaining: u32) -> RateLimit {
        RateLimit::parse(&format!("limit=100, remaining={remaining}, reset=5")).unwrap()
    }

    #[test]
    fn the_header_is_read_with_a_decimal_reset() {
        let parsed = RateLimit::parse("limit=100, remaining=50, reset=1.5").unwrap();
        assert_eq!(
            (parsed.limit, parsed.remaining, parsed.reset),
            (100, 50, Duration::from_millis(1500))
        );
        assert_eq!(RateLimit::parse("nonsense"), None);
    }

    #[test]
    fn a_window_that_is_nearly_spent_is_waited_for_and_others_are_not() {
        let mut state = State::default();
        state.observe(NOW, "lead", &told(3));
        let mut take = |endpoint, at| state.take(NOW + at, endpoint, Priority::Foreground);
        assert_eq!(take("lead", TimeDelta::zero()), None);
        assert_eq!(
            take("lead", TimeDelta::seconds(1)),
            Some(TimeDelta::seconds(4))
        );
        assert_eq!(take("contact", TimeDelta::seconds(1)), None);
        assert_eq!(take("lead", TimeDelta::seconds(5)), None);
    }

    #[test]
    fn answers_that_overtake_each_other_bring_nothing_back() {
        let mut state = State::default();
        state.observe(NOW, "lead", &told(2));
        state.observe(NOW + TimeDelta::milliseconds(10), "lead", &told(60));
        assert!(state.take(NOW, "lead", Priority::Foreground).is_some());
    }

    #[test]
    fn a_part_of_each_window_is_left_to_what_somebody_waits_for() {
        let mut state = State::default();
        state.observe(NOW, "lead", &told(20));
        assert!(state.take(NOW, "lead", Priority::Background).is_some());
        assert_eq!(state.take(NOW, "lead", Priority::Foreground), None);
    }

    /// How long so many requests take that are sent as soon as they may be.
    fn span(requests: u32, priority: Priority) -> TimeDelta {
        let (mut state, mut now) = (State::default(), NOW);
        for _ in 0..requests {
            while let Some(wait) = state.take(now, "lead", priority) {
                now += wait;
            }
        }
        now - NOW
    }

    #[test]
    fn without_a_header_the_rate_is_bounded() {
        for priority in [Priority::Foreground, Priority::Background] {
            let span = span(120, priority);
            assert!(
                span >= TimeDelta::seconds(4) && span <= TimeDelta::seconds(7),
                "{span}"
            );
        }
    }

    #[test]
    fn without_a_header_walks_let_others_pass() {
        let mut state = State::default();
        while state.take(NOW, "lead", Priority::Background).is_none() {}
        assert_eq!(state.take(NOW, "lead", Priority::Foreground), None);
        assert!(state.take(NOW, "lead", Priority::Background).is_some());
    }

    #[test]
    fn a_refusal_stops_everybody_for_as_long_as_close_asked() {
        let mut state = State::default();
        state.block(NOW, Duration::from_secs(7));
        for (endpoint, priority) in [("a", Priority::Foreground), ("b", Priority::Background)] {
            assert_eq!(
                state.take(NOW, endpoint, priority),
                Some(TimeDelta::seconds(7))
            );
        }
        assert_eq!(
            state.take(NOW + TimeDelta::seconds(7), "a", Priority::Background),
            None
        );
    }
}
