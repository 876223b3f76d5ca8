//! The GraphQL types, one file each: object, filter and order together, over the description of their table.

mod admin;
mod audit_entry;
mod change;
mod company;
mod connection;
mod event;
mod figure;
mod invoice_mapping;
mod link;
mod lookup;
mod member;
mod money;
mod mutation;
mod opportunity;
pub(crate) mod page;
mod person;
mod query;
mod receivable;
mod record;
mod search;
mod sync_run;
mod transaction;
mod worklist;

pub(crate) use change::{Subscription, Yielded};
pub(crate) use company::{Company, TABLE as COMPANY};
pub(crate) use connection::TABLE as CONNECTION;
pub(crate) use lookup::{MAX_PAGE, compiler, knowing_compiler, reader, scope};
pub(crate) use member::TABLE as MEMBER;
pub(crate) use money::{CurrencyCode, Money, decimal, integer};
pub(crate) use opportunity::TABLE as OPPORTUNITY;
pub(crate) use person::TABLE as PERSON;
pub(crate) use receivable::TABLE as RECEIVABLE;
pub(crate) use record::{MirroredRecord, Node, RecordType};
pub(crate) use transaction::TABLE as TRANSACTION;

use crate::query::filter::Filter;
use crate::query::operators::{Operators, TextFilter};
use crate::query::order::OrderKey;
use crate::query::parts::Parts;
use crate::query::selection::Arguments;
use crate::query::table::Column;
use crate::query::window::PageRequest;
use async_graphql::{Enum, InputType, MergedObject};

/// Questions about what is mirrored. Every answer is limited to the connections that the token may see.
#[derive(Debug, MergedObject)]
pub(crate) struct Query(
    query::Records,
    figure::Figures,
    worklist::Worklist,
    search::Search,
    invoice_mapping::MappingQuestions,
    change::Feed,
    admin::AdminQuestions,
);

/// Decisions of operators and admins; they need a token with the role operator or admin. Close itself is never written to.
#[derive(Debug, MergedObject)]
pub(crate) struct Mutation(
    mutation::Events,
    link::Links,
    invoice_mapping::Mappings,
    admin::AdminDecisions,
);

/// All questions, and all decisions.
pub(crate) const ROOTS: (Query, Mutation) = (
    Query(
        query::Records,
        figure::Figures,
        worklist::Worklist,
        search::Search,
        invoice_mapping::MappingQuestions,
        change::Feed,
        admin::AdminQuestions,
    ),
    Mutation(
        mutation::Events,
        link::Links,
        invoice_mapping::Mappings,
        admin::AdminDecisions,
    ),
);

/// A filter object: all its conditions hold.
pub(crate) trait FilterInput: InputType {
    fn filter(self) -> crate::error::Result<Filter>;
}

/// An entry of `orderBy`.
pub(crate) trait OrderInput: InputType {
    fn key(self) -> OrderKey;
}

/// The direction of an order. Nulls stand last ascending and first descending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub(crate) enum Direction {
    /// From the smallest, the earliest, the first in the alphabet.
    #[default]
    Asc,
    /// From the largest, the latest, the last in the alphabet.
    Desc,
}

/// What a list of this filter and order type was asked for.
pub(crate) fn page<F: FilterInput, O: OrderInput>(
    arguments: &Arguments,
) -> crate::error::Result<PageRequest> {
    use crate::query::operators::read;
    let filter = read::<F>("filter", arguments.get("filter"))?
        .map(FilterInput::filter)
        .transpose()?;
    let order = read::<Vec<O>>("orderBy", arguments.get("orderBy"))?.unwrap_or_default();
    PageRequest::new(
        arguments,
        filter,
        order.into_iter().map(OrderInput::key).collect(),
    )
}

/// The conditions of an operator object on a column.
fn on(
    conditions: &mut Vec<Filter>,
    column: Column,
    operators: Option<impl Operators>,
) -> crate::error::Result<()> {
    if let Some(operators) = operators {
        conditions.extend(operators.conditions(column)?);
    }
    Ok(())
}

