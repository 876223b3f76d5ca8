//! How the columns of rows become JSON: plans without SQL.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use sqlx::Row as _;
use sqlx::ValueRef as _;
use sqlx::postgres::PgRow;

use super::leaf::{Leaf, MoneyField, quoted};
use crate::error::{ApiError, Result};
use crate::query::cursor;
use crate::query::window::{Place, Window};
use crate::schema::Money;

/// The text of the columns of a row.
pub(super) trait Columns {
    /// `None` is null.
    fn text(&self, column: usize) -> Result<Option<&str>>;
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
#[derive(Deserialize)]
#[serde(transparent)]
struct Inner<'a>(#[serde(borrow)] Vec<Option<Text<'a>>>);

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Columns for Inner<'_> {
    fn text(&self, column: usize) -> Result<Option<&str>> {
        let text = self.0.get(column).ok_or(MISSING)?;
        Ok(text.as_ref().map(|text| text.0.as_ref()))
    }
}

const MISSING: ApiError = ApiError::Defect("a column that was not compiled");
const NULL: ApiError = ApiError::Defect("a null where the schema has none");

/// The columns from one on.
struct From<'a>(&'a dyn Columns, usize);

impl Columns for From<'_> {
    fn text(&self, column: usize) -> Result<Option<&str>> {
        self.0.text(self.1 + column)
    }
}

/// The rows in a column.
fn inner(row: &dyn Columns, column: usize) -> Result<Vec<Inner<'_>>> {
    let text = row.text(column)?.ok_or(NULL)?;
    serde_json::from_str(text).map_err(ApiError::Answer)
}

/// A key of an object with its colon.
#[derive(Debug)]
pub(super) struct Key(String);

impl Key {
    /// A response key, which is a name.
    pub(super) fn new(name: &str) -> Self {
        Self(format!("\"{name}\":"))
    }
}

/// An object of these keys, each written by `each`.
fn fields<T>(
    out: &mut Vec<u8>,
    fields: &[(Key, T)],
    mut each: impl FnMut(&mut Vec<u8>, &T) -> Result<()>,
) -> Result<()> {
    out.push(b'{');
    for (place, (key, field)) in fields.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key.0.as_bytes());
        each(out, field)?;
    }
    out.push(b'}');
    Ok(())
}

/// An array of these, each written by `each`.
fn items<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T) -> Result<()>,
) -> Result<()> {
    out.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        each(out, item)?;
    }
    out.push(b']');
    Ok(())
}

/// How a record is written.
#[derive(Debug)]
pub(super) struct Object(pub(super) Vec<(Key, Part)>);

/// How a field of a record is written.
#[derive(Debug)]
pub(super) enum Part {
    TypeName(&'static str),
    Leaf {
        column: usize,
        leaf: Leaf,
        nullable: bool,
    },
    Money {
        minor: usize,
        currency: usize,
        fields: Vec<(Key, MoneyField)>,
    },
    /// A related record from the column on that says whether it is there.
    One {
        base: usize,
        object: Object,
        nullable: bool,
    },
    Page {
        rows: Option<usize>,
        page: Page,
    },
    List {
        rows: usize,
        object: Object,
    },
}

impl Object {
    pub(super) fn json(&self, row: &dyn Columns) -> Result<Bytes> {
        let mut out = Vec::with_capacity(512);
        self.write(&mut out, row)?;
        Ok(out.into())
    }

    fn write(&self, out: &mut Vec<u8>, row: &dyn Columns) -> Result<()> {
        fields(out, &self.0, |out, part| part.write(out, row))
    }
}

impl Part {
    fn write(&self, out: &mut Vec<u8>, row: &dyn Columns) -> Result<()> {
        match self {
            Self::TypeName(name) => quoted(out, name),
            Self::Leaf {
                column,
                leaf,
                nullable,
            } => match row.text(*column)? {
                Some(text) => leaf.write(out, text),
                None => null(out, *nullable),
            },
            Self::Money {
                minor,
                currency,
                fields: asked,
            } => {
                let Some(minor) = row.text(*minor)? else {
                    return null(out, true);
                };
                let currency = row.text(*currency)?.ok_or(NULL)?.to_owned();
                let minor = minor
                    .parse()
                    .map_err(|_| ApiError::Defect("no whole number"))?;
                let money = Money { minor, currency };
                fields(out, asked, |out, field| field.write(out, &money))
            }
            Self::One {
                base,
                object,
                nullable,
            } => match row.text(*base)? {
                Some(_) => object.write(out, &From(row, *base)),
                None => null(out, *nullable),
            },
            Self::Page { rows, page } => match rows {
                Some(rows) => page.write(out, &inner(row, *rows)?, row),
                None => page.write::<Inner<'_>>(out, &[], row),
            },
            Self::List { rows, object } => {
                items(out, inner(row, *rows)?, |out, row| object.write(out, &row))
            }
        }
    }
}

fn null(out: &mut Vec<u8>, nullable: bool) -> Result<()> {
    if !nullable {
        return Err(NULL);
    }
    out.extend_from_slice(b"null");
    Ok(())
}

/// How a page is written.
#[derive(Debug)]
pub(super) struct Page {
    place: Place,
    /// Names the order in cursors.
    fingerprint: String,
    /// The columns of a row that a cursor carries.
    pub(super) keys: Vec<usize>,
    pub(super) fields: Vec<(Key, PageField)>,
}

#[derive(Debug)]
pub(super) enum PageField {
    TypeName(String),
    Nodes(Object),
    Edges(Vec<(Key, EdgeField)>),
    Info(Vec<(Key, InfoField)>),
    /// The column, beside the rows, that has the count.
    Count(usize),
    /// The column, beside the rows, that has the sums.
    Totals(usize, Vec<(Key, TotalField)>),
}

#[derive(Debug)]
pub(super) enum EdgeField {
    TypeName(String),
    Cursor,
    Node(Object),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum InfoField {
    TypeName,
    HasNext,
    HasPrevious,
    Start,
    End,
}

impl InfoField {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "__typename" => Self::TypeName,
            "hasNextPage" => Self::HasNext,
            "hasPreviousPage" => Self::HasPrevious,
            "startCursor" => Self::Start,
            "endCursor" => Self::End,
            _ => return None,
        })
    }
}

