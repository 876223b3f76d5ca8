//! Values of arguments. What is not allowed is refused with what is, before anything is done.

use chrono::{DateTime, Utc};
use url::Url;

/// An address that can be asked by HTTP.
pub(super) fn web_address(text: &str) -> Result<Url, String> {
    crate::config::web_address(text).ok_or_else(|| {
        "allowed: an http or https address such as https://closegraph.example.com".to_owned()
    })
}

/// The IANA name of a time zone.
pub(super) fn time_zone(text: &str) -> Result<String, String> {
    match text.parse::<chrono_tz::Tz>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("allowed: an IANA name such as Europe/Berlin".to_owned()),
    }
}

/// The number of a month.
pub(super) fn month(text: &str) -> Result<i16, String> {
    let month = text.parse().ok().filter(|month| (1..=12).contains(month));
    month.ok_or_else(|| "allowed: a month, 1 to 12".to_owned())
}

/// An instant with its offset.
pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| "allowed: an instant of RFC 3339 such as 2026-11-20T00:00:00Z".to_owned())
}
