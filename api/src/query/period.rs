//! Named periods, by each connection's time zone and fiscal year.

use async_graphql::Enum;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use crate::scope::Calendar;

/// A period relative to today. Weeks start on Monday; quarters and years are those of the connection's fiscal year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum Period {
    /// The day that it is.
    Today,
    /// The day before.
    Yesterday,
    /// Monday to Sunday.
    ThisWeek,
    /// The week before.
    LastWeek,
    /// The calendar month.
    ThisMonth,
    /// The month before.
    LastMonth,
    /// The quarter of the fiscal year.
    ThisQuarter,
    /// The quarter before.
    LastQuarter,
    /// The fiscal year.
    ThisYear,
    /// The fiscal year before.
    LastYear,
}

/// A span of days that is known once a calendar is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    Period(Period),
    /// That many days up to today, today included.
    LastDays(u32),
    /// That many days from today on, today included.
    NextDays(u32),
    Fixed(NaiveDate, NaiveDate),
}

/// First and last day, both included.
pub(crate) type Bounds = (NaiveDate, NaiveDate);

impl Span {
    /// The days that the span covers for a connection.
    pub(crate) fn bounds(self, calendar: &Calendar, now: DateTime<Utc>) -> Bounds {
        let today = calendar.today(now);
        match self {
            Self::Period(period) => period.bounds(today, calendar.fiscal_year_start),
            Self::LastDays(days) => (back(today, days.saturating_sub(1)), today),
            Self::NextDays(days) => (today, forth(today, days.saturating_sub(1))),
            Self::Fixed(from, to) => (from, to),
        }
    }

    /// The span of the same kind before this one; for fixed spans, as many days before.
    pub(crate) fn before(self, calendar: &Calendar, now: DateTime<Utc>) -> Bounds {
        let (from, to) = self.bounds(calendar, now);
        let start = calendar.fiscal_year_start;
        let eve = back(from, 1);
        match self {
            Self::Period(Period::Today | Period::Yesterday) => (eve, eve),
            Self::Period(Period::ThisWeek | Period::LastWeek) => (back(from, 7), eve),
            Self::Period(Period::ThisMonth | Period::LastMonth) => {
                Period::ThisMonth.bounds(eve, start)
            }
            Self::Period(Period::ThisQuarter | Period::LastQuarter) => {
                Period::ThisQuarter.bounds(eve, start)
            }
            Self::Period(Period::ThisYear | Period::LastYear) => {
                Period::ThisYear.bounds(eve, start)
            }
            Self::LastDays(_) | Self::NextDays(_) | Self::Fixed(..) => {
                let days = u32::try_from((to - from).num_days()).unwrap_or(0);
                (back(eve, days), eve)
            }
        }
    }
}

impl Period {
    fn bounds(self, today: NaiveDate, fiscal_year_start: u32) -> Bounds {
        let months = |first: NaiveDate, count: u32| {
            let next = first
                .checked_add_months(Months::new(count))
                .unwrap_or(first);
            (first, back(next, 1))
        };
        let month = today.with_day(1).unwrap_or(today);
        // Months since the fiscal year began: 0 to 11.
        let elapsed = (today.month() + 12 - fiscal_year_start) % 12;
        let earlier = |count: u32| {
            month
                .checked_sub_months(Months::new(count))
                .unwrap_or(month)
        };
        match self {
            Self::Today => (today, today),
            Self::Yesterday => (back(today, 1), back(today, 1)),
            Self::ThisWeek => {
                let monday = back(today, today.weekday().num_days_from_monday());
                (monday, forth(monday, 6))
            }
            Self::LastWeek => {
                let monday = back(today, today.weekday().num_days_from_monday() + 7);
                (monday, forth(monday, 6))
            }
            Self::ThisMonth => months(month, 1),
            Self::LastMonth => months(earlier(1), 1),
            Self::ThisQuarter => months(earlier(elapsed % 3), 3),
            Self::LastQuarter => months(earlier(elapsed % 3 + 3), 3),
            Self::ThisYear => months(earlier(elapsed), 12),
            Self::LastYear => months(earlier(elapsed + 12), 12),
        }
    }
}

/// The instants at which a span of days starts and is over (excluded) in a zone.
pub(crate) fn instant_bounds(
    from: NaiveDate,
    to: NaiveDate,
    zone: Tz,
) -> (DateTime<Utc>, DateTime<Utc>) {
    (midnight(from, zone), midnight(forth(to, 1), zone))
}

/// The first instant of a day; where a clock change swallows midnight, the first one after.
fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let local = day.and_time(NaiveTime::MIN);
    (0..4)
        .find_map(|hours| {
            zone.from_local_datetime(&(local + chrono::TimeDelta::hours(hours)))
                .earliest()
        })
        .map_or_else(|| local.and_utc(), |at| at.with_timezone(&Utc))
}

fn back(day: NaiveDate, days: u32) -> NaiveDate {
    day.checked_sub_days(Days::new(days.into())).unwrap_or(day)
}

fn forth(day: NaiveDate, days: u32) -> NaiveDate {
    day.checked_add_days(Days::new(days.into())).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::{Period, Span, midnight};
    use crate::scope::Calendar;
    use chrono::{DateTime, NaiveDate, Utc};

    fn bounds(period: Period, now: &str, zone: &str, start: u32) -> (String, String) {
        let calendar = Calendar {
            connection: uuid::Uuid::nil(),
            zone: zone.parse().unwrap(),
            fiscal_year_start: start,
            currency: "USD".to_owned(),
        };
        let now: DateTime<Utc> = now.parse().unwrap();
        let (from, to) = Span::Period(period).bounds(&calendar, now);
        (from.to_string(), to.to_string())
    }

    fn days(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn quarters_and_years_follow_the_fiscal_year() {
        let now = "2026-02-10T12:00:00Z";
        assert_eq!(
            bounds(Period::ThisQuarter, now, "UTC", 1),
            days("2026-01-01", "2026-03-31")
        );
        assert_eq!(
            bounds(Period::ThisQuarter, now, "UTC", 2),
            days("2026-02-01", "2026-04-30")
        );
        assert_eq!(
            bounds(Period::ThisYear, now, "UTC", 4),
            days("2025-04-01", "2026-03-31")
        );
        assert_eq!(
            bounds(Period::LastQuarter, now, "UTC", 4),
            days("2025-10-01", "2025-12-31")
        );
        assert_eq!(
            bounds(Period::LastYear, now, "UTC", 3),
            days("2024-03-01", "2025-02-28")
        );
    }

    #[test]
    fn today_is_the_day_in_the_connection_s_zone() {
        let now = "2026-03-31T23:30:00Z";
        assert_eq!(
            bounds(Period::Today, now, "Europe/Berlin", 1),
            days("2026-04-01", "2026-04-01")
        );
        assert_eq!(
            bounds(Period::ThisQuarter, now, "America/New_York", 1),
            days("2026-01-01", "2026-03-31")
        );
    }

    #[test]
    fn a_midnight_that_a_clock_change_swallows_is_the_first_instant_after() {
        let day: NaiveDate = "2018-11-04".parse().unwrap();
        let zone = "America/Sao_Paulo".parse().unwrap();
        assert_eq!(
            midnight(day, zone).to_rfc3339(),
            "2018-11-04T03:00:00+00:00"
        );
    }
}
