//! Revenue of a period, a row a currency, and a group where groups are asked for.

mod convert;
mod group;
mod statement;

use async_graphql::{Context, Enum, Object, SimpleObject};
use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;

use convert::Converted;
pub(crate) use convert::ConvertedRevenue;
pub(crate) use convert::known as known_currency;
pub(crate) use group::{RevenueGroup, RevenueGroupBy};

use super::span::span;
use crate::error::Result;
use crate::query::compile::Compiler;
use crate::query::period::{Period, Span};
use crate::query::run::fetch;
use crate::query::scalars::Date;
use crate::schema::{CurrencyCode, Money, decimal, integer, knowing_compiler, reader};

/// What counts as revenue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub(crate) enum RevenueBasis {
    /// Deals, on the day on which they were won.
    #[default]
    Won,
    /// Payments of invoices, on the day on which they came in; what was taken back counts against them.
    Collected,
}

impl RevenueBasis {
    fn kind(self) -> &'static str {
        match self {
            Self::Won => "won_deal",
            Self::Collected => "invoice_payment",
        }
    }
}

/// What revenue is asked for.
#[derive(Debug)]
pub(crate) struct Question {
    pub(super) span: Span,
    pub(super) basis: RevenueBasis,
    pub(super) groups: Vec<RevenueGroupBy>,
    /// The name of the custom field that is a group.
    pub(super) custom_field: Option<String>,
    /// The currency that rows are converted to.
    pub(super) convert_to: Option<String>,
    /// The largest groups that are not of time, so many.
    pub(super) first: Option<i32>,
}

impl Question {
    /// Reads the days that are meant.
    pub(crate) fn new(
        period: Option<Period>,
        from: Option<Date>,
        to: Option<Date>,
        basis: RevenueBasis,
    ) -> Result<Self> {
        let span = span("revenue", period, from, to)?;
        Ok(Self::of(span, basis))
    }

    /// The revenue of days, in one row a currency.
    pub(super) fn of(span: Span, basis: RevenueBasis) -> Self {
        Self {
            span,
            basis,
            groups: Vec::new(),
            custom_field: None,
            convert_to: None,
            first: None,
        }
    }

    /// The same by groups.
    pub(crate) fn grouped(
        self,
        groups: Vec<RevenueGroupBy>,
        custom_field: Option<String>,
        first: Option<i32>,
    ) -> Self {
        Self {
            groups,
            custom_field,
            first,
            ..self
        }
    }

    /// The same in one more currency.
    pub(crate) fn converted(self, to: Option<CurrencyCode>) -> Result<Self> {
        let convert_to = to.map(known_currency).transpose()?;
        Ok(Self { convert_to, ..self })
    }
}

/// A span of days, both included.
#[derive(Clone, Copy, Debug, Default, Deserialize, SimpleObject)]
pub(crate) struct PeriodBounds {
    /// First day.
    pub(super) from: Date,
    /// Last day.
    pub(super) to: Date,
}

/// Revenue in one currency, of one group.
#[derive(Debug, Deserialize)]
pub(crate) struct Revenue {
    currency: String,
    since: NaiveDate,
    until: NaiveDate,
    #[serde(deserialize_with = "integer")]
    total: i128,
    count: i64,
    known: i64,
    previous: Option<Previous>,
    converted: Option<Converted>,
    keys: Vec<Key>,
    time: Option<Time>,
    #[serde(skip)]
    groups: Vec<RevenueGroup>,
}

#[derive(Debug, Deserialize)]
struct Previous {
    #[serde(deserialize_with = "integer")]
    total: i128,
    count: i64,
}

#[derive(Debug, Deserialize)]
struct Key {
    key: Option<String>,
    label: Option<String>,
}

/// A group of time: the day that names it, and its days within the period.
#[derive(Debug, Deserialize)]
struct Time {
    start: NaiveDate,
    from: Date,
    to: Date,
}

/// The period before.
#[derive(Debug, SimpleObject)]
pub(crate) struct PreviousRevenue {
    /// What came in.
    total: Money,
    /// Deals that were won, or payments.
    count: i64,
    /// (total - previous total) / previous total, to four places; null when the previous total is zero.
    change: Option<Decimal>,
}

