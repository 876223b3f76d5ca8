//! How the columns of a row become a record.

use async_graphql::parser::types::Field;
use async_graphql::{Context, Positioned};

use super::columns::{Cell, Columns, Inner, NULL, Since};
use super::json::{Json, Key};
use super::leaf::{Leaf, MoneyField};
use super::paged::Page;
use crate::error::{ApiError, Result};
use crate::query::table::Resolve;
use crate::schema::Money;

/// How a record is written.
pub(super) struct Object(pub(super) Vec<(Key, Part)>);

/// How a field of a record is written.
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
    Composite {
        column: usize,
        resolve: Resolve,
        field: Positioned<Field>,
    },
    /// A related record from the column on that says whether it is there.
    One {
        since: usize,
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
    pub(super) fn json(&self, row: &dyn Columns, ctx: &Context<'_>) -> Result<Vec<u8>> {
        let mut json = Json::new(ctx, 512);
        self.write(&mut json, row)?;
        Ok(json.text)
    }

    pub(super) fn write(&self, json: &mut Json<'_>, row: &dyn Columns) -> Result<()> {
        json.object(&self.0, |json, part| part.write(json, row))
    }
}

impl Part {
    fn write(&self, json: &mut Json<'_>, row: &dyn Columns) -> Result<()> {
        match self {
            Self::TypeName(name) => json.value(name),
            Self::Leaf {
                column,
                leaf,
                nullable,
            } => match row.cell(*column)? {
                Some(cell) => leaf.write(json, cell),
                None => json.null(*nullable),
            },
            Self::Money {
                minor,
                currency,
                fields,
            } => {
                let minor = match row.cell(*minor)? {
                    None => return json.null(true),
                    Some(Cell::Int(minor)) => minor.into(),
                    Some(Cell::Text(minor)) => minor.parse().map_err(|_| NO_INTEGER)?,
                    Some(_) => return Err(NO_INTEGER),
                };
                let money = Money {
                    minor,
                    currency: row.text(*currency)?.ok_or(NULL)?.to_owned(),
                };
                json.object(fields, |json, field| field.write(json, &money))
            }
            Self::Composite {
                column,
                resolve,
                field,
            } => {
                let text = row.text(*column)?.unwrap_or("null");
                json.value(&resolve(text, json.ctx, field)?)
            }
            Self::One {
                since,
                object,
                nullable,
            } => match row.cell(*since)? {
                Some(_) => object.write(json, &Since(row, *since)),
                None => json.null(*nullable),
            },
            Self::Page { rows, page } => match rows {
                Some(rows) => page.write(json, &row.rows(*rows)?, row),
                None => page.write::<Inner<'_>>(json, &[], row),
            },
            Self::List { rows, object } => {
                json.array(row.rows(*rows)?, |json, row| object.write(json, &row))
            }
        }
    }
}

const NO_INTEGER: ApiError = ApiError::Defect("minor units that are no integer");
