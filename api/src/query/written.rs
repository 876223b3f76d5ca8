//! Answers that are written straight from the columns of a statement, without values and resolvers in between.
//!
//! [`row`] and [`page`] compile what is asked into columns, and into the plan ([`write`]) by which their text becomes JSON
//! under the keys that were asked for; [`leaf`] knows from the schema how a value is written. Rows below a row travel as
//! JSON arrays of such columns. Where a field is none of these (`None` of [`written`]), the root field is resolved value
//! by value instead; a test compares both ways for every field.

mod leaf;
mod page;
mod row;
mod write;

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use bytes::Bytes;

use super::compile::{At, Compiler};
use super::run;
use super::selection::{self, Selection};
use super::table::Table;
use super::window::PageRequest;
use crate::error::{ApiError, Result};
use row::Row;

/// The value of a root field.
#[derive(Debug)]
pub(crate) enum Answered<T> {
    /// What is resolved field by field.
    Value(T),
    /// JSON of what was asked, as it stands in the answer.
    Written(Bytes),
}

impl<T: OutputType> OutputType for Answered<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        match self {
            Self::Value(value) => value.resolve(ctx, field).await,
            Self::Written(json) => Ok(Value::Binary(json.clone())),
        }
    }
}

/// Why a plan was not made.
#[derive(Debug)]
enum Unplanned {
    /// Something is asked that is not written from columns.
    Unwritten,
    Refused(ApiError),
}

impl From<ApiError> for Unplanned {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

type Planned<T> = std::result::Result<T, Unplanned>;

/// `Some` of a plan, `None` where there is none.
fn plan<T>(planned: Planned<T>) -> Result<Option<T>> {
    match planned {
        Ok(plan) => Ok(Some(plan)),
        Err(Unplanned::Unwritten) => Ok(None),
        Err(Unplanned::Refused(error)) => Err(error),
    }
}

/// Whether the answer of the field that is being resolved may be written: answers under one key are merged, and only
/// values can be.
fn is_alone(ctx: &Context<'_>) -> bool {
    selection::root_occurrences(ctx) == 1
}

/// The JSON of a page of a type; `None` where something is asked that is not written.
pub(crate) async fn list(
    ctx: &Context<'_>,
    mut compiler: Compiler<'_>,
    table: &'static Table,
    request: &PageRequest,
) -> Result<Option<Bytes>> {
    if !is_alone(ctx) {
        return Ok(None);
    }
    let planned = page::whole(&mut compiler, table, request, &Selection::of(ctx));
    let Some((sql, page)) = plan(planned)? else {
        return Ok(None);
    };
    let rows = run::rows(crate::schema::pool(ctx)?, compiler.statement(sql)).await?;
    page.json(&rows).map(Some)
}

/// What an answer says of one record: nothing of it was asked that is not written, and whether it is there.
pub(crate) enum Found {
    Written(Bytes),
    Nothing,
    /// Something is asked that is not written.
    Unwritten,
}

/// The JSON of the record that `condition` finds, `from` standing for `table alias where …`.
pub(crate) async fn one(
    ctx: &Context<'_>,
    mut compiler: Compiler<'_>,
    at: &At,
    from: &str,
) -> Result<Found> {
    if !is_alone(ctx) {
        return Ok(Found::Unwritten);
    }
    let mut row = Row::default();
    let planned = row::object(&mut compiler, &mut row, at, &Selection::of(ctx));
    let Some(object) = plan(planned)? else {
        return Ok(Found::Unwritten);
    };
    let a = &at.alias;
    let sql = row.select(&format!("(select {a}.* from {from} limit 1) {a}"));
    let rows = run::rows(crate::schema::pool(ctx)?, compiler.statement(sql)).await?;
    match rows.first() {
        Some(row) => Ok(Found::Written(object.json(row)?)),
        None => Ok(Found::Nothing),
    }
}
