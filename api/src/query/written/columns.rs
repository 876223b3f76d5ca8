//! The columns of a row, wherever the row stands: one of the statement's, or one of an array in a column of another. Both
//! come as Postgres's binary values, with the types that they have there.

use std::fmt;

use bytes::Buf;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use sqlx::postgres::PgRow;
use sqlx::postgres::types::Oid;
use sqlx::{Row, ValueRef};
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
    fn rows(&self, column: usize) -> Result<Vec<Inner<'_>>>;
}

impl Columns for PgRow {
    fn cell(&self, column: usize) -> Result<Option<Cell<'_>>> {
        value(self, column)?.map(Value::cell).transpose()
    }

    fn rows(&self, column: usize) -> Result<Vec<Inner<'_>>> {
        value(self, column)?.ok_or(NULL)?.rows()
    }
}

fn value(row: &PgRow, column: usize) -> Result<Option<Value<'_>>> {
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(None);
    }
    let ty = value.type_info().oid();
    let Oid(ty) = ty.ok_or(ApiError::Defect("a column of a type without a number"))?;
    let bytes = value
        .as_bytes()
        .map_err(|error| ApiError::Database(sqlx::Error::Decode(error)))?;
    Ok(Some(Value { ty, bytes }))
}

/// A value as Postgres sends it.
#[derive(Clone, Copy)]
struct Value<'a> {
    /// The number of its type, which is the same in every Postgres.
    ty: u32,
    bytes: &'a [u8],
}

const BOOL: u32 = 16;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const JSON: u32 = 114;
/// Of a text in our own statements.
const UNKNOWN: u32 = 705;
const VARCHAR: u32 = 1043;
const DATE: u32 = 1082;
const TIMESTAMPTZ: u32 = 1184;
const RECORDS: u32 = 2287;
const UUID: u32 = 2950;

const CUT: ApiError = ApiError::Defect("a value that ends early");
const OTHER: ApiError = ApiError::Defect("a column of a type that is not read");
/// Postgres counts days and microseconds from here.
const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

impl<'a> Value<'a> {
    fn cell(self) -> Result<Cell<'a>> {
        let mut bytes = self.bytes;
        Ok(match self.ty {
            TEXT | VARCHAR | JSON | UNKNOWN => {
                let text = std::str::from_utf8(bytes);
                Cell::Text(text.map_err(|_| ApiError::Defect("a text that is no UTF-8"))?)
            }
            UUID => Cell::Uuid(Uuid::from_slice(bytes).map_err(|_| CUT)?),
            INT8 => Cell::Int(bytes.try_get_i64().map_err(|_| CUT)?),
            INT4 => Cell::Int(bytes.try_get_i32().map_err(|_| CUT)?.into()),
            INT2 => Cell::Int(bytes.try_get_i16().map_err(|_| CUT)?.into()),
            BOOL => Cell::Bool(bytes.try_get_u8().map_err(|_| CUT)? != 0),
            DATE => Cell::Date(day(bytes.try_get_i32().map_err(|_| CUT)?)?),
            TIMESTAMPTZ => Cell::Instant(instant(bytes.try_get_i64().map_err(|_| CUT)?)?),
            _ => return Err(OTHER),
        })
    }

    /// The rows of an array of records.
    fn rows(self) -> Result<Vec<Inner<'a>>> {
        if self.ty != RECORDS {
            return Err(OTHER);
        }
        let mut rest = self.bytes;
        let dimensions = rest.try_get_i32().map_err(|_| CUT)?;
        // Whether it has nulls, and the type of its entries.
        rest.try_get_u64().map_err(|_| CUT)?;
        if dimensions == 0 {
            return Ok(Vec::new());
        }
        let count = rest.try_get_i32().map_err(|_| CUT)?;
        // The place of the first.
        rest.try_get_i32().map_err(|_| CUT)?;
        let rows = (0..count).map(|_| Inner::read(take(&mut rest)?.ok_or(NULL)?));
        rows.collect()
    }
}

/// What a length stands before; `None` is null.
fn take<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>> {
    let Ok(length) = usize::try_from(rest.try_get_i32().map_err(|_| CUT)?) else {
        return Ok(None);
    };
    let (taken, behind) = rest.split_at_checked(length).ok_or(CUT)?;
    *rest = behind;
    Ok(Some(taken))
}

/// A day so many days after Postgres's first.
fn day(days: i32) -> Result<NaiveDate> {
    let distance = Days::new(days.unsigned_abs().into());
    let day = match days {
        0.. => EPOCH.checked_add_days(distance),
        _ => EPOCH.checked_sub_days(distance),
    };
    day.ok_or(ApiError::Defect("a day that is none"))
}

/// The instant so many microseconds after Postgres's first day began.
fn instant(microseconds: i64) -> Result<DateTime<Utc>> {
    let start = EPOCH.and_time(chrono::NaiveTime::MIN).and_utc();
    let instant = start.checked_add_signed(TimeDelta::microseconds(microseconds));
    instant.ok_or(ApiError::Defect("an instant that is none"))
}

/// A row that stands in a column of another one.
#[derive(Default)]
pub(super) struct Inner<'a>(Vec<Option<Value<'a>>>);

impl<'a> Inner<'a> {
    fn read(mut record: &'a [u8]) -> Result<Self> {
        let count = record.try_get_i32().map_err(|_| CUT)?;
        let columns = (0..count).map(|_| {
            let ty = record.try_get_u32().map_err(|_| CUT)?;
            Ok(take(&mut record)?.map(|bytes| Value { ty, bytes }))
        });
        Ok(Self(columns.collect::<Result<_>>()?))
    }

    fn value(&self, column: usize) -> Result<Option<Value<'a>>> {
        let value = self.0.get(column).copied();
        value.ok_or(ApiError::Defect("a column that was not compiled"))
    }
}

impl Columns for Inner<'_> {
    fn cell(&self, column: usize) -> Result<Option<Cell<'_>>> {
        self.value(column)?.map(Value::cell).transpose()
    }

    fn rows(&self, column: usize) -> Result<Vec<Inner<'_>>> {
        self.value(column)?.ok_or(NULL)?.rows()
    }
}

/// The columns of a row from one on.
pub(super) struct Since<'a>(pub(super) &'a dyn Columns, pub(super) usize);

impl Columns for Since<'_> {
    fn cell(&self, column: usize) -> Result<Option<Cell<'_>>> {
        self.0.cell(self.1 + column)
    }

    fn rows(&self, column: usize) -> Result<Vec<Inner<'_>>> {
        self.0.rows(self.1 + column)
    }
}
