//! Instants to the microsecond, in the two forms that Close writes (dossier 1.6), and the clock.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};
use serde::{Serialize, Serializer};

/// Microseconds since 1970 in UTC. Serialises as a classic timestamp
/// (`2026-06-19T12:05:28.327000+00:00`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    pub(crate) const MIN: Self = Self(i64::MIN);
    pub(crate) const MAX: Self = Self(i64::MAX);
    pub(crate) const MINUTE: i64 = 60 * 1_000_000;

    pub(crate) fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    pub(crate) fn date(self) -> NaiveDate {
        self.utc().date_naive()
    }

    /// The start of its minute.
    pub(crate) const fn minute(self) -> Self {
        Self(self.0 - self.0.rem_euclid(Self::MINUTE))
    }

    pub(crate) const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The form of newer resources: no offset, UTC is meant.
    pub(crate) const fn naive(self) -> Naive {
        Naive(self)
    }

    /// Reads an ISO timestamp or date; a missing offset means UTC.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(exact) = DateTime::parse_from_rfc3339(&text.replacen(' ', "+", 1)) {
            return Some(exact.into());
        }
        let bare = text.trim_end_matches('Z').replacen(' ', "T", 1);
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(&bare, form).ok())
            .or_else(|| bare.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0))
            .map(|naive| naive.and_utc().into())
    }

    fn write(self, out: &mut String, suffix: &str) {
        use std::fmt::Write as _;
        let at = self.utc();
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}{suffix}",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.timestamp_subsec_micros(),
        );
    }
}

impl<Tz: chrono::TimeZone> From<DateTime<Tz>> for Moment {
    fn from(at: DateTime<Tz>) -> Self {
        Self(at.timestamp_micros())
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::with_capacity(32);
        self.write(&mut text, "+00:00");
        f.write_str(&text)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(32);
        self.write(&mut text, "+00:00");
        serializer.serialize_str(&text)
    }
}

/// A [`Moment`] written without its offset (`2026-06-19T12:07:14.366524`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Naive(Moment);

impl Serialize for Naive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(32);
        self.0.write(&mut text, "");
        serializer.serialize_str(&text)
    }
}

/// The organization's clock: starts at a given moment and runs at the machine's pace.
#[derive(Debug)]
pub(crate) struct Clock {
    started_at: Moment,
    started: std::time::Instant,
    /// Microseconds by which it was put forward.
    ahead: AtomicI64,
    last_stamp: AtomicI64,
}

impl Clock {
    pub(crate) fn starting_at(now: Moment) -> Self {
        Self {
            started_at: now,
            started: std::time::Instant::now(),
            ahead: AtomicI64::new(0),
            last_stamp: AtomicI64::new(now.0),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        let elapsed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.started_at
            .plus(elapsed)
            .plus(self.ahead.load(Ordering::SeqCst))
    }

    /// Puts the clock forward.
    pub(crate) fn advance(&self, by: std::time::Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.ahead.fetch_add(by, Ordering::SeqCst);
    }

    /// The current moment, later than every stamp given before: no two writes share one.
    pub(crate) fn stamp(&self) -> Moment {
        let now = self.now().0;
        let mut stamp = now;
        let update = |last: i64| {
            stamp = now.max(last.saturating_add(1));
            Some(stamp)
        };
        let _ = self
            .last_stamp
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, update);
        Moment(stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn a_missing_offset_means_utc_and_an_offset_is_honoured() {
        let bare = Moment::parse("2026-06-19T12:07:14.366524").unwrap();
        assert_eq!(bare.to_string(), "2026-06-19T12:07:14.366524+00:00");
        assert_eq!(
            Moment::parse("2026-06-19T14:07:14.366524+02:00"),
            Some(bare)
        );
        assert_eq!(Moment::parse("2026-06-19T12:07:14.366524Z"), Some(bare));
        assert_eq!(Moment::parse("2026-06-19T12:07"), Some(bare.minute()));
        assert_eq!(
            Moment::parse("2026-06-19").unwrap().to_string(),
            "2026-06-19T00:00:00.000000+00:00"
        );
        assert_eq!(Moment::parse("yesterday"), None);
    }
}