/// The conditions of an operator object on values inside a JSON column.
fn on_parts(
    conditions: &mut Vec<Filter>,
    parts: &'static Parts,
    operators: Option<TextFilter>,
) -> crate::error::Result<()> {
    let tests = operators.map(TextFilter::tests).transpose()?;
    let tests = tests.into_iter().flatten();
    conditions.extend(tests.map(|test| Filter::Parts(parts, test)));
    Ok(())
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
        $(parts { $($(#[$part_doc:meta])* $part:ident => $parts:expr;)* })?
        columns { $($(#[$doc:meta])* $field:ident: $operators:ty => $sql:literal $kind:ident $nullable:literal;)* }
        one { $($(#[$one_doc:meta])* $one:ident: $one_filter:ty => $one_table:expr, $one_on:expr;)* }
        many { $($(#[$many_doc:meta])* $many:ident: $many_filter:ty => $many_table:expr, $many_on:expr;)* }
        order { $($(#[$variant_doc:meta])* $variant:ident => $order_sql:literal $order_kind:ident $order_nullable:literal;)* }
    ) => {
        /// Conditions that all hold; `and`, `or` and `not` nest.
        #[derive(Debug, async_graphql::InputObject)]
        pub(crate) struct $filter {
            /// All of these hold.
            and: Option<Vec<$filter>>,
            /// At least one of these holds.
            or: Option<Vec<$filter>>,
            /// This does not hold.
            not: Option<Box<$filter>>,
            $(
            /// The id in Close.
            $close_id: Option<$crate::query::operators::CloseIdFilter>,
            /// Custom fields by name or id, all of which must hold: { name: "Industry", text: { eq: "Software" } }.
            custom_fields: Option<Vec<$crate::query::operators::CustomFieldFilter>>,
            )?
            $($(
            $(#[$part_doc])*
            $part: Option<$crate::query::operators::TextFilter>,
            )*)?
            $($(#[$doc])* $field: Option<$operators>,)*
            $($(#[$one_doc])* $one: Option<Box<$one_filter>>,)*
            $($(#[$many_doc])* $many: Option<$crate::schema::Quantified<$many_filter>>,)*
        }

        impl $crate::schema::FilterInput for $filter {
            fn filter(self) -> $crate::error::Result<$crate::query::filter::Filter> {
                use $crate::query::filter::Filter;
                let mut all: Vec<Filter> = Vec::new();
                let each = |filters: Vec<$filter>| -> $crate::error::Result<Vec<Filter>> {
                    filters.into_iter().map($crate::schema::FilterInput::filter).collect()
                };
                if let Some(filters) = self.and {
                    all.push(Filter::And(each(filters)?));
                }
                if let Some(filters) = self.or {
                    all.push(Filter::Or(each(filters)?));
                }
                if let Some(filter) = self.not {
                    all.push(Filter::Not(Box::new((*filter).filter()?)));
                }
                $(
                all.extend(self.$close_id.map(|given| given.conditions()).into_iter().flatten());
                for field in self.custom_fields.into_iter().flatten() {
                    all.extend(field.conditions()?);
                }
                )?
                $($($crate::schema::on_parts(&mut all, $parts, self.$part)?;)*)?
                $($crate::schema::on(
                    &mut all,
                    $crate::schema::column($sql, $crate::query::table::Kind::$kind, $nullable),
                    self.$field,
                )?;)*
                $(if let Some(filter) = self.$one {
                    let filter = Box::new((*filter).filter()?);
                    all.push(Filter::One { table: $one_table, on: $one_on, filter });
                })*
                $(if let Some(quantified) = self.$many {
                    all.extend(quantified.filters($many_table, $many_on)?);
                })*
                Ok(Filter::And(all))
            }
        }

        /// What a list can be ordered by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
        pub(crate) enum $order_field {
            $($(#[$variant_doc])* $variant,)*
        }

        /// One key of an order.
        #[derive(Debug, async_graphql::InputObject)]
        pub(crate) struct $order {
            /// What is compared.
            field: $order_field,
            /// From the smallest to the largest, unless it is said otherwise.
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
#[graphql(concrete(name = "ReceivableQuantifier", params(receivable::ReceivableFilter)))]
pub(crate) struct Quantified<T: FilterInput> {
    /// At least one matches.
    some: Option<Box<T>>,
    /// None matches.
    none: Option<Box<T>>,
    /// All match; also where there are none.
    every: Option<Box<T>>,
}

impl<T: FilterInput> Quantified<T> {
    fn filters(
        self,
        table: &'static crate::query::table::Table,
        on: &'static str,
    ) -> crate::error::Result<Vec<Filter>> {
        use crate::query::filter::Quantifier;
        let each = [
            (Quantifier::Some, self.some),
            (Quantifier::None, self.none),
            (Quantifier::Every, self.every),
        ];
        each.into_iter()
            .filter_map(|(quantifier, filter)| {
                let filter = (*filter?).filter();
                Some(filter.map(|filter| Filter::Many {
                    table,
                    on,
                    quantifier,
                    filter: Box::new(filter),
                }))
            })
            .collect()
    }
}
