//! A period in one answer. Only what is asked for is computed, all of it in one statement.

use async_graphql::{ComplexObject, Context, Object, SimpleObject, Value};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::revenue::{self, PeriodBounds, Question, Revenue, RevenueBasis};
use super::span::{bounds, span};
use crate::error::{ApiError, Result};
use crate::query::compile::{At, Compiler, asked};
use crate::query::period::{Bounds, Period, Span, instant_bounds};
use crate::query::run::{Answers, fetch};
use crate::query::scalars::Date;
use crate::query::selection::{Child, Selection};
use crate::query::statement::Bind;
use crate::schema::{COMPANY, Company, CurrencyCode, Money, integer, knowing_compiler, reader};

/// Companies when no number is given, and at most.
const TOP: i64 = 5;
const MAX_TOP: i64 = 500;

/// The calendar of each connection.
const CALENDARS: &str = "c as (select * from unnest({connections}, {since}, {until}, {since_at}, {until_at}, {today}, {currencies})
    as c (connection_id, since, until, since_at, until_at, today, currency))";

const NEW_COMPANIES: &str =
    "(select count(*) from c join company x on x.connection_id = c.connection_id
    and x.source_created_at >= c.since_at and x.source_created_at < c.until_at)";

const NEW_PEOPLE: &str =
    "(select count(*) from c join person x on x.connection_id = c.connection_id
    and x.source_created_at >= c.since_at and x.source_created_at < c.until_at)";

/// A connection's own currency has a row even when nothing was invoiced.
const INVOICED: &str = "
    (select coalesce(json_agg(json_build_object('currency', r.currency, 'total', r.total::text, 'count', r.count,
                        'known', r.known) order by r.currency), '[]')
       from (select s.currency, coalesce(sum(s.amount), 0) as total, count(*) filter (where s.is_invoice) as count,
                    count(s.amount) as known
               from (select r.currency, r.total_minor as amount, true as is_invoice
                       from c join receivable r on r.connection_id = c.connection_id
                        and r.issued_on >= c.since and r.issued_on <= c.until
                        and (r.status in ('draft', 'void')) is not true
                     union all select c.currency, null, false from c) s
              group by s.currency) r)";

const OUTSTANDING: &str = "
    (select coalesce(json_agg(json_build_object('currency', r.currency, 'balance', r.balance::text, 'count', r.count,
                        'overdueCount', r.overdue) order by r.currency), '[]')
       from (select s.currency, coalesce(sum(s.balance), 0) as balance, count(*) filter (where s.is_invoice) as count,
                    count(*) filter (where s.is_overdue) as overdue
               from (select r.currency, r.balance_minor as balance, true as is_invoice, r.due_on < c.today as is_overdue
                       from c join receivable r on r.connection_id = c.connection_id
                        and r.payment_status in ('unpaid', 'partial')
                     union all select c.currency, null, false, false from c) s
              group by s.currency) r)";

/// Companies of the largest won revenue, in each currency; `{company}` is the JSON of one.
const TOP_COMPANIES: &str = "
    (select coalesce(json_agg(json_build_object({company}
                        'total', json_build_object('minor', s.total::text, 'currency', s.currency))
                     order by s.currency, s.place), '[]')
       from (select w.*, row_number() over (partition by w.currency order by w.total desc, w.count desc, w.company_id) as place
               from (select t.connection_id, t.company_id, t.currency, sum(t.amount_minor) as total, count(*) as count
                       from c join transaction t on t.connection_id = c.connection_id and t.kind = 'won_deal'
                        and t.occurred_on >= c.since and t.occurred_on <= c.until
                        and t.company_id is not null
                      group by t.connection_id, t.company_id, t.currency having count(t.amount_minor) > 0) w) s
      where s.place <= {first})";

/// What was invoiced in one currency.
#[derive(Debug, Deserialize)]
pub(crate) struct Invoiced {
    currency: String,
    #[serde(deserialize_with = "integer")]
    total: i128,
    count: i64,
    known: i64,
}

