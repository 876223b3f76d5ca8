//! How rows become a page.

use async_graphql::Context;
use serde::Deserialize;
use sqlx::postgres::PgRow;

use super::columns::{Cell, Columns, Inner, NULL};
use super::json::{Json, Key};
use super::leaf::{Leaf, MoneyField};
use super::write::Object;
use crate::error::{ApiError, Result};
use crate::query::cursor;
use crate::query::window::{Place, Window};
use crate::schema::Money;

/// How a page is written.
pub(super) struct Page {
    place: Place,
    /// Names the order in cursors.
    fingerprint: String,
    /// The columns of a row that a cursor carries.
    pub(super) keys: Vec<usize>,
    pub(super) fields: Vec<(Key, PageField)>,
}

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

pub(super) enum EdgeField {
    TypeName(String),
    Cursor,
    Node(Object),
}

#[derive(Clone, Copy)]
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
    fn write(&self, json: &mut Json<'_>, total: &Total) -> Result<()> {
        match self {
            Self::TypeName(name) => json.value(name),
            Self::Kind => {
                let kind = total.kind.as_deref().ok_or(NULL)?;
                Leaf::Word.write(json, Cell::Text(kind))
            }
            Self::Money(field) => field.write(json, &total.money),
        }
    }
}

/// The rows of a page that are shown, in its order.
struct Shown<'a, R> {
    rows: Vec<&'a R>,
    /// Whether others stand next to them in the direction of the walk.
    has_more: bool,
}

impl Page {
    /// A page of the rows of a window, of none where nothing of them is asked.
    pub(super) fn of(window: Option<&Window>) -> Self {
        let fingerprint = window.map(|window| window.order.fingerprint(window.row.table));
        Self {
            place: window.map(|window| window.place).unwrap_or_default(),
            fingerprint: fingerprint.unwrap_or_default(),
            keys: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// The page of these rows; counts and sums stand in another one.
    pub(super) fn write<R: Columns>(
        &self,
        json: &mut Json<'_>,
        rows: &[R],
        beside: &dyn Columns,
    ) -> Result<()> {
        let mut shown = Shown {
            rows: rows.iter().take(self.place.limit).collect(),
            has_more: rows.len() > self.place.limit,
        };
        if self.place.backward {
            shown.rows.reverse();
        }
        json.object(&self.fields, |json, field| match field {
            PageField::TypeName(name) => json.value(name),
            PageField::Nodes(object) => {
                json.array(&shown.rows, |json, row| object.write(json, *row))
            }
            PageField::Edges(edge) => {
                json.array(&shown.rows, |json, row| self.edge(json, edge, *row))
            }
            PageField::Info(info) => {
                json.object(info, |json, field| self.info(json, *field, &shown))
            }
            PageField::Count(column) => {
                Leaf::Literal.write(json, beside.cell(*column)?.ok_or(NULL)?)
            }
            PageField::Totals(column, asked) => {
                let text = beside.text(*column)?.ok_or(NULL)?;
                let totals: Vec<Total> = serde_json::from_str(text).map_err(ApiError::Answer)?;
                json.array(&totals, |json, total| {
                    json.object(asked, |json, field| field.write(json, total))
                })
            }
        })
    }

    fn edge(
        &self,
        json: &mut Json<'_>,
        fields: &[(Key, EdgeField)],
        row: &dyn Columns,
    ) -> Result<()> {
        json.object(fields, |json, field| match field {
            EdgeField::TypeName(name) => json.value(name),
            EdgeField::Cursor => json.value(&self.cursor(row)?),
            EdgeField::Node(object) => object.write(json, row),
        })
    }

    fn info<R: Columns>(
        &self,
        json: &mut Json<'_>,
        field: InfoField,
        shown: &Shown<'_, R>,
    ) -> Result<()> {
        let Place {
            backward, resumed, ..
        } = self.place;
        let (next, previous) = if backward {
            (resumed, shown.has_more)
        } else {
            (shown.has_more, resumed)
        };
        let cursor = |row: Option<&&R>| row.map(|row| self.cursor(*row)).transpose();
        match field {
            InfoField::TypeName => json.value("PageInfo"),
            InfoField::HasNext => json.value(&next),
            InfoField::HasPrevious => json.value(&previous),
            InfoField::Start => json.value(&cursor(shown.rows.first())?),
            InfoField::End => json.value(&cursor(shown.rows.last())?),
        }
    }

    fn cursor(&self, row: &dyn Columns) -> Result<String> {
        let keys = self.keys.iter();
        let keys = keys.map(|column| Ok(row.cell(*column)?.map(|cell| cell.to_string())));
        Ok(cursor::encode(
            &self.fingerprint,
            &keys.collect::<Result<Vec<_>>>()?,
        ))
    }
}

/// How the rows of a statement become a page.
pub(super) enum Whole {
    /// They are the rows of the page.
    Rows(Page),
    /// There is one, with the rows of the page in a column.
    Row { rows: Option<usize>, page: Page },
}

impl Whole {
    pub(super) fn json(&self, rows: &[PgRow], ctx: &Context<'_>) -> Result<Vec<u8>> {
        let mut json = Json::new(ctx, 1024 + 128 * rows.len());
        match self {
            Self::Rows(page) => page.write(&mut json, rows, &Inner::default())?,
            Self::Row { rows: column, page } => {
                let none = ApiError::Defect("a statement without an answer");
                let row = rows.first().ok_or(none)?;
                match column {
                    Some(column) => page.write(&mut json, &row.rows(*column)?, row)?,
                    None => page.write::<PgRow>(&mut json, &[], row)?,
                }
            }
        }
        Ok(json.text)
    }
}
