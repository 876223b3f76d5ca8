//! What revenue can be grouped by.

use async_graphql::{Enum, SimpleObject};
use chrono::{Datelike, NaiveDate};

use crate::query::scalars::Date;

/// What revenue is grouped by; currencies are always apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum RevenueGroupBy {
    /// Each day.
    Day,
    /// Monday to Sunday.
    Week,
    /// Of the calendar.
    Month,
    /// Of the calendar year.
    Quarter,
    /// Of the calendar.
    Year,
    /// Of each connection's fiscal year.
    FiscalQuarter,
    /// Of each connection; it is named after the calendar year in which it ends.
    FiscalYear,
    /// The company of the deal or invoice.
    Company,
    /// The member who owns the deal.
    Owner,
    /// The pipeline of the deal.
    Pipeline,
    /// The category that rules gave the deal.
    Category,
    /// The value of the deal's custom field that `customField` names; several values are one group. Payments have none.
    CustomField,
}

/// One of the groups of a row.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct RevenueGroup {
    /// Id of the company or owner here, id of the pipeline in Close, the category or value itself, or the name of the time, such as
    /// 2026-01-31, 2026-W05, 2026-01, 2026-Q1, 2026, FY2026-Q1 or FY2026. Null for what has none.
    pub(super) key: Option<String>,
    /// For people.
    pub(super) label: Option<String>,
    /// First day, if it is a group of time: not before the period.
    pub(super) from: Option<Date>,
    /// Last day, if it is a group of time: not after the period.
    pub(super) to: Option<Date>,
}

impl RevenueGroupBy {
    /// The word of `date_trunc` and the interval from one start to the next, if it is a group of time.
    pub(super) fn unit(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Day => ("day", "1 day"),
            Self::Week => ("week", "7 days"),
            Self::Month => ("month", "1 month"),
            Self::Quarter | Self::FiscalQuarter => ("quarter", "3 months"),
            Self::Year | Self::FiscalYear => ("year", "1 year"),
            Self::Company | Self::Owner | Self::Pipeline | Self::Category | Self::CustomField => {
                return None;
            }
        })
    }

    pub(super) fn is_fiscal(self) -> bool {
        matches!(self, Self::FiscalQuarter | Self::FiscalYear)
    }

    /// How many of it so many days may touch.
    pub(super) fn count_in(self, days: i64) -> i64 {
        let shortest = match self {
            Self::Day => return days,
            Self::Week => 7,
            Self::Month => 28,
            Self::Quarter | Self::FiscalQuarter => 90,
            _ => 365,
        };
        days / shortest + 2
    }

    /// Key and name of the time that starts on a day; of fiscal ones on the day that stands at its place in a fiscal
    /// year that starts in January.
    pub(super) fn names(self, start: NaiveDate) -> (String, String) {
        let year = start.year();
        let quarter = start.month0() / 3 + 1;
        match self {
            Self::Day => (start.to_string(), start.to_string()),
            Self::Week => {
                let week = start.iso_week();
                let (year, week) = (week.year(), week.week());
                (format!("{year}-W{week:02}"), format!("Week {week} {year}"))
            }
            Self::Month => (
                start.format("%Y-%m").to_string(),
                start.format("%B %Y").to_string(),
            ),
            Self::Quarter => (format!("{year}-Q{quarter}"), format!("Q{quarter} {year}")),
            Self::FiscalQuarter => (
                format!("FY{year}-Q{quarter}"),
                format!("Q{quarter} FY{year}"),
            ),
            Self::FiscalYear => (format!("FY{year}"), format!("FY{year}")),
            _ => (year.to_string(), year.to_string()),
        }
    }

    /// SQL of the key and of the label that stand in a transaction `t`, whose custom value is `custom`; an empty key is
    /// none.
    pub(super) fn columns(self, custom: &str) -> (String, String) {
        if self == Self::CustomField {
            return (format!("coalesce({custom}, '')"), custom.to_owned());
        }
        let (key, label) = match self {
            Self::Company => ("coalesce(t.company_id::text, '')", "null::text"),
            Self::Owner => ("coalesce(t.owner_id::text, '')", "null::text"),
            Self::Pipeline => (
                "coalesce(t.pipeline_id, t.pipeline_name, '')",
                "t.pipeline_name",
            ),
            _ => ("coalesce(t.category, '')", "t.category"),
        };
        (key.to_owned(), label.to_owned())
    }

    /// The table that has the label of a key which is an id.
    pub(super) fn labelled_by(self) -> Option<&'static str> {
        match self {
            Self::Company => Some("company"),
            Self::Owner => Some("member"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RevenueGroupBy;

    #[test]
    fn times_are_named_by_their_first_day() {
        let names = |group: RevenueGroupBy, day: &str| group.names(day.parse().unwrap()).0;
        assert_eq!(names(RevenueGroupBy::Week, "2026-12-28"), "2026-W53");
        assert_eq!(names(RevenueGroupBy::Week, "2024-12-30"), "2025-W01");
        assert_eq!(names(RevenueGroupBy::Month, "2024-02-01"), "2024-02");
        assert_eq!(names(RevenueGroupBy::Quarter, "2026-10-01"), "2026-Q4");
        assert_eq!(
            names(RevenueGroupBy::FiscalQuarter, "2027-01-01"),
            "FY2027-Q1"
        );
    }

    #[test]
    fn no_span_touches_more_times_than_counted() {
        assert_eq!(RevenueGroupBy::Day.count_in(366), 366);
        assert_eq!(RevenueGroupBy::Week.count_in(2), 2);
        assert_eq!(RevenueGroupBy::Month.count_in(30), 3);
    }
}