/// Invoices that were issued in a period, drafts and void ones left out, in one currency.
#[Object]
impl Invoiced {
    /// ISO 4217.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.currency.clone())
    }

    /// What they add up to, tax included; unknown amounts add nothing.
    async fn total(&self) -> Money {
        Money {
            minor: self.total,
            currency: self.currency.clone(),
        }
    }

    /// Invoices.
    async fn count(&self) -> i64 {
        self.count
    }

    /// Invoices without a total.
    async fn unknown_count(&self) -> i64 {
        self.count - self.known
    }
}

/// What is left to pay in one currency.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outstanding {
    currency: String,
    #[serde(deserialize_with = "integer")]
    balance: i128,
    count: i64,
    overdue_count: i64,
}

/// What unpaid and partly paid invoices leave to pay in one currency, as of now.
#[Object]
impl Outstanding {
    /// ISO 4217.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.currency.clone())
    }

    /// What is left to pay.
    async fn balance_due(&self) -> Money {
        Money {
            minor: self.balance,
            currency: self.currency.clone(),
        }
    }

    /// Invoices.
    async fn count(&self) -> i64 {
        self.count
    }

    /// Invoices whose due date is past.
    async fn overdue_count(&self) -> i64 {
        self.overdue_count
    }
}

/// A company with what it brought.
#[derive(Debug, Deserialize, SimpleObject)]
pub(crate) struct TopCompany {
    /// Null while it has not arrived.
    #[serde(default)]
    company: Option<Box<Company>>,
    /// What its deals that were won in the period add up to.
    total: Money,
}

/// A period in one answer.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
#[graphql(complex)]
pub(crate) struct Summary {
    /// The days that are meant, from the first of any connection to the last; null for a token without connections.
    #[serde(skip)]
    period: Option<PeriodBounds>,
    /// Companies that were created in Close.
    new_companies: i64,
    /// People who were created in Close.
    new_people: i64,
    /// Won deals, a row a currency.
    won: Vec<Revenue>,
    /// Payments of invoices, a row a currency.
    collected: Vec<Revenue>,
    /// Invoices by the day of their issue, a row a currency.
    invoiced: Vec<Invoiced>,
    /// What is left to pay as of now, whatever the period, a row a currency.
    outstanding: Vec<Outstanding>,
    #[graphql(skip)]
    top_companies: Answers<Vec<TopCompany>>,
}

#[ComplexObject]
impl Summary {
    /// The companies with the largest won revenue of the period, the largest first, in each currency.
    async fn top_companies(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many in each currency, 500 at most; 5 when it is not given.")]
        first: Option<i32>,
    ) -> async_graphql::Result<&Vec<TopCompany>> {
        // It was compiled into the statement of the root field.
        let _ = first;
        Ok(self.top_companies.get(ctx)?)
    }
}

/// What is computed for a field, where it takes no arguments.
fn part(
    compiler: &mut Compiler<'_>,
    field: &str,
    span: Span,
    convert_to: Option<&str>,
) -> Result<Option<String>> {
    let mut revenue = |basis| {
        let question = Question {
            convert_to: convert_to.map(str::to_owned),
            ..Question::of(span, basis)
        };
        revenue::compile(compiler, &question).map(Some)
    };
    Ok(match field {
        "won" => revenue(RevenueBasis::Won)?,
        "collected" => revenue(RevenueBasis::Collected)?,
        "newCompanies" => Some(NEW_COMPANIES.to_owned()),
        "newPeople" => Some(NEW_PEOPLE.to_owned()),
        "invoiced" => Some(INVOICED.to_owned()),
        "outstanding" => Some(OUTSTANDING.to_owned()),
        _ => None,
    })
}

