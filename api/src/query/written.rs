//! Answers of root fields, written straight from the columns of a statement, without values and resolvers in between.
//!
//! [`row`] and [`page`] compile what is asked into columns and into the plan ([`write`], [`paged`]) by which they become
//! JSON under the keys that were asked for; [`leaf`] knows from the schema how a value is written. Rows below a row travel
//! as an array of records of such columns ([`columns`]). Other types, such as what a change tells of, are resolved value by
//! value; a test compares both ways for every field.

mod columns;
mod json;
mod leaf;
mod page;
mod paged;
mod row;
mod write;

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, OutputType, Positioned, ServerError, ServerResult, Value,
};
use bytes::Bytes;
use futures::FutureExt;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::compile::{At, Compiler};
use super::run;
use super::selection::Selection;
use super::table::Table;
use super::together::Lookup;
use super::window::PageRequest;
use crate::error::{ApiError, Result};
use row::Row;

/// JSON of what was asked of a `T`, as it stands in the answer.
#[derive(Debug)]
pub(crate) struct Written<T> {
    json: Bytes,
    of: PhantomData<fn() -> T>,
}

impl<T> Written<T> {
    fn new(json: Vec<u8>) -> Self {
        Self {
            json: json.into(),
            of: PhantomData,
        }
    }
}

impl<T: OutputType> OutputType for Written<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Binary(self.json.clone()))
    }
}

/// What stands in no table's description, although the schema has it.
const UNKNOWN: ApiError = ApiError::Defect("a field that no column answers");

/// A page of a type.
pub(crate) async fn list<T>(
    ctx: &Context<'_>,
    mut compiler: Compiler<'_>,
    table: &'static Table,
    request: &PageRequest,
) -> Result<Written<T>> {
    let selection = Selection::of_root(ctx);
    let (sql, page) = page::whole(&mut compiler, table, request, &selection)?;
    let rows = run::rows(crate::schema::reader(ctx)?, compiler.statement(sql)).await?;
    Ok(Written::new(page.json(&rows, ctx)?))
}

/// One of all that connections have, in this order.
pub(crate) async fn all<T>(
    ctx: &Context<'_>,
    mut compiler: Compiler<'_>,
    at: &At,
    order: &str,
) -> Result<Vec<Written<T>>> {
    let mut row = Row::default();
    let object = row::object(&mut compiler, &mut row, at, &Selection::of_root(ctx))?;
    let from = compiler.in_scope(at)?;
    let (a, columns) = (&at.alias, at.columns());
    let sql = row.select(&format!("(select {columns} from {from}) {a}"));
    let sql = format!("{sql} order by {a}.{order}");
    let rows = run::rows(crate::schema::reader(ctx)?, compiler.statement(sql)).await?;
    let written = rows
        .iter()
        .map(|row| Ok(Written::new(object.json(row, ctx)?)));
    written.collect()
}

/// Rows below a record up to which it is looked for together with others: more would let those wait, and so would what is
/// computed of rows.
const FEW: u64 = 100;

/// The record of an id.
pub(crate) async fn by_id<T>(
    ctx: &Context<'_>,
    mut compiler: Compiler<'_>,
    at: &At,
    id: Uuid,
) -> Result<Option<Written<T>>> {
    let mut row = Row::default();
    let object = row::object(&mut compiler, &mut row, at, &Selection::of_root(ctx))?;
    let (a, columns) = (&at.alias, at.columns());
    let own = row.column(format!("{a}.id"));
    let (sought, ids) = compiler.bind_ids(vec![id])?;
    let from = compiler.in_scope(at)?;
    let sql = row.select(&format!(
        "(select {columns} from {from} and {a}.id = any({sought}::uuid[])) {a}"
    ));
    let is_small = compiler.spent() <= FEW && !row.computes();
    let statement = compiler.statement(sql);
    let reader = crate::schema::reader(ctx)?;
    let found = if is_small {
        let lookup = Lookup {
            statement,
            ids,
            own,
        };
        reader.find(lookup, id).await?
    } else {
        let mut rows = run::rows(reader, statement).await?;
        rows.pop().map(Arc::new)
    };
    let found = found.map(|row| Ok(Written::new(object.json(&*row, ctx)?)));
    found.transpose()
}

/// The record that is found by a condition, `from` standing for `table alias where …`.
pub(crate) async fn one<T>(
    ctx: &Context<'_>,
    mut compiler: Compiler<'_>,
    at: &At,
    from: &str,
) -> Result<Option<Written<T>>> {
    let mut row = Row::default();
    let object = row::object(&mut compiler, &mut row, at, &Selection::of_root(ctx))?;
    let (a, columns) = (&at.alias, at.columns());
    let sql = row.select(&format!("(select {columns} from {from} limit 1) {a}"));
    let rows = run::rows(crate::schema::reader(ctx)?, compiler.statement(sql)).await?;
    let found = rows
        .first()
        .map(|row| Ok(Written::new(object.json(row, ctx)?)));
    found.transpose()
}

/// What is asked of a composite field, from its JSON. Its types wait for nothing.
pub(crate) fn composite<T: DeserializeOwned + OutputType>(
    json: &str,
    ctx: &Context<'_>,
    field: &Positioned<Field>,
) -> Result<Value> {
    let value: T = serde_json::from_str(json).map_err(ApiError::Answer)?;
    let ctx = ctx.with_selection_set(&field.node.selection_set);
    let resolved = value.resolve(&ctx, field).now_or_never();
    let resolved = resolved.ok_or(ApiError::Defect("a composite field that waits"))?;
    resolved.map_err(|error: ServerError| match error.source::<ApiError>() {
        Some(inner) if inner.is_public() => ApiError::BadInput(error.message),
        _ => ApiError::Defect("a composite field can't be answered"),
    })
}
