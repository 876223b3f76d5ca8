//! Close's two timestamp forms.

use chrono::{DateTime, Datelike, NaiveDateTime, Utc};
use std::ops::RangeInclusive;

/// Years that Close, ISO 8601 and Postgres write alike. What lies outside is no date.
pub(super) const YEARS: RangeInclusive<i32> = 1..=9_999;

/// Reads `2026-06-19T12:05:28.327000+00:00` (classic objects) and `2026-06-19T12:07:14.366524` (events, webhooks and
/// newer objects, meaning UTC). Finer digits than microseconds are cut, since that is the grain of a version.
pub fn parse_timestamp(text: &str) -> Option<DateTime<Utc>> {
    let instant = DateTime::parse_from_rfc3339(text)
        .map(|at| at.with_timezone(&Utc))
        .or_else(|_| text.parse::<NaiveDateTime>().map(|naive| naive.and_utc()))
        .ok()?;
    DateTime::from_timestamp_micros(instant.timestamp_micros())
        .filter(|instant| YEARS.contains(&instant.year()))
}

#[cfg(test)]
mod tests {
    use super::parse_timestamp;

    #[test]
    fn a_bare_timestamp_means_utc() {
        let naive = parse_timestamp("2026-06-19T12:07:14.366524").unwrap();
        let offset = parse_timestamp("2026-06-19T14:07:14.366524+02:00").unwrap();
        assert_eq!(naive, offset);
        assert_eq!(naive.timestamp_subsec_micros(), 366_524);
    }

    #[test]
    fn text_that_is_no_timestamp_is_refused() {
        assert_eq!(parse_timestamp("yesterday"), None);
        assert_eq!(parse_timestamp(""), None);
        assert_eq!(parse_timestamp("+262142-01-01T00:00:00"), None);
        assert_eq!(parse_timestamp("-4800-01-01T00:00:00"), None);
    }
}
