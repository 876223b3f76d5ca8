//! The root: figures.

use async_graphql::{Context, Object};

use crate::figures::aging::{self, ReceivablesAging};
use crate::figures::pipeline::{self, PipelineStage};
use crate::figures::revenue::{self, Question, Revenue, RevenueBasis, RevenueGroupBy};
use crate::figures::summary::{self, Summary};
use crate::query::period::Period;
use crate::query::scalars::Date;
use crate::schema::CurrencyCode;

/// Figures: part of the root of all questions.
#[derive(Debug)]
pub(crate) struct Figures;

#[Object]
#[expect(clippy::too_many_arguments, reason = "the arguments of a question")]
impl Figures {
    /// Revenue, a row a currency and group: of a named period, or between two days (both included).
    async fn revenue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A named period; either this, or from and to.")] period: Option<Period>,
        #[graphql(desc = "First day, such as 2026-01-01.")] from: Option<Date>,
        #[graphql(desc = "Last day, such as 2026-03-31.")] to: Option<Date>,
        #[graphql(
            default,
            desc = "What counts as revenue: won deals, unless said otherwise."
        )]
        basis: RevenueBasis,
        #[graphql(
            default,
            desc = "One or two groups, of which at most one is of time. Times without revenue have zeros."
        )]
        group_by: Vec<RevenueGroupBy>,
        #[graphql(
            desc = "The name in Close of the deals' custom field that CUSTOM_FIELD in groupBy means, such as \"Product line\"."
        )]
        custom_field: Option<String>,
        #[graphql(
            desc = "Also answer each row in this currency, such as EUR, by the rates that the operator has loaded."
        )]
        convert_to: Option<CurrencyCode>,
        #[graphql(
            desc = "So many groups that are not of time in each currency, those with the largest totals; 500 at most, and when it is not given."
        )]
        first: Option<i32>,
    ) -> async_graphql::Result<Vec<Revenue>> {
        let question = Question::new(period, from, to, basis)?
            .grouped(group_by, custom_field, first)
            .converted(convert_to)?;
        Ok(revenue::revenue(ctx, question).await?)
    }

    /// What unpaid and partly paid invoices leave to pay, by how long they are overdue. Each currency in which something
    /// is owed has all buckets.
    async fn receivables_aging(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The day from which due dates are seen; today in each connection's zone, unless given. What is left to pay is that of now, whatever the day."
        )]
        as_of: Option<Date>,
    ) -> async_graphql::Result<Vec<ReceivablesAging>> {
        Ok(aging::aging(ctx, as_of.map(|day| day.0)).await?)
    }

    /// A period in one answer: a named one, or the days between two (both included). Each money figure is by currency.
    async fn summary(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A named period; either this, or from and to.")] period: Option<Period>,
        #[graphql(desc = "First day, such as 2026-01-01.")] from: Option<Date>,
        #[graphql(desc = "Last day, such as 2026-03-31.")] to: Option<Date>,
        #[graphql(
            desc = "Also answer what was won and collected in this currency, such as EUR, by the rates that the operator has loaded."
        )]
        convert_to: Option<CurrencyCode>,
    ) -> async_graphql::Result<Summary> {
        Ok(summary::summary(ctx, period, from, to, convert_to).await?)
    }

    /// The open deals by pipeline, stage and currency, ordered by the names of pipelines and stages. A stage without open
    /// deals has no row.
    async fn pipeline(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<PipelineStage>> {
        Ok(pipeline::pipeline(ctx).await?)
    }
}
