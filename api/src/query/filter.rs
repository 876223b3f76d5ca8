//! Filters as a tree of conditions, compiled to SQL with everything bound.

use chrono::{DateTime, NaiveDate, Utc};
use closegraph_entity::record::record_id;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::compile::{At, Compiler, relate};
use super::custom::FieldName;
use super::parts::{self, As, Parts};
use super::period::{Span, instant_bounds};
use super::statement::Bind;
use super::table::{Column, Kind, Table};
use crate::error::Result;

/// A condition on a row.
#[derive(Debug)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Column(Column, Test),
    /// Values inside a JSON column.
    Parts(&'static Parts, Test),
    /// A custom field.
    Custom {
        field: FieldName,
        compared: As,
        test: Test,
    },
    /// The record with one of these Close ids, whichever connection it is of.
    CloseIds(Vec<String>),
    One {
        table: &'static Table,
        on: &'static str,
        filter: Box<Filter>,
    },
    Many {
        table: &'static Table,
        on: &'static str,
        quantifier: Quantifier,
        filter: Box<Filter>,
    },
}

/// How many related rows must match.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quantifier {
    Some,
    None,
    Every,
}

/// A comparison of a column.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Compare(&'static str, Value),
    AnyOf(Values),
    NoneOf(Values),
    IsNull(bool),
    /// A LIKE pattern whose given part is escaped already.
    Like(String),
    /// Words that were checked against an enum of ours: they stand in the text, so that partial indexes serve.
    Words(Vec<&'static str>),
    Within(Span),
}

/// One value of a column's kind.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Int(i64),
    Number(Decimal),
    Date(NaiveDate),
    Instant(DateTime<Utc>),
    Uuid(Uuid),
}

/// A list of values of one kind.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Text(Vec<String>),
    Int(Vec<i64>),
    Number(Vec<Decimal>),
    Date(Vec<NaiveDate>),
    Instant(Vec<DateTime<Utc>>),
    Uuid(Vec<Uuid>),
}

impl Filter {
    /// Whether it is made of comparisons of one column and of words alone: an index on that column finds the rows next to
    /// each other.
    pub(crate) fn follows(&self, column: Column) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.follows(column)),
            Self::Column(_, Test::Words(_)) => true,
            Self::Column(tested, Test::Compare(operator, _)) => {
                *tested == column && *operator != "<>"
            }
            Self::Column(tested, Test::Within(_)) => *tested == column,
            _ => false,
        }
    }

    pub(crate) fn compile(&self, compiler: &mut Compiler<'_>, at: &At) -> Result<String> {
        match self {
            Self::And(all) => join(compiler, at, all, " and ", "true"),
            Self::Or(any) => join(compiler, at, any, " or ", "false"),
            Self::Not(filter) => Ok(format!("({}) is not true", filter.compile(compiler, at)?)),
            Self::Column(column, test) => test.compile(compiler, at, *column),
            Self::Parts(values, test) => parts::compile(compiler, at, values, test.clone()),
            Self::Custom {
                field,
                compared,
                test,
            } => parts::custom(compiler, at, field, *compared, test.clone()),
            Self::CloseIds(close_ids) => named(compiler, at, close_ids),
            Self::One { table, on, filter } => {
                let below = compiler.below(at, table);
                let from = related(compiler, at, &below, on);
                Ok(format!(
                    "exists (select from {from} and {})",
                    filter.compile(compiler, &below)?
                ))
            }
            Self::Many {
                table,
                on,
                quantifier,
                filter,
            } => {
                let below = compiler.below(at, table);
                let from = related(compiler, at, &below, on);
                let condition = filter.compile(compiler, &below)?;
                Ok(match quantifier {
                    Quantifier::Some => format!("exists (select from {from} and {condition})"),
                    Quantifier::None => format!("not exists (select from {from} and {condition})"),
                    Quantifier::Every => {
                        format!("not exists (select from {from} and ({condition}) is not true)")
                    }
                })
            }
        }
    }
}

/// Rows of these Close ids: those whose ids follow from them, and those that are parts of such a record.
fn named(compiler: &mut Compiler<'_>, at: &At, close_ids: &[String]) -> Result<String> {
    let connections = compiler.scope.connections();
    let mut any = |column: &str, id: fn(Uuid, &str) -> Uuid| -> Result<String> {
        let ids = connections
            .iter()
            .flat_map(|connection| close_ids.iter().map(|close_id| id(*connection, close_id)));
        let ids = compiler.bind(Bind::Uuids(ids.collect()))?;
        Ok(format!("{}.{column} = any({ids})", at.alias))
    };
    let own = any("id", at.table.record_id)?;
    let Some(column) = at.table.part_of else {
        return Ok(own);
    };
    let parts = any(column, record_id)?;
    Ok(format!("({own} or {parts})"))
}

fn related(compiler: &Compiler<'_>, at: &At, below: &At, on: &str) -> String {
    format!("{} and {}", compiler.from(below), relate(on, at, below))
}

