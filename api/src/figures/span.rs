//! The days that a figure covers, as they are asked for.

use chrono::{DateTime, Utc};

use crate::error::{ApiError, Result};
use crate::query::period::{Bounds, Period, Span};
use crate::query::scalars::Date;
use crate::scope::Scope;

/// A named period, or two days, both included.
pub(super) fn span(
    field: &str,
    period: Option<Period>,
    from: Option<Date>,
    to: Option<Date>,
) -> Result<Span> {
    match (period, from, to) {
        (Some(period), None, None) => Ok(Span::Period(period)),
        (None, Some(Date(from)), Some(Date(to))) if from <= to => Ok(Span::Fixed(from, to)),
        (None, Some(Date(from)), Some(Date(to))) => Err(ApiError::BadInput(format!(
            "from ({from}) is later than to ({to})"
        ))),
        _ => Err(ApiError::BadInput(format!(
            "{field} takes either period, or both from and to"
        ))),
    }
}

/// The days that a span means for each connection of the scope, in their order.
pub(super) fn bounds(span: Span, scope: &Scope, now: DateTime<Utc>) -> Vec<Bounds> {
    let calendars = scope.calendars().iter();
    calendars
        .map(|calendar| span.bounds(calendar, now))
        .collect()
}
