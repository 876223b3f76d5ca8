//! Filters: input objects that compile to a condition on the row at hand.

use async_graphql::{InputObject, InputType, Value};

use super::compile::{At, Compiler, relate};
use super::table::Table;
use crate::error::{ApiError, Result};

/// A filter input; its condition is never SQL null where `not` needs the complement (`is not true`).
pub(crate) trait Filter: Send + Sync {
    fn condition(&self, at: &At, compiler: &mut Compiler<'_>) -> Result<String>;
}

/// Reads a `filter` argument.
pub(crate) fn parse_filter<F: Filter + InputType + 'static>(
    value: Option<&Value>,
) -> Result<Option<Box<dyn Filter>>> {
    match value {
        None => Ok(None),
        Some(value) => match F::parse(Some(value.clone())) {
            Ok(filter) => Ok(Some(Box::new(filter))),
            Err(error) => Err(ApiError::BadInput(format!(
                "`filter`: {}",
                error.into_server_error(async_graphql::Pos::default()).message
            ))),
        },
    }
}

/// Conditions on the records that hang on this one.
#[derive(Debug, InputObject)]
#[graphql(
    concrete(name = "PeopleFilter", params(crate::schema::person::PersonFilter)),
    concrete(
        name = "OpportunitiesFilter",
        params(crate::schema::opportunity::OpportunityFilter)
    ),
    concrete(
        name = "TransactionsFilter",
        params(crate::schema::transaction::TransactionFilter)
    )
)]
pub struct ListFilter<F: InputType> {
    /// At least one of them matches; `{}` means that there is one.
    pub(crate) some: Option<F>,
    /// Not one of them matches.
    pub(crate) none: Option<F>,
    /// All of them match; true when there are none.
    pub(crate) every: Option<F>,
}

impl<F: InputType + Filter> ListFilter<F> {
    pub(crate) fn conditions(
        &self,
        (table, on): (&'static Table, &str),
        at: &At,
        compiler: &mut Compiler<'_>,
        out: &mut Vec<String>,
    ) -> Result<()> {
        if let Some(filter) = &self.some {
            out.push(format!("exists ({})", related(filter, (table, on), at, compiler, "is true")?));
        }
        if let Some(filter) = &self.none {
            out.push(format!(
                "not exists ({})",
                related(filter, (table, on), at, compiler, "is true")?
            ));
        }
        if let Some(filter) = &self.every {
            out.push(format!(
                "not exists ({})",
                related(filter, (table, on), at, compiler, "is not true")?
            ));
        }
        Ok(())
    }
}

/// `select 1 from {table} where {related and in the same connection} and ({condition}) {truth}`.
pub(crate) fn related(
    filter: &dyn Filter,
    (table, on): (&'static Table, &str),
    at: &At,
    compiler: &mut Compiler<'_>,
    truth: &str,
) -> Result<String> {
    let below = compiler.below(at, table);
    let on = relate(on, at, &below);
    let condition = filter.condition(&below, compiler)?;
    let from = compiler.from(&below);
    // `x is true` hides x from the planner, so it stands only where nulls matter.
    let condition = match truth {
        "is true" => condition,
        _ => format!("({condition}) {truth}"),
    };
    Ok(format!("select 1 from {from} and {on} and {condition}"))
}

/// All of the conditions.
pub(crate) fn all(conditions: &[String]) -> String {
    match conditions {
        [] => "true".to_owned(),
        [one] => one.clone(),
        several => format!("({})", several.join(" and ")),
    }
}

/// `and`, `or` and `not` of a filter.
pub(crate) fn combine<F: Filter>(
    (and, or, not): (Option<&[F]>, Option<&[F]>, Option<&F>),
    at: &At,
    compiler: &mut Compiler<'_>,
    out: &mut Vec<String>,
) -> Result<()> {
    for filter in and.unwrap_or_default() {
        out.push(filter.condition(at, compiler)?);
    }
    match or {
        None => {}
        Some([]) => out.push("false".to_owned()),
        Some(filters) => {
            let any = filters
                .iter()
                .map(|filter| filter.condition(at, compiler))
                .collect::<Result<Vec<_>>>()?;
            out.push(format!("({})", any.join(" or ")));
        }
    }
    if let Some(filter) = not {
        out.push(format!("({}) is not true", filter.condition(at, compiler)?));
    }
    Ok(())
}

/// Declares a filter: its columns with their operators, its relations, and `and`, `or`, `not`.
macro_rules! filter {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$doc:meta])* $field:ident: $operators:ty = $sql:literal,)+
    } one {
        $($(#[$one_doc:meta])* $one:ident: $one_filter:ident = $one_table:path, $one_on:literal;)*
    } many {
        $($(#[$many_doc:meta])* $many:ident: $many_filter:ident = $many_table:path, $many_on:literal;)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, async_graphql::InputObject)]
        pub struct $name {
            $($(#[$doc])* $field: Option<$operators>,)+
            $($(#[$one_doc])* $one: Option<Box<$one_filter>>,)*
            $($(#[$many_doc])* $many: Option<Box<$crate::query::filter::ListFilter<$many_filter>>>,)*
            /// All of these match.
            and: Option<Vec<$name>>,
            /// At least one of these matches; an empty list matches nothing.
            or: Option<Vec<$name>>,
            /// This does not match.
            not: Option<Box<$name>>,
        }

        impl $crate::query::filter::Filter for $name {
            fn condition(
                &self,
                at: &$crate::query::compile::At,
                compiler: &mut $crate::query::compile::Compiler<'_>,
            ) -> $crate::error::Result<String> {
                use $crate::query::operators::Operators;
                let mut out = Vec::new();
                $(if let Some(operators) = &self.$field {
                    operators.conditions($sql, at, compiler, &mut out)?;
                })+
                $(if let Some(filter) = &self.$one {
                    let related = $crate::query::filter::related(
                        filter.as_ref(), (&$one_table, $one_on), at, compiler, "is true",
                    )?;
                    out.push(format!("exists ({related})"));
                })*
                $(if let Some(filter) = &self.$many {
                    filter.conditions((&$many_table, $many_on), at, compiler, &mut out)?;
                })*
                $crate::query::filter::combine(
                    (self.and.as_deref(), self.or.as_deref(), self.not.as_deref()),
                    at, compiler, &mut out,
                )?;
                Ok($crate::query::filter::all(&out))
            }
        }
    };
}
pub(crate) use filter;