fn join(
    compiler: &mut Compiler<'_>,
    at: &At,
    filters: &[Filter],
    with: &str,
    empty: &str,
) -> Result<String> {
    if filters.is_empty() {
        return Ok(empty.to_owned());
    }
    let parts: Result<Vec<String>> = filters
        .iter()
        .map(|filter| filter.compile(compiler, at))
        .collect();
    Ok(format!("({})", parts?.join(with)))
}

impl Test {
    pub(super) fn compile(
        &self,
        compiler: &mut Compiler<'_>,
        at: &At,
        column: Column,
    ) -> Result<String> {
        let name = format!("{}.{}", at.alias, column.sql);
        Ok(match self {
            // A null is different from any value: `ne` finds it, too.
            Self::Compare("<>", value) => {
                format!(
                    "{name} is distinct from {}",
                    compiler.bind(value.clone().into())?
                )
            }
            Self::Compare(operator, value) => {
                format!("{name} {operator} {}", compiler.bind(value.clone().into())?)
            }
            Self::AnyOf(values) => {
                format!("{name} = any({})", compiler.bind(values.clone().into())?)
            }
            Self::NoneOf(values) => {
                format!(
                    "({name} = any({})) is not true",
                    compiler.bind(values.clone().into())?
                )
            }
            Self::IsNull(true) => format!("{name} is null"),
            Self::IsNull(false) => format!("{name} is not null"),
            Self::Like(pattern) => {
                let pattern = compiler.bind(Bind::Text(pattern.clone()))?;
                compiler.found_by(at, column.sql, |alias| {
                    format!("{alias}.{} ilike {pattern}", column.sql)
                })
            }
            Self::Words(words) => match words.as_slice() {
                [] => "false".to_owned(),
                [one] => format!("{name} = '{one}'"),
                many => format!("{name} in ('{}')", many.join("', '")),
            },
            Self::Within(span) => within(compiler, at, &name, column.kind, *span)?,
        })
    }
}

/// A period, whose bounds each connection's calendar gives.
fn within(
    compiler: &mut Compiler<'_>,
    at: &At,
    name: &str,
    kind: Kind,
    span: Span,
) -> Result<String> {
    let now = compiler.now;
    let bounds: Vec<_> = compiler
        .scope
        .calendars()
        .iter()
        .map(|calendar| {
            (
                calendar.connection,
                span.bounds(calendar, now),
                calendar.zone,
            )
        })
        .collect();
    let (from, to): (Vec<Bind>, Vec<Bind>) = bounds
        .iter()
        .map(|(_, (from, to), zone)| match kind {
            Kind::Instant => {
                let (from, to) = instant_bounds(*from, *to, *zone);
                (Bind::Instant(from), Bind::Instant(to))
            }
            _ => (Bind::Date(*from), Bind::Date(*to)),
        })
        .unzip();
    let until = if kind == Kind::Instant { "<" } else { "<=" };
    let same = from
        .windows(2)
        .chain(to.windows(2))
        .all(|pair| pair.first() == pair.last());
    if same && let (Some(from), Some(to)) = (from.first(), to.first()) {
        let (from, to) = (compiler.bind(from.clone())?, compiler.bind(to.clone())?);
        return Ok(format!("({name} >= {from} and {name} {until} {to})"));
    }
    let connections = bounds
        .iter()
        .map(|(connection, _, _)| *connection)
        .collect();
    let connections = compiler.bind(Bind::Uuids(connections))?;
    let (from, to) = (compiler.bind(list(from))?, compiler.bind(list(to))?);
    Ok(format!(
        "exists (select from unnest({connections}, {from}, {to}) p (connection_id, since, until)
                  where p.connection_id = {connection} and {name} >= p.since and {name} {until} p.until)",
        connection = at.connection,
    ))
}

/// Values of one kind as one array.
fn list(values: Vec<Bind>) -> Bind {
    let instants: Vec<_> = values
        .iter()
        .filter_map(|bind| {
            if let Bind::Instant(at) = bind {
                Some(*at)
            } else {
                None
            }
        })
        .collect();
    if !instants.is_empty() {
        return Bind::Instants(instants);
    }
    let dates = values.into_iter().filter_map(|bind| match bind {
        Bind::Date(date) => Some(date),
        _ => None,
    });
    Bind::Dates(dates.collect())
}

impl From<Value> for Bind {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Int(number) => Self::Int(number),
            Value::Number(number) => Self::Number(number),
            Value::Date(date) => Self::Date(date),
            Value::Instant(at) => Self::Instant(at),
            Value::Uuid(id) => Self::Uuid(id),
        }
    }
}

impl From<Values> for Bind {
    fn from(values: Values) -> Self {
        match values {
            Values::Text(texts) => Self::Texts(texts),
            Values::Int(numbers) => Self::Ints(numbers),
            Values::Number(numbers) => Self::Numbers(numbers),
            Values::Date(dates) => Self::Dates(dates),
            Values::Instant(instants) => Self::Instants(instants),
            Values::Uuid(ids) => Self::Uuids(ids),
        }
    }
}
