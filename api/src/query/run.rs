//! Executing a compiled statement: one row, one column of JSON, decoded from its bytes.

use std::collections::BTreeMap;

use async_graphql::Context;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row};

use super::selection::argument_key;
use super::sessions::Reader;
use super::statement::{Bind, Statement};
use crate::error::{ApiError, Result};

/// Counter of the statements that resolvers executed.
pub const STATEMENTS: &str = "closegraph_api_sql_statements_total";

/// The decoded answer of a statement; `None` for SQL null.
pub(crate) async fn fetch<T: DeserializeOwned>(
    reader: Reader<'_>,
    statement: Statement,
) -> Result<Option<T>> {
    let query = query(statement);
    let row = reader.run(async |session| query.fetch_one(session).await);
    decode(&row.await?)
}

/// The decoded answer of a statement that changes what it was compiled to change.
pub(crate) async fn decide<T: DeserializeOwned>(
    pool: &PgPool,
    statement: Statement,
) -> Result<Option<T>> {
    decode(&query(statement).fetch_one(pool).await?)
}

fn decode<T: DeserializeOwned>(row: &PgRow) -> Result<Option<T>> {
    let value = row.try_get_raw(0)?;
    if sqlx::ValueRef::is_null(&value) {
        return Ok(None);
    }
    let bytes = value
        .as_bytes()
        .map_err(|error| ApiError::Database(sqlx::Error::Decode(error)))?;
    serde_json::from_slice(bytes)
        .map(Some)
        .map_err(ApiError::Answer)
}

/// The rows of a statement.
pub(crate) async fn rows(reader: Reader<'_>, statement: Statement) -> Result<Vec<PgRow>> {
    let query = query(statement);
    let rows = reader.run(async |session| query.fetch_all(session).await);
    rows.await
}

/// A statement that is about to run.
fn query<'q>(statement: Statement) -> Query<'q, Postgres, PgArguments> {
    metrics::counter!(STATEMENTS).increment(1);
    crate::live::kept::note(&statement.sql);
    tracing::debug!(sql = %statement.sql, "statement");
    // The text is put together from our own tables of columns; values are binds.
    let query = sqlx::query(AssertSqlSafe(statement.sql));
    statement.binds.into_iter().fold(query, bind_value)
}

fn bind_value<'q>(
    query: Query<'q, Postgres, PgArguments>,
    bind: Bind,
) -> Query<'q, Postgres, PgArguments> {
    match bind {
        Bind::Uuid(value) => query.bind(value),
        Bind::Uuids(values) => query.bind(values),
        Bind::Text(value) => query.bind(value),
        Bind::Texts(values) => query.bind(values),
        Bind::Int(value) => query.bind(value),
        Bind::Ints(values) => query.bind(values),
        Bind::Number(value) => query.bind(value.to_string()),
        Bind::Numbers(values) => {
            query.bind(values.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
        Bind::Date(value) => query.bind(value),
        Bind::Dates(values) => query.bind(values),
        Bind::Instant(value) => query.bind(value),
        Bind::Instants(values) => query.bind(values),
    }
}

/// The answers to one field, by its arguments (see [`argument_key`]).
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Answers<T>(BTreeMap<String, T>);

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Answers<T> {
    /// The answer to the field that is being resolved.
    pub(crate) fn get(&self, ctx: &Context<'_>) -> Result<&T> {
        self.0.get(&argument_key(ctx)).ok_or(ApiError::Defect(
            "a relation was resolved that was not compiled",
        ))
    }
}
