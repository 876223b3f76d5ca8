//! Operators of ids.

use async_graphql::{ID, InputObject};
use uuid::Uuid;

use super::compare::operand;
use super::{Equality, Operand, Operators, on};
use crate::error::{ApiError, Result};
use crate::query::filter::{Filter, Value, Values};
use crate::query::table::Column;

/// Reads an id of this deployment.
pub(crate) fn parse(id: &ID) -> Result<Uuid> {
    id.parse().map_err(|_| {
        ApiError::BadInput(format!(
            "{:?} is no id of ours, which is a UUID as `id` gives it; Close's own ids go into closeId",
            id.as_str()
        ))
    })
}

operand!(ID as Uuid, |given| parse(&given));

/// Compares ids; all that is given must hold.
#[derive(Debug, InputObject)]
pub(crate) struct IdFilter {
    /// Equal.
    eq: Option<ID>,
    /// Different, or without a value.
    ne: Option<ID>,
    /// Equal to one of these.
    r#in: Option<Vec<ID>>,
    /// Different from all of these, or without a value.
    not_in: Option<Vec<ID>>,
}

impl Operators for IdFilter {
    fn conditions(self, column: Column) -> Result<Vec<Filter>> {
        let equality = Equality {
            eq: self.eq,
            ne: self.ne,
            any: self.r#in,
            none: self.not_in,
            is_null: None,
        };
        Ok(on(column, equality.tests()?))
    }
}

/// Compares ids of Close; all that is given must hold.
#[derive(Debug, InputObject)]
pub(crate) struct CloseIdFilter {
    /// Equal.
    eq: Option<String>,
    /// Different.
    ne: Option<String>,
    /// Equal to one of these.
    r#in: Option<Vec<String>>,
    /// Different from all of these.
    not_in: Option<Vec<String>>,
}

impl CloseIdFilter {
    pub(crate) fn conditions(self) -> Vec<Filter> {
        let one = |id: Option<String>| id.map(|id| Filter::CloseIds(vec![id]));
        let many = |ids: Option<Vec<String>>| ids.map(Filter::CloseIds);
        let not = |filter: Option<Filter>| filter.map(|filter| Filter::Not(Box::new(filter)));
        let all = [
            one(self.eq),
            not(one(self.ne)),
            many(self.r#in),
            not(many(self.not_in)),
        ];
        all.into_iter().flatten().collect()
    }
}
