//! The open deals by pipeline and stage.

use async_graphql::{Context, Object};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::error::Result;
use crate::query::run::fetch;
use crate::query::statement::Bind;
use crate::schema::{CurrencyCode, Money, compiler, integer, reader};

/// The median is the mean of the two middle values, which are one where their number is odd.
const PIPELINE: &str = "
    (select coalesce(json_agg(json_build_object(
                'pipelineId', r.pipeline_id, 'pipelineName', r.pipeline_name, 'stageId', r.stage_id,
                'stageLabel', r.stage_label, 'currency', r.currency, 'count', r.count, 'known', r.known,
                'value', r.value::text, 'weighted', r.weighted::text, 'medianDwellDays', r.median::text,
                'overdueCount', r.overdue)
             order by r.connection_id, board.position nulls last, r.pipeline_name, r.pipeline_id,
                      stage.position nulls last, r.stage_label, r.stage_id, r.currency), '[]')
       from (select d.connection_id, d.currency, max(d.pipeline_id) as pipeline_id, max(d.pipeline_name) as pipeline_name,
                    max(d.status_id) as stage_id, max(d.status_label) as stage_label,
                    count(*) as count, count(d.value_minor) as known, coalesce(sum(d.value_minor), 0) as value,
                    coalesce(sum(d.value_minor * d.confidence::numeric), 0) as weighted,
                    trim_scale((percentile_disc(0.5) within group (order by d.dwell)
                              + percentile_disc(0.5) within group (order by d.dwell desc)) / 2.0) as median,
                    count(*) filter (where d.expected_on < d.today) as overdue
               from (select o.connection_id, o.currency, o.pipeline_id, o.pipeline_name, o.status_id, o.status_label,
                            o.value_minor, o.confidence, o.expected_on, c.today,
                            case when o.stage_entered_at is not null
                                 then greatest(0, c.today - (o.stage_entered_at at time zone c.zone)::date) end as dwell
                       from unnest({connections}, {today}, {zones}) as c (connection_id, today, zone)
                       join opportunity o on o.connection_id = c.connection_id and o.status = 'active') d
              group by d.connection_id, coalesce(d.pipeline_id, d.pipeline_name), coalesce(d.status_id, d.status_label),
                       d.currency) r
       left join label board on board.connection_id = r.connection_id and board.close_id = r.pipeline_id
       left join label stage on stage.connection_id = r.connection_id and stage.close_id = r.stage_id)";

/// The open deals of one stage in one currency.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PipelineStage {
    pipeline_id: Option<String>,
    pipeline_name: Option<String>,
    stage_id: Option<String>,
    stage_label: Option<String>,
    currency: String,
    count: i64,
    known: i64,
    #[serde(deserialize_with = "integer")]
    value: i128,
    /// Minor units times per cent.
    #[serde(deserialize_with = "integer")]
    weighted: i128,
    median_dwell_days: Option<Decimal>,
    overdue_count: i64,
}

/// The open deals of one stage in one currency.
#[Object]
impl PipelineStage {
    /// Id of the pipeline in Close, `pipe_…`.
    async fn pipeline_id(&self) -> Option<&str> {
        self.pipeline_id.as_deref()
    }

    /// Name of the pipeline.
    async fn pipeline_name(&self) -> Option<&str> {
        self.pipeline_name.as_deref()
    }

    /// Id of the status in Close, `stat_…`.
    async fn stage_id(&self) -> Option<&str> {
        self.stage_id.as_deref()
    }

    /// What Close shows.
    async fn stage_label(&self) -> Option<&str> {
        self.stage_label.as_deref()
    }

    /// ISO 4217.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.currency.clone())
    }

    /// Deals, those without a value included.
    async fn count(&self) -> i64 {
        self.count
    }

    /// Deals without a value, which the sums can't hold: what is unknown is not zero.
    async fn unknown_count(&self) -> i64 {
        self.count - self.known
    }

    /// What the deals add up to, each as it is, whatever its period.
    async fn value(&self) -> Money {
        self.money(self.value)
    }

    /// What value times confidence adds up to; a deal without either adds nothing. The sum is exact and rounded once, half
    /// to even, to the minor unit.
    async fn weighted_value(&self) -> Money {
        self.money(hundredth(self.weighted))
    }

    /// The median of the days since deals entered the stage, of those of which that was witnessed; null without one.
    async fn median_dwell_days(&self) -> Option<Decimal> {
        self.median_dwell_days
    }

    /// Deals whose estimated close date is before today, in the connection's zone.
    async fn overdue_count(&self) -> i64 {
        self.overdue_count
    }
}

impl PipelineStage {
    fn money(&self, minor: i128) -> Money {
        Money {
            minor,
            currency: self.currency.clone(),
        }
    }
}

/// A hundredth of a number, rounded half to even.
fn hundredth(number: i128) -> i128 {
    let (whole, rest) = (number.div_euclid(100), number.rem_euclid(100));
    let up = rest > 50 || (rest == 50 && whole.rem_euclid(2) == 1);
    whole + i128::from(up)
}

/// The open deals by pipeline, stage and currency.
pub(crate) async fn pipeline(ctx: &Context<'_>) -> Result<Vec<PipelineStage>> {
    let mut compiler = compiler(ctx)?;
    let calendars = compiler.scope.calendars();
    let today = calendars
        .iter()
        .map(|calendar| calendar.today(compiler.now));
    let zones = calendars
        .iter()
        .map(|calendar| calendar.zone.name().to_owned());
    let places = [
        ("{connections}", Bind::Uuids(compiler.scope.connections())),
        ("{today}", Bind::Dates(today.collect())),
        ("{zones}", Bind::Texts(zones.collect())),
    ];
    let sql = compiler.fill(PIPELINE, places)?;
    Ok(fetch(reader(ctx)?, compiler.finish(&sql))
        .await?
        .unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::hundredth;
    use proptest::prelude::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let cases = [
            (50, 0),
            (150, 2),
            (250, 2),
            (251, 3),
            (-50, 0),
            (-150, -2),
            (-151, -2),
            (-249, -2),
            (0, 0),
        ];
        for (number, expected) in cases {
            assert_eq!(hundredth(number), expected, "{number}");
        }
    }

    proptest! {
        #[test]
        fn the_nearest_is_taken(number in -1_000_000_000_i128..1_000_000_000) {
            let error = (hundredth(number) * 100 - number).abs();
            prop_assert!(error <= 50);
        }
    }
}
