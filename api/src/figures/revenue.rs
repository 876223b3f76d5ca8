//! Won revenue of a period, a row a currency.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{NaiveDate, Utc};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;

use crate::error::{ApiError, Result};
use crate::query::compile::{Bind, Compiler};
use crate::query::period::{Bounds, Period, Span};
use crate::query::run::fetch;
use crate::query::scalars::Date;
use crate::schema::{CurrencyCode, Money, decimal, integer, pool, scope};

/// Both periods are read in one pass. A connection's own currency has a row even when nothing was won.
const REVENUE: &str = "
    (select coalesce(json_agg(r order by r.currency), '[]') from (
        select b.currency, min(b.since) as since, max(b.until) as until,
               coalesce(sum(b.amount) filter (where b.current), 0)::text as total,
               count(*) filter (where b.current) as count,
               count(b.amount) filter (where b.current) as known,
               coalesce(sum(b.amount) filter (where not b.current), 0)::text as previous_total,
               count(*) filter (where not b.current) as previous_count
          from (
            select t.currency, t.amount_minor as amount, t.occurred_on >= c.since as current, c.since, c.until
              from unnest({connections}, {since}, {until}, {previous_since}, {previous_until})
                       as c (connection_id, since, until, previous_since, previous_until)
              join transaction t
                on t.connection_id = c.connection_id and t.kind = 'won_deal'
               and t.occurred_on >= c.previous_since and t.occurred_on <= c.until
               and (t.occurred_on >= c.since or t.occurred_on <= c.previous_until)
            union all
            select o.currency, null, null, o.since, o.until
              from unnest({currencies}, {since}, {until}) as o (currency, since, until)
          ) b
         group by b.currency) r)";

/// A span of days, both included.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct PeriodBounds {
    from: Date,
    to: Date,
}

/// Won revenue in one currency.
#[derive(Debug, Deserialize)]
pub(crate) struct Revenue {
    currency: String,
    since: NaiveDate,
    until: NaiveDate,
    #[serde(deserialize_with = "integer")]
    total: i128,
    count: i64,
    known: i64,
    #[serde(deserialize_with = "integer")]
    previous_total: i128,
    previous_count: i64,
}

/// The period before.
#[derive(Debug, SimpleObject)]
pub(crate) struct PreviousRevenue {
    /// What was won.
    total: Money,
    /// Deals that were won.
    count: i64,
    /// (total - previous total) / previous total, to four places; null when the previous total is zero.
    change: Option<Decimal>,
}

/// Won revenue of a period in one currency; currencies are never added up.
#[Object]
impl Revenue {
    /// ISO 4217.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.currency.clone())
    }

    /// The days that were meant, by the calendar of the connection.
    async fn period(&self) -> PeriodBounds {
        PeriodBounds {
            from: Date(self.since),
            to: Date(self.until),
        }
    }

    /// What the won deals add up to. A deal without a value adds nothing.
    async fn total(&self) -> Money {
        self.money(self.total)
    }

    /// Deals that were won, those without a value included.
    async fn count(&self) -> i64 {
        self.count
    }

    /// Deals without a value, which the total can't hold: what is unknown is not zero.
    async fn unknown_count(&self) -> i64 {
        self.count - self.known
    }

    /// The mean of the deals with a value, rounded half to even to the minor unit; null without such a deal.
    async fn average_deal(&self) -> async_graphql::Result<Option<Money>> {
        let mean = decimal(self.total, 0)?.checked_div(Decimal::from(self.known));
        let rounded =
            mean.map(|mean| mean.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven));
        Ok(rounded.map(|mean| self.money(mean.mantissa())))
    }

    /// The period before, of the same kind.
    async fn previous(&self) -> async_graphql::Result<PreviousRevenue> {
        let moved = decimal(self.total - self.previous_total, 0)?;
        let change = moved.checked_div(decimal(self.previous_total, 0)?);
        Ok(PreviousRevenue {
            total: self.money(self.previous_total),
            count: self.previous_count,
            change: change.map(|change| {
                change
                    .round_dp_with_strategy(4, RoundingStrategy::MidpointNearestEven)
                    .normalize()
            }),
        })
    }
}

impl Revenue {
    fn money(&self, minor: i128) -> Money {
        Money {
            minor,
            currency: self.currency.clone(),
        }
    }
}

/// Won revenue in a named period, or between two days.
pub(crate) async fn revenue(
    ctx: &Context<'_>,
    period: Option<Period>,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Result<Vec<Revenue>> {
    let span = match (period, from, to) {
        (Some(period), None, None) => Span::Period(period),
        (None, Some(from), Some(to)) if from <= to => Span::Fixed(from, to),
        (None, Some(from), Some(to)) => {
            return Err(ApiError::BadInput(format!(
                "from ({from}) is later than to ({to})"
            )));
        }
        _ => {
            let allowed = "revenue takes either period, or both from and to";
            return Err(ApiError::BadInput(allowed.to_owned()));
        }
    };
    let now = Utc::now();
    let scope = scope(ctx)?;
    let calendars = scope.calendars();
    let current: Vec<Bounds> = calendars
        .iter()
        .map(|calendar| span.bounds(calendar, now))
        .collect();
    let previous: Vec<Bounds> = calendars
        .iter()
        .map(|calendar| span.before(calendar, now))
        .collect();
    let first = |bounds: &[Bounds]| Bind::Dates(bounds.iter().map(|(from, _)| *from).collect());
    let last = |bounds: &[Bounds]| Bind::Dates(bounds.iter().map(|(_, to)| *to).collect());
    let currencies = calendars
        .iter()
        .map(|calendar| calendar.currency.clone())
        .collect();
    let mut compiler = Compiler::new(scope, now, 0, 0);
    let mut sql = REVENUE.to_owned();
    for (name, value) in [
        ("{connections}", Bind::Uuids(scope.connections())),
        ("{since}", first(&current)),
        ("{until}", last(&current)),
        ("{previous_since}", first(&previous)),
        ("{previous_until}", last(&previous)),
        ("{currencies}", Bind::Texts(currencies)),
    ] {
        sql = sql.replace(name, &compiler.bind(value)?);
    }
    Ok(fetch(pool(ctx)?, compiler.finish(&sql))
        .await?
        .unwrap_or_default())
}
