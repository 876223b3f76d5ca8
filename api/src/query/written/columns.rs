//! The columns of a row, wherever the row stands.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use sqlx::postgres::{PgRow, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Postgres, Row, TypeInfo, ValueRef};
use uuid::Uuid;

use crate::error::{ApiError, Result};

/// Null where there is a value always.
pub(super) const NULL: ApiError = ApiError::Defect("a null where the schema has none");

/// What a column holds.
#[derive(Debug, PartialEq)]
pub(super) enum Cell<'a> {
    /// Of any type.
    Text(&'a str),
    Int(i64),
    Bool(bool),
    Uuid(Uuid),
    Date(NaiveDate),
    Instant(DateTime<Utc>),
}

/// As cursors show it, and as Postgres does.
impl fmt::Display for Cell<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Int(number) => number.fmt(formatter),
            Self::Bool(value) => value.fmt(formatter),
            Self::Uuid(id) => id.fmt(formatter),
            Self::Date(day) => day.fmt(formatter),
            Self::Instant(at) => at.to_rfc3339().fmt(formatter),
        }
    }
}

/// The columns of a row.
pub(super) trait Columns {
    /// `None` is null.
    fn cell(&self, column: usize) -> Result<Option<Cell<'_>>>;

    /// The text of a column that is text or JSON.
    fn text(&self, column: usize) -> Result<Option<&str>> {
        match self.cell(column)? {
            Some(Cell::Text(text)) => Ok(Some(text)),
            None => Ok(None),
            Some(_) => Err(ApiError::Defect("a column that is no text")),
        }
    }

    /// The rows that stand in a column.
    fn rows(&self, column: usize) -> Result<Vec<Inner<'_>>> {
        let text = self.text(column)?.ok_or(NULL)?;
        serde_json::from_str(text).map_err(ApiError::Answer)
    }
}

impl Columns for PgRow {
    fn cell(&self, column: usize) -> Result<Option<Cell<'_>>> {
        let value = self.try_get_raw(column)?;
        if value.is_null() {
            return Ok(None);
        }
        let ty = value.type_info().into_owned();
        let cell = cell(value, &ty).map_err(|error| ApiError::Database(sqlx::Error::Decode(error)));
        cell.map(Some)
    }
}

fn cell<'r>(value: PgValueRef<'r>, ty: &PgTypeInfo) -> Result<Cell<'r>, sqlx::error::BoxDynError> {
    fn as_is<'r, T: Decode<'r, Postgres>>(
        value: PgValueRef<'r>,
    ) -> Result<T, sqlx::error::BoxDynError> {
        T::decode(value)
    }
    Ok(match ty.name() {
        "TEXT" | "VARCHAR" | "JSON" => Cell::Text(value.as_str()?),
        "UUID" => Cell::Uuid(as_is(value)?),
        "INT8" => Cell::Int(as_is(value)?),
        "INT4" => Cell::Int(as_is::<i32>(value)?.into()),
        "INT2" => Cell::Int(as_is::<i16>(value)?.into()),
        "BOOL" => Cell::Bool(as_is(value)?),
        "DATE" => Cell::Date(as_is(value)?),
        "TIMESTAMPTZ" => Cell::Instant(as_is(value)?),
        other => return Err(format!("a column of the type {other}").into()),
    })
}

/// A row that stands in a column of another one: texts all.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Inner<'a>(#[serde(borrow)] Vec<Option<Text<'a>>>);

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Columns for Inner<'_> {
    fn cell(&self, column: usize) -> Result<Option<Cell<'_>>> {
        let text = self.0.get(column);
        let text = text.ok_or(ApiError::Defect("a column that was not compiled"))?;
        Ok(text.as_ref().map(|text| Cell::Text(text.0.as_ref())))
    }
}

/// The columns of a row from one on.
pub(super) struct Since<'a>(pub(super) &'a dyn Columns, pub(super) usize);

impl Columns for Since<'_> {
    fn cell(&self, column: usize) -> Result<Option<Cell<'_>>> {
        self.0.cell(self.1 + column)
    }
}