/// The companies of one occurrence of the field, under the key of its arguments.
fn top_companies(compiler: &mut Compiler<'_>, child: &Child<'_>) -> Result<String> {
    let first = match child.arguments.get("first") {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(TOP),
        _ => TOP,
    };
    if first < 0 {
        return Err(ApiError::BadInput("first is 0 or more".to_owned()));
    }
    if first > MAX_TOP {
        return Err(ApiError::PageTooLarge {
            asked: first,
            max: MAX_TOP,
        });
    }
    let rows = u64::try_from(first).unwrap_or(0);
    compiler.spend(rows)?;
    let company = match asked(&child.selection.children("TopCompany"), "company") {
        Some(selection) => {
            let at = At {
                table: &COMPANY,
                alias: compiler.alias(),
                connection: "s.connection_id".to_owned(),
            };
            let outer = std::mem::replace(&mut compiler.multiplier, rows.max(1));
            let object = compiler.object(&at, &selection)?;
            compiler.multiplier = outer;
            let from = compiler.from(&at);
            format!(
                "'company', (select {object} from {from} and {}.id = s.company_id),",
                at.alias
            )
        }
        None => String::new(),
    };
    let first = compiler.bind(Bind::Int(first))?;
    let key = compiler.bind(Bind::Text(child.key.clone()))?;
    let rows = TOP_COMPANIES
        .replace("{company}", &company)
        .replace("{first}", &first);
    Ok(format!("{key}::text, {rows}"))
}

/// Binds the calendars of a period.
fn calendars(compiler: &mut Compiler<'_>, days: &[Bounds], now: DateTime<Utc>) -> Result<String> {
    let calendars = compiler.scope.calendars();
    let (since_at, until_at) = calendars
        .iter()
        .zip(days)
        .map(|(calendar, (from, to))| instant_bounds(*from, *to, calendar.zone))
        .unzip();
    let currencies = calendars.iter().map(|calendar| calendar.currency.clone());
    let today = calendars.iter().map(|calendar| calendar.today(now));
    let (since, until) = days.iter().copied().unzip();
    compiler.fill(
        CALENDARS,
        [
            ("{connections}", Bind::Uuids(compiler.scope.connections())),
            ("{since_at}", Bind::Instants(since_at)),
            ("{until_at}", Bind::Instants(until_at)),
            ("{since}", Bind::Dates(since)),
            ("{until}", Bind::Dates(until)),
            ("{today}", Bind::Dates(today.collect())),
            ("{currencies}", Bind::Texts(currencies.collect())),
        ],
    )
}

/// A period in one answer.
pub(crate) async fn summary(
    ctx: &Context<'_>,
    period: Option<Period>,
    from: Option<Date>,
    to: Option<Date>,
    convert_to: Option<CurrencyCode>,
) -> Result<Summary> {
    let convert_to = convert_to.map(revenue::known_currency).transpose()?;
    let span = span("summary", period, from, to)?;
    let mut compiler = knowing_compiler(ctx).await?;
    let days = bounds(span, compiler.scope, compiler.now);
    let now = compiler.now;
    let with = calendars(&mut compiler, &days, now)?;
    let (mut parts, mut tops) = (Vec::new(), Vec::new());
    for child in Selection::of(ctx).children("Summary") {
        if child.name == "topCompanies" {
            tops.push(top_companies(&mut compiler, &child)?);
        } else if let Some(sql) = part(&mut compiler, child.name, span, convert_to.as_deref())? {
            parts.push(format!("'{}', {sql}", child.name));
        }
    }
    if !tops.is_empty() {
        parts.push(format!(
            "'topCompanies', json_build_object({})",
            tops.join(", ")
        ));
    }
    let json = format!("json_build_object({})", parts.join(", "));
    let summary: Option<Summary> = fetch(reader(ctx)?, compiler.finish_with(&with, &json)).await?;
    let first = days.iter().map(|(from, _)| *from).min();
    let last = days.iter().map(|(_, to)| *to).max();
    Ok(Summary {
        period: first.zip(last).map(|(from, to)| PeriodBounds {
            from: Date(from),
            to: Date(to),
        }),
        ..summary.unwrap_or_default()
    })
}
