//! The moments that bound a `moment_range` (dossier 3.3).

use chrono::{Datelike, Days, Months, NaiveDate, TimeDelta};
use serde_json::Value;

use super::super::answer::Failure;
use crate::world::moment::Moment;

/// Now, and how far local time is ahead of UTC, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zone {
    pub(super) now: Moment,
    pub(super) offset: i64,
}

impl Zone {
    fn today(self) -> NaiveDate {
        self.now.plus(self.offset).date()
    }

    /// Midnight at the start of a local date.
    fn start(self, date: NaiveDate) -> Moment {
        let midnight = date.and_hms_opt(0, 0, 0).unwrap_or_default();
        Moment::from(midnight.and_utc()).plus(-self.offset)
    }

    /// Midnight at one end of a local date.
    fn end_of(self, date: NaiveDate, end: bool) -> Moment {
        self.start(if end {
            date.succ_opt().unwrap_or(date)
        } else {
            date
        })
    }
}

fn wrong(message: &str) -> Failure {
    Failure::field("query", message)
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// `start` or `end`: true for the end.
fn which(value: &Value, name: &str) -> Result<bool, Failure> {
    match text(value, name) {
        Some("start") => Ok(false),
        Some("end") => Ok(true),
        _ => Err(Failure::field(name, "Input should be 'start' or 'end'")),
    }
}

pub(super) fn read(value: &Value, zone: Zone) -> Result<Moment, Failure> {
    match text(value, "type") {
        Some("now") => Ok(zone.now),
        Some("fixed_utc") => text(value, "value")
            .and_then(Moment::parse)
            .ok_or_else(|| wrong("fixed_utc needs an ISO datetime as its value.")),
        Some("fixed_local_date") => {
            let date = text(value, "value").and_then(|text| text.parse::<NaiveDate>().ok());
            let date = date.ok_or_else(|| wrong("fixed_local_date needs a date as its value."))?;
            Ok(zone.end_of(date, which(value, "which")?))
        }
        Some("offset") => offset(value, zone),
        Some("start_end_of_predefined_relative_period") => {
            let range = text(value, "range").unwrap_or_default();
            let (first, last) =
                period(range, zone.today()).ok_or_else(|| wrong("Unknown range."))?;
            let end = which(value, "which")?;
            Ok(zone.end_of(if end { last } else { first }, end))
        }
        _ => Err(wrong("Unknown type of moment.")),
    }
}

fn offset(value: &Value, zone: Zone) -> Result<Moment, Failure> {
    let from = read(value.get("moment").unwrap_or(&Value::Null), zone)?.utc();
    let amount = value
        .get("offset")
        .ok_or_else(|| wrong("offset needs an offset."))?;
    let unit = |name: &str| amount.get(name).and_then(Value::as_u64).unwrap_or(0);
    let months = Months::new(u32::try_from(unit("months") + 12 * unit("years")).unwrap_or(0));
    let days = Days::new(unit("days") + 7 * unit("weeks"));
    let seconds = unit("seconds") + 60 * unit("minutes") + 3_600 * unit("hours");
    let time = TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0));
    let moved = match text(value, "direction") {
        Some("past") => from
            .checked_sub_months(months)
            .and_then(|at| at.checked_sub_days(days))
            .and_then(|at| at.checked_sub_signed(time)),
        Some("future") => from
            .checked_add_months(months)
            .and_then(|at| at.checked_add_days(days))
            .and_then(|at| at.checked_add_signed(time)),
        _ => return Err(wrong("offset needs a direction, past or future.")),
    };
    let moved = Moment::from(moved.ok_or_else(|| wrong("The offset is too large."))?);
    match value.get("which_day_end").filter(|given| !given.is_null()) {
        None => Ok(moved),
        Some(_) => {
            let end = which(value, "which_day_end")?;
            Ok(zone.end_of(moved.plus(zone.offset).date(), end))
        }
    }
}

/// First and last day; weeks begin on Monday.
fn period(name: &str, today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let name = name.replace('-', "_");
    let (last, unit) = match name.as_str() {
        "today" => return Some((today, today)),
        "yesterday" => return today.pred_opt().map(|day| (day, day)),
        other => match other.split_once('_')? {
            ("this", unit) => (false, unit),
            ("last", unit) => (true, unit),
            _ => return None,
        },
    };
    if unit == "week" {
        let monday = today.week(chrono::Weekday::Mon).first_day();
        let monday = if last {
            monday.checked_sub_days(Days::new(7))?
        } else {
            monday
        };
        return Some((monday, monday.checked_add_days(Days::new(6))?));
    }
    let months = match unit {
        "month" => 1,
        "quarter" => 3,
        "year" => 12,
        _ => return None,
    };
    let first_month = today.month0() / months * months + 1;
    let first = NaiveDate::from_ymd_opt(today.year(), first_month, 1)?;
    let first = if last {
        first.checked_sub_months(Months::new(months))?
    } else {
        first
    };
    Some((
        first,
        first.checked_add_months(Months::new(months))?.pred_opt()?,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Moment, Zone, read};

    #[test]
    fn each_form_of_a_moment_is_read() {
        let now = Moment::parse("2026-06-19T22:30:00").unwrap();
        let zone = Zone {
            now,
            offset: 2 * 60 * Moment::MINUTE,
        };
        let at = |value| {
            read(&value, zone)
                .map(|at| at.to_string()[..16].to_owned())
                .unwrap()
        };
        assert_eq!(at(json!({ "type": "now" })), "2026-06-19T22:30");
        // Local time is already the 20th.
        let today = json!({ "type": "start_end_of_predefined_relative_period", "range": "today", "which": "start" });
        assert_eq!(at(today), "2026-06-19T22:00");
        let week = json!({ "type": "offset", "direction": "past", "moment": { "type": "now" }, "offset": { "days": 7 } });
        assert_eq!(at(week), "2026-06-12T22:30");
        let local = json!({ "type": "fixed_local_date", "value": "2026-06-19", "which": "end" });
        assert_eq!(at(local), "2026-06-19T22:00");
        assert!(
            read(
                &json!({ "type": "fixed_local_date", "value": "2026-06-19" }),
                zone
            )
            .is_err()
        );
        assert!(read(&json!({ "type": "someday" }), zone).is_err());
    }
}
