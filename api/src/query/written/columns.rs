//! The text of the columns of a row, wherever the row stands.

use std::borrow::Cow;

use serde::Deserialize;
use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};

use crate::error::{ApiError, Result};

/// Null where there is a value always.
pub(super) const NULL: ApiError = ApiError::Defect("a null where the schema has none");

/// The columns of a row.
pub(super) trait Columns {
    /// `None` is null.
    fn text(&self, column: usize) -> Result<Option<&str>>;

    /// The rows that stand in a column.
    fn rows(&self, column: usize) -> Result<Vec<Inner<'_>>> {
        let text = self.text(column)?.ok_or(NULL)?;
        serde_json::from_str(text).map_err(ApiError::Answer)
    }
}

impl Columns for PgRow {
    fn text(&self, column: usize) -> Result<Option<&str>> {
        let value = self.try_get_raw(column)?;
        if value.is_null() {
            return Ok(None);
        }
        let text = value.as_str();
        text.map(Some)
            .map_err(|error| ApiError::Database(sqlx::Error::Decode(error)))
    }
}

/// A row that stands in a column of another one.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Inner<'a>(#[serde(borrow)] Vec<Option<Text<'a>>>);

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Columns for Inner<'_> {
    fn text(&self, column: usize) -> Result<Option<&str>> {
        let text = self.0.get(column);
        let text = text.ok_or(ApiError::Defect("a column that was not compiled"))?;
        Ok(text.as_ref().map(|text| text.0.as_ref()))
    }
}

/// The columns of a row from one on.
pub(super) struct Since<'a>(pub(super) &'a dyn Columns, pub(super) usize);

impl Columns for Since<'_> {
    fn text(&self, column: usize) -> Result<Option<&str>> {
        self.0.text(self.1 + column)
    }
}
