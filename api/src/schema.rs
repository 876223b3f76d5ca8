//! The GraphQL types, one file each: object, filter and order together, over the description of their table.

mod audit_entry;
mod company;
mod connection;
mod event;
mod member;
mod money;
mod opportunity;
mod page;
mod person;
mod query;
mod record;
mod sync_run;
mod transaction;

pub(crate) use money::{CurrencyCode, Money};
pub(crate) use query::{Query, pool, scope};
pub(crate) use record::MirroredRecord;

use crate::query::filter::Filter;
use crate::query::operators::Operators;
use crate::query::order::OrderKey;
use crate::query::page::PageRequest;
use crate::query::selection::Arguments;
use crate::query::table::Column;
use async_graphql::{Enum, InputType};

/// A filter object: all its conditions hold.
pub(crate) trait FilterInput: InputType {
    fn filter(self) -> Filter;
}

/// An entry of `orderBy`.
pub(crate) trait OrderInput: InputType {
    fn key(self) -> OrderKey;
}

/// The direction of an order. Nulls stand last ascending and first descending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub(crate) enum Direction {
    #[default]
    Asc,
    Desc,
}

/// What a list of this filter and order type was asked for.
pub(crate) fn page<F: FilterInput, O: OrderInput>(
    arguments: &Arguments,
) -> crate::error::Result<PageRequest> {
    use crate::query::operators::read;
    let filter = read::<F>(arguments.get("filter"))?.map(FilterInput::filter);
    let order = read::<Vec<O>>(arguments.get("orderBy"))?.unwrap_or_default();
    PageRequest::new(
        arguments,
        filter,
        order.into_iter().map(OrderInput::key).collect(),
    )
}

/// The conditions of an operator object on a column.
fn on(conditions: &mut Vec<Filter>, column: Column, operators: Option<impl Operators>) {
    conditions.extend(
        operators
            .map(|given| given.conditions(column))
            .into_iter()
            .flatten(),
    );
}

/// A column of a table.
const fn column(sql: &'static str, kind: crate::query::table::Kind, nullable: bool) -> Column {
    Column {
        sql,
        kind,
        nullable,
    }
}

/// Declares the filter and order types of a table.
macro_rules! inputs {
    (
        $filter:ident, $order:ident, $order_field:ident;
        close_id { $($close_id:ident)? }
        columns { $($field:ident: $operators:ty => $sql:literal $kind:ident $nullable:literal;)* }
        one { $($one:ident: $one_filter:ty => $one_table:expr, $one_on:literal;)* }
        many { $($many:ident: $many_filter:ty => $many_table:expr, $many_on:literal;)* }
        order { $($variant:ident => $order_sql:literal $order_kind:ident $order_nullable:literal;)* }
    ) => {
        /// Conditions that all hold; `and`, `or` and `not` nest.
        #[derive(Debug, Default, async_graphql::InputObject)]
        pub(crate) struct $filter {
            and: Option<Vec<$filter>>,
            or: Option<Vec<$filter>>,
            not: Option<Box<$filter>>,
            $($close_id: Option<$crate::query::operators::CloseIdFilter>,)?
            $($field: Option<$operators>,)*
            $($one: Option<Box<$one_filter>>,)*
            $($many: Option<$crate::schema::Quantified<$many_filter>>,)*
        }

        impl $crate::schema::FilterInput for $filter {
            fn filter(self) -> $crate::query::filter::Filter {
                use $crate::query::filter::Filter;
                let mut all: Vec<Filter> = Vec::new();
                let each = |filters: Vec<$filter>| {
                    filters.into_iter().map($crate::schema::FilterInput::filter).collect()
                };
                all.extend(self.and.map(|filters| Filter::And(each(filters))));
                all.extend(self.or.map(|filters| Filter::Or(each(filters))));
                all.extend(self.not.map(|filter| Filter::Not(Box::new((*filter).filter()))));
                $(all.extend(self.$close_id.map(|given| given.conditions()).into_iter().flatten());)?
                $($crate::schema::on(
                    &mut all,
                    $crate::schema::column($sql, $crate::query::table::Kind::$kind, $nullable),
                    self.$field,
                );)*
                $(all.extend(self.$one.map(|filter| Filter::One {
                    table: $one_table,
                    on: $one_on,
                    filter: Box::new((*filter).filter()),
                }));)*
                $(all.extend(
                    self.$many.map(|quantified| quantified.filters($many_table, $many_on)).into_iter().flatten(),
                );)*
                Filter::And(all)
            }
        }

        /// What a list can be ordered by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
        pub(crate) enum $order_field {
            $($variant,)*
        }

        /// One key of an order.
        #[derive(Debug, async_graphql::InputObject)]
        pub(crate) struct $order {
            field: $order_field,
            #[graphql(default)]
            direction: $crate::schema::Direction,
        }

        impl $crate::schema::OrderInput for $order {
            fn key(self) -> $crate::query::order::OrderKey {
                let column = match self.field {
                    $($order_field::$variant => $crate::schema::column(
                        $order_sql,
                        $crate::query::table::Kind::$order_kind,
                        $order_nullable,
                    ),)*
                };
                let descending = self.direction == $crate::schema::Direction::Desc;
                $crate::query::order::OrderKey { column, descending }
            }
        }
    };
}
use inputs;

/// How many related records must match.
#[derive(Debug, async_graphql::InputObject)]
#[graphql(concrete(name = "PersonQuantifier", params(person::PersonFilter)))]
#[graphql(concrete(name = "OpportunityQuantifier", params(opportunity::OpportunityFilter)))]
#[graphql(concrete(name = "TransactionQuantifier", params(transaction::TransactionFilter)))]
pub(crate) struct Quantified<T: FilterInput> {
    /// At least one matches.
    some: Option<Box<T>>,
    /// None matches.
    none: Option<Box<T>>,
    /// All match; also where there are none.
    every: Option<Box<T>>,
}

impl<T: FilterInput> Quantified<T> {
    fn filters(self, table: &'static crate::query::table::Table, on: &'static str) -> Vec<Filter> {
        use crate::query::filter::Quantifier;
        let each = [
            (Quantifier::Some, self.some),
            (Quantifier::None, self.none),
            (Quantifier::Every, self.every),
        ];
        each.into_iter()
            .filter_map(|(quantifier, filter)| {
                let filter = Box::new((*filter?).filter());
                Some(Filter::Many {
                    table,
                    on,
                    quantifier,
                    filter,
                })
            })
            .collect()
    }
}
