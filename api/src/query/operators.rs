//! The operator objects of filters, and how they become conditions.

mod compare;
mod custom;
mod id;
mod text;
mod words;

pub(crate) use compare::{BigIntFilter, DateFilter, DateTimeFilter, DecimalFilter, IntFilter};
pub(crate) use custom::CustomFieldFilter;
pub(crate) use id::{CloseIdFilter, IdFilter, parse as parse_id};
pub(crate) use text::{TextFilter, escape};
pub(crate) use words::{Word, word_enum, words};

use async_graphql::{InputType, Value as Given};

use super::filter::{Filter, Test, Value, Values};
use super::table::Column;
use crate::error::{ApiError, Result};

/// An operator object: the conditions that it puts on a column.
pub(crate) trait Operators {
    fn conditions(self, column: Column) -> Result<Vec<Filter>>;
}

/// A GraphQL value that a column can be compared with.
pub(crate) trait Operand: InputType {
    fn value(self) -> Result<Value>;
    fn values(all: Vec<Self>) -> Result<Values>;
}

/// The operators that all columns have.
#[derive(Debug)]
struct Equality<T> {
    eq: Option<T>,
    ne: Option<T>,
    any: Option<Vec<T>>,
    none: Option<Vec<T>>,
    is_null: Option<bool>,
}

impl<T: Operand> Equality<T> {
    fn tests(self) -> Result<Vec<Test>> {
        let equal =
            |operator| move |given: T| given.value().map(|value| Test::Compare(operator, value));
        let tests = [
            self.eq.map(equal("=")).transpose()?,
            self.ne.map(equal("<>")).transpose()?,
            self.any.map(T::values).transpose()?.map(Test::AnyOf),
            self.none.map(T::values).transpose()?.map(Test::NoneOf),
            self.is_null.map(Test::IsNull),
        ];
        Ok(tests.into_iter().flatten().collect())
    }
}

fn on(column: Column, tests: Vec<Test>) -> Vec<Filter> {
    let on = |test| Filter::Column(column, test);
    tests.into_iter().map(on).collect()
}

/// Reads an argument's value as its input type. A null below it is refused: left alone it would be a condition that
/// silently holds for everything.
pub(crate) fn read<T: InputType>(name: &str, value: Option<&Given>) -> Result<Option<T>> {
    let Some(value) = value else { return Ok(None) };
    refuse_nulls(&mut vec![name.to_owned()], value)?;
    T::parse(Some(value.clone())).map(Some).map_err(|error| {
        let error = error.into_server_error(async_graphql::Pos::default());
        ApiError::BadInput(error.message)
    })
}

fn refuse_nulls(path: &mut Vec<String>, value: &Given) -> Result<()> {
    match value {
        Given::Null => Err(ApiError::BadInput(format!(
            "{} is null, which is no condition: leave it out, or use isNull to find what has no value",
            path.join(".")
        ))),
        Given::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            path.push(name.to_string());
            refuse_nulls(path, value)?;
            path.pop();
            Ok(())
        }),
        Given::List(items) => items.iter().try_for_each(|item| refuse_nulls(path, item)),
        _ => Ok(()),
    }
}
