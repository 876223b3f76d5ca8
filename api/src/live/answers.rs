//! Answers that are kept, ready to be sent, until something that they were read from changes.
//!
//! An answer is found by the bytes of its request, before anything is parsed. It is current while none of its connections
//! has been told to have changed since before it was read, and until the day ends in one of their zones. While nobody hears
//! of commits nothing is kept and nothing found.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use closegraph_entity::api_token::Role;
use moka::notification::RemovalCause;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::flights::{Asking, Flights};
use super::stamps::Stamps;
use crate::scope::Scope;

/// Counter of what became of questions, by result.
pub(crate) const ANSWERS: &str = "closegraph_api_cache_answers_total";
/// Counter of answers that were let go for want of room.
pub(crate) const EVICTIONS: &str = "closegraph_api_cache_evictions_total";
/// What an answer costs beside its bytes.
const OVERHEAD: usize = 256;
/// Clocks may differ by so much: around midnight nothing is kept.
const DAYBREAK: TimeDelta = TimeDelta::seconds(60);

/// What an answer is found by.
pub(crate) type Key = [u8; 32];

/// An answer, ready to be sent.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Says that it was found.
    pub(crate) body: Bytes,
    pub(crate) etag: HeaderValue,
    /// The last at which it was seen to be current.
    stamp: AtomicU64,
    /// When the day ends.
    until: DateTime<Utc>,
}

/// A question that may be kept once it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    key: Key,
    /// From before anything is read.
    stamp: u64,
    until: DateTime<Utc>,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Hit,
    Miss,
    Bypass,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

/// The answers of a process.
#[derive(Clone)]
pub(crate) struct Answers {
    /// `None` where none are kept.
    kept: Option<Cache<Key, Arc<Kept>>>,
    flights: Flights,
}

impl Answers {
    /// Answers of so many bytes; none at all for 0.
    pub(crate) fn new(bytes: u64) -> Self {
        let kept = (bytes > 0).then(|| {
            Cache::builder()
                .max_capacity(bytes)
                .weigher(|_, kept: &Arc<Kept>| {
                    u32::try_from(kept.body.len() + OVERHEAD).unwrap_or(u32::MAX)
                })
                .eviction_listener(|_, _, cause| {
                    if cause == RemovalCause::Size {
                        metrics::counter!(EVICTIONS).increment(1);
                    }
                })
                .build()
        });
        Self {
            kept,
            flights: Flights::default(),
        }
    }

    /// Whether any are kept.
    pub(crate) fn is_on(&self) -> bool {
        self.kept.is_some()
    }

    /// The current answer to a request of this kind, if there is one.
    pub(crate) fn find(&self, stamps: &Stamps, scope: &Scope, key: &Key) -> Option<Arc<Kept>> {
        let answers = self.kept.as_ref()?;
        let now = stamps.now()?;
        let kept = answers.get(key)?;
        let connections = scope.calendars().iter().map(|calendar| calendar.connection);
        let stamp = kept.stamp.load(Ordering::Acquire);
        if kept.until <= Utc::now() || !stamps.is_current(stamp, connections) {
            return None;
        }
        if stamp != now {
            kept.stamp.fetch_max(now, Ordering::AcqRel);
        }
        count(Outcome::Hit);
        Some(kept)
    }

    /// Where the answer may be kept, as long as it is not read yet.
    pub(crate) fn place(&self, stamps: &Stamps, scope: &Scope, key: Key) -> Option<Place> {
        self.kept.as_ref()?;
        Some(Place {
            key,
            stamp: stamps.now()?,
            until: end_of_day(scope, Utc::now())?,
        })
    }

    /// Whether somebody else is being answered what may be kept there.
    pub(crate) fn join(&self, place: &Place) -> Asking {
        self.flights.join(place.key, place.stamp)
    }

    /// Keeps an answer. `body` says that it was found.
    pub(crate) fn keep(&self, place: &Place, body: Bytes, etag: HeaderValue) {
        let Some(answers) = &self.kept else { return };
        let kept = Kept {
            body,
            etag,
            stamp: AtomicU64::new(place.stamp),
            until: place.until,
        };
        answers.insert(place.key, Arc::new(kept));
    }
}

/// Counts what became of a question.
pub(crate) fn count(outcome: Outcome) {
    metrics::counter!(ANSWERS, "result" => outcome.as_str()).increment(1);
}

/// The key of a request: `kind` tells apart what is answered otherwise for the same bytes.
pub(crate) fn key(kind: &str, bytes: &[u8], scope: &Scope, role: Role) -> Key {
    let role = match role {
        Role::Viewer => b"v",
        Role::Operator => b"o",
        Role::Admin => b"a",
    };
    let mut key = Sha256::new();
    key.update(scope.fingerprint());
    key.update(role);
    key.update(kind);
    key.update(b"\0");
    key.update(bytes);
    key.finalize().into()
}

/// The tag of a body: weak, since two bodies may differ in whether they were kept.
pub(crate) fn etag(body: &[u8]) -> Option<HeaderValue> {
    let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(body));
    HeaderValue::from_str(&format!("W/\"{digest}\"")).ok()
}

/// The next instant at which a day ends in one of the zones; `None` where one ends or began just now.
fn end_of_day(scope: &Scope, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut first = now + TimeDelta::days(2);
    let mut last_zone = None;
    for calendar in scope.calendars() {
        if last_zone == Some(calendar.zone) {
            continue;
        }
        last_zone = Some(calendar.zone);
        let day = |at: DateTime<Utc>| calendar.today(at);
        if day(now - DAYBREAK) != day(now + DAYBREAK) {
            return None;
        }
        first = first.min(midnight(calendar.zone, now)?);
    }
    Some(first)
}

/// When the next day begins; an hour later where clocks skip midnight.
fn midnight(zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let day = now.with_timezone(&zone).date_naive() + Days::new(1);
    let start = day.and_time(NaiveTime::MIN);
    let found = zone.from_local_datetime(&start).earliest();
    let found = found.or_else(|| {
        let later = start + TimeDelta::hours(1);
        zone.from_local_datetime(&later).earliest()
    })?;
    Some(found.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::{end_of_day, midnight};
    use crate::scope::{Calendar, Scope};
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;
    use uuid::Uuid;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn scope(zones: &[Tz]) -> Scope {
        let calendars = zones.iter().zip(1..).map(|(zone, number)| Calendar {
            connection: Uuid::from_u128(number),
            zone: *zone,
            fiscal_year_start: 1,
            currency: "EUR".to_owned(),
        });
        Scope::new(calendars, true)
    }

    #[test]
    fn an_answer_is_kept_until_a_day_ends_in_one_of_its_zones() {
        let zones = scope(&[Tz::UTC, Tz::Asia__Tokyo, Tz::America__New_York]);
        let now = at("2026-03-10T12:00:00Z");
        assert_eq!(end_of_day(&zones, now), Some(at("2026-03-10T15:00:00Z")));
        for close in ["2026-03-10T14:59:30Z", "2026-03-10T15:00:30Z"] {
            assert_eq!(end_of_day(&zones, at(close)), None, "{close}");
        }
        assert!(end_of_day(&scope(&[]), now).is_some());
    }

    #[test]
    fn a_day_that_begins_at_one_is_a_day() {
        let found = midnight(Tz::Africa__Cairo, at("2026-04-23T12:00:00Z"));
        assert_eq!(
            found,
            Some(at("2026-04-23T22:00:00Z")),
            "clocks skip midnight"
        );
    }
}
