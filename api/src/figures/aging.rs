//! What customers owe, by how long it is overdue.

use async_graphql::{Context, Enum, Object};
use chrono::{NaiveDate, Utc};
use serde::Deserialize;

use crate::error::Result;
use crate::query::compile::Compiler;
use crate::query::run::fetch;
use crate::query::statement::Bind;
use crate::schema::{CurrencyCode, Money, integer, reader, scope};

/// Each currency in which something is owed has all buckets. What is due on the day is not overdue.
const AGING: &str = "
    (with owed as (
        select r.currency, count(*) as count, coalesce(sum(r.balance_minor), 0) as balance,
               case when r.due_on is null or r.due_on >= c.as_of then 'current'
                    when c.as_of - r.due_on <= 30 then 'days_1_30'
                    when c.as_of - r.due_on <= 60 then 'days_31_60'
                    when c.as_of - r.due_on <= 90 then 'days_61_90'
                    else 'over_90' end as bucket
          from unnest({connections}, {as_of}) as c (connection_id, as_of)
          join receivable r on r.connection_id = c.connection_id and r.payment_status in ('unpaid', 'partial')
         group by r.currency, bucket)
     select coalesce(json_agg(json_build_object('currency', u.currency, 'bucket', b.bucket,
                        'count', coalesce(o.count, 0), 'balance', coalesce(o.balance, 0)::text)
                     order by u.currency, b.place), '[]')
       from (select distinct currency from owed) u
      cross join unnest(array['current', 'days_1_30', 'days_31_60', 'days_61_90', 'over_90'])
                 with ordinality b (bucket, place)
       left join owed o on o.currency = u.currency and o.bucket = b.bucket)";

/// How long an invoice is overdue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Deserialize)]
pub(crate) enum AgingBucket {
    /// Due today or later, or without a due date.
    #[serde(rename = "current")]
    Current,
    /// 1 to 30 days overdue.
    #[graphql(name = "DAYS_1_30")]
    #[serde(rename = "days_1_30")]
    Days1To30,
    /// 31 to 60 days overdue.
    #[graphql(name = "DAYS_31_60")]
    #[serde(rename = "days_31_60")]
    Days31To60,
    /// 61 to 90 days overdue.
    #[graphql(name = "DAYS_61_90")]
    #[serde(rename = "days_61_90")]
    Days61To90,
    /// More than 90 days overdue.
    #[graphql(name = "OVER_90")]
    #[serde(rename = "over_90")]
    Over90,
}

/// What is owed in one currency and bucket.
#[derive(Debug, Deserialize)]
pub(crate) struct ReceivablesAging {
    currency: String,
    bucket: AgingBucket,
    count: i64,
    #[serde(deserialize_with = "integer")]
    balance: i128,
}

/// What unpaid and partly paid invoices of one currency leave to pay that are overdue for so long.
#[Object]
impl ReceivablesAging {
    /// ISO 4217.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.currency.clone())
    }

    /// How long it is overdue.
    async fn bucket(&self) -> AgingBucket {
        self.bucket
    }

    /// Invoices.
    async fn count(&self) -> i64 {
        self.count
    }

    /// What is left to pay of them, as of now.
    async fn balance_due(&self) -> Money {
        Money {
            minor: self.balance,
            currency: self.currency.clone(),
        }
    }
}

/// What is owed, as seen from a day, or from the today of each connection.
pub(crate) async fn aging(
    ctx: &Context<'_>,
    as_of: Option<NaiveDate>,
) -> Result<Vec<ReceivablesAging>> {
    let now = Utc::now();
    let scope = scope(ctx)?;
    let days = scope
        .calendars()
        .iter()
        .map(|calendar| as_of.unwrap_or_else(|| calendar.today(now)))
        .collect();
    let mut compiler = Compiler::new(scope, now, 0, 0);
    let sql = compiler.fill(
        AGING,
        [
            ("{connections}", Bind::Uuids(scope.connections())),
            ("{as_of}", Bind::Dates(days)),
        ],
    )?;
    Ok(fetch(reader(ctx)?, compiler.finish(&sql))
        .await?
        .unwrap_or_default())
}