/// What can be asked of a sum.
#[derive(Debug)]
pub(super) enum TotalField {
    TypeName(String),
    Kind,
    Money(MoneyField),
}

/// A sum as Postgres tells it.
#[derive(Deserialize)]
struct Total {
    kind: Option<String>,
    #[serde(flatten)]
    money: Money,
}

impl TotalField {
    fn write(&self, out: &mut Vec<u8>, total: &Total) -> Result<()> {
        match self {
            Self::TypeName(name) => quoted(out, name),
            Self::Kind => Leaf::Word.write(out, total.kind.as_deref().ok_or(NULL)?),
            Self::Money(field) => field.write(out, &total.money),
        }
    }
}

impl Page {
    /// A page of the rows of a window, of none where nothing of them is asked.
    pub(super) fn of(window: Option<&Window>) -> Self {
        let place = window.map(|window| window.place);
        let fingerprint = window.map(|window| window.order.fingerprint(window.row.table));
        Self {
            place: place.unwrap_or_default(),
            fingerprint: fingerprint.unwrap_or_default(),
            keys: Vec::new(),
            fields: Vec::new(),
        }
    }

    fn write<R: Columns>(&self, out: &mut Vec<u8>, rows: &[R], beside: &dyn Columns) -> Result<()> {
        let has_more = rows.len() > self.place.limit;
        let mut shown: Vec<&R> = rows.iter().take(self.place.limit).collect();
        if self.place.backward {
            shown.reverse();
        }
        fields(out, &self.fields, |out, field| match field {
            PageField::TypeName(name) => quoted(out, name),
            PageField::Nodes(object) => items(out, &shown, |out, row| object.write(out, *row)),
            PageField::Edges(edge) => items(out, &shown, |out, row| {
                fields(out, edge, |out, field| match field {
                    EdgeField::TypeName(name) => quoted(out, name),
                    EdgeField::Cursor => quoted(out, &self.cursor(*row)?),
                    EdgeField::Node(object) => object.write(out, *row),
                })
            }),
            PageField::Info(info) => fields(out, info, |out, field| {
                self.info(out, *field, &shown, has_more)
            }),
            PageField::Count(column) => {
                Leaf::Literal.write(out, beside.text(*column)?.ok_or(NULL)?)
            }
            PageField::Totals(column, asked) => {
                let text = beside.text(*column)?.ok_or(NULL)?;
                let totals: Vec<Total> = serde_json::from_str(text).map_err(ApiError::Answer)?;
                items(out, &totals, |out, total| {
                    fields(out, asked, |out, field| field.write(out, total))
                })
            }
        })
    }

    fn info<R: Columns>(
        &self,
        out: &mut Vec<u8>,
        field: InfoField,
        shown: &[&R],
        has_more: bool,
    ) -> Result<()> {
        let Place {
            backward, resumed, ..
        } = self.place;
        let (next, previous) = if backward {
            (resumed, has_more)
        } else {
            (has_more, resumed)
        };
        let cursor = |out: &mut Vec<u8>, row: Option<&&R>| match row {
            Some(row) => quoted(out, &self.cursor(*row)?),
            None => null(out, true),
        };
        match field {
            InfoField::TypeName => quoted(out, "PageInfo"),
            InfoField::HasNext => Leaf::Literal.write(out, if next { "true" } else { "false" }),
            InfoField::HasPrevious => {
                Leaf::Literal.write(out, if previous { "true" } else { "false" })
            }
            InfoField::Start => cursor(out, shown.first()),
            InfoField::End => cursor(out, shown.last()),
        }
    }

    fn cursor(&self, row: &dyn Columns) -> Result<String> {
        let keys = self
            .keys
            .iter()
            .map(|column| Ok(row.text(*column)?.map(str::to_owned)));
        Ok(cursor::encode(
            &self.fingerprint,
            &keys.collect::<Result<Vec<_>>>()?,
        ))
    }
}

/// How the rows of a statement become a page.
#[derive(Debug)]
pub(super) enum Whole {
    /// They are the rows of the page.
    Rows(Page),
    /// There is one, with the rows of the page in a column.
    Row { rows: Option<usize>, page: Page },
}

impl Whole {
    pub(super) fn json(&self, rows: &[PgRow]) -> Result<Bytes> {
        let mut out = Vec::with_capacity(1024 + 128 * rows.len());
        match self {
            Self::Rows(page) => page.write(&mut out, rows, &Inner(Vec::new()))?,
            Self::Row { rows: place, page } => {
                let row = rows
                    .first()
                    .ok_or(ApiError::Defect("a statement without an answer"))?;
                match place {
                    Some(place) => page.write(&mut out, &inner(row, *place)?, row)?,
                    None => page.write::<PgRow>(&mut out, &[], row)?,
                }
            }
        }
        Ok(out.into())
    }
}