/// Revenue of a period in one currency, and of one group where groups were asked for; currencies are never added up.
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

    /// The first of the groups; null where none were asked for.
    async fn group(&self) -> Option<&RevenueGroup> {
        self.groups.first()
    }

    /// One for each entry of groupBy, in its order.
    async fn groups(&self) -> &[RevenueGroup] {
        &self.groups
    }

    /// What won deals or payments add up to. A deal without a value adds nothing.
    async fn total(&self) -> Money {
        self.money(self.total)
    }

    /// Deals that were won, those without a value included, or payments.
    async fn count(&self) -> i64 {
        self.count
    }

    /// Deals without a value, which the total can't hold: what is unknown is not zero.
    async fn unknown_count(&self) -> i64 {
        self.count - self.known
    }

    /// The mean of the deals with a value, or of the payments, rounded half to even to the minor unit; null without one.
    async fn average_deal(&self) -> async_graphql::Result<Option<Money>> {
        let mean = decimal(self.total, 0)?.checked_div(Decimal::from(self.known));
        let rounded =
            mean.map(|mean| mean.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven));
        Ok(rounded.map(|mean| self.money(mean.mantissa())))
    }

    /// The total in the currency of `convertTo`: each deal or payment at the rate of its day, rounded once. Null without
    /// `convertTo`. Amounts without a rate are not in it but in its `missing`.
    async fn converted(&self) -> async_graphql::Result<Option<ConvertedRevenue>> {
        let converted = self.converted.as_ref();
        Ok(converted
            .map(|converted| converted.shown(&self.currency))
            .transpose()?)
    }

    /// The period before, of the same kind, and of the same group. Null with a group of time: there the row of the time
    /// before tells it.
    async fn previous(&self) -> async_graphql::Result<Option<PreviousRevenue>> {
        let Some(previous) = &self.previous else {
            return Ok(None);
        };
        let moved = decimal(self.total - previous.total, 0)?;
        let change = moved.checked_div(decimal(previous.total, 0)?);
        Ok(Some(PreviousRevenue {
            total: self.money(previous.total),
            count: previous.count,
            change: change.map(|change| {
                change
                    .round_dp_with_strategy(4, RoundingStrategy::MidpointNearestEven)
                    .normalize()
            }),
        }))
    }
}

impl Revenue {
    fn money(&self, minor: i128) -> Money {
        Money {
            minor,
            currency: self.currency.clone(),
        }
    }

    /// The row with its groups in the order in which they were asked for.
    fn grouped(mut self, groups: &[RevenueGroupBy]) -> Self {
        let mut keys = std::mem::take(&mut self.keys).into_iter();
        self.groups = groups
            .iter()
            .filter_map(|group| {
                if group.unit().is_none() {
                    let Key { key, label } = keys.next()?;
                    return Some(RevenueGroup {
                        key,
                        label,
                        from: None,
                        to: None,
                    });
                }
                let time = self.time.as_ref()?;
                let (key, label) = group.names(time.start);
                Some(RevenueGroup {
                    key: Some(key),
                    label: Some(label),
                    from: Some(time.from),
                    to: Some(time.to),
                })
            })
            .collect();
        self
    }
}

/// SQL of the rows of a question, as a JSON array of [`Revenue`].
pub(super) fn compile(compiler: &mut Compiler<'_>, question: &Question) -> Result<String> {
    statement::compile(compiler, question)
}

/// Revenue by currency and group.
pub(crate) async fn revenue(ctx: &Context<'_>, question: Question) -> Result<Vec<Revenue>> {
    let mut compiler = knowing_compiler(ctx).await?;
    let sql = compile(&mut compiler, &question)?;
    let rows: Option<Vec<Revenue>> = fetch(reader(ctx)?, compiler.finish(&sql)).await?;
    let rows = rows.unwrap_or_default().into_iter();
    Ok(rows.map(|row| row.grouped(&question.groups)).collect())
}
