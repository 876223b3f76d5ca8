//! The columns of a row: what is asked of a record, with what hangs on it.

use super::json::Key;
use super::leaf::{Known, MoneyField};
use super::write::{Object, Part};
use super::{UNKNOWN, page};
use crate::error::{ApiError, Result};
use crate::query::compile::{At, Compiler, LIST_ROWS, relate};
use crate::query::selection::{Asked, Selection};
use crate::query::table::{Amount, Composite, List, Many, One};
use crate::query::window::Source;

/// Columns of a row at most, a little below what Postgres allows a statement.
const MAX_COLUMNS: usize = 1_600;

/// How a column begins that holds the records below a record.
const ARRAY: &str = "array(";

/// Columns of a statement, and the joins that they need.
#[derive(Default)]
pub(super) struct Row {
    columns: Vec<String>,
    joins: Vec<String>,
}

impl Row {
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The place of a column.
    pub(super) fn column(&mut self, sql: String) -> usize {
        if let Some(known) = self.columns.iter().position(|column| *column == sql) {
            return known;
        }
        self.columns.push(sql);
        self.columns.len() - 1
    }

    /// Whether a column is computed of other rows, of which nobody knows how many they are; records below a record are not.
    pub(super) fn computes(&self) -> bool {
        let mut columns = self.columns.iter();
        columns.any(|column| !column.starts_with(ARRAY) && column.contains("select "))
    }

    /// `select …` of the columns, from a table or subquery with its alias.
    pub(super) fn select(&self, from: &str) -> String {
        let columns = match self.columns.as_slice() {
            [] => "true".to_owned(),
            columns => columns.join(", "),
        };
        format!("select {columns} from {from}{}", self.joins.concat())
    }

    /// SQL of all rows as one array of records; `behind` is what follows FROM and its joins.
    pub(super) fn array(&self, from: &str, behind: &str) -> String {
        format!(
            "{ARRAY}select row({}) from {from}{} {behind})",
            self.columns.join(", "),
            self.joins.concat()
        )
    }
}

/// The plan of a record, whose columns are added to a row.
pub(super) fn object(
    compiler: &mut Compiler<'_>,
    row: &mut Row,
    at: &At,
    selection: &Selection<'_>,
) -> Result<Object> {
    let mut parts = Vec::new();
    for asked in selection.asked(at.table.graphql) {
        let part = part(compiler, row, at, &asked)?;
        parts.push((Key::new(asked.key), part));
    }
    if row.columns.len() > MAX_COLUMNS {
        return Err(ApiError::BadInput(format!(
            "a record is asked for {} values, those of records that belong to it among them; at most {MAX_COLUMNS} are \
             allowed: ask for less at once",
            row.columns.len()
        )));
    }
    Ok(Object(parts))
}

fn part(compiler: &mut Compiler<'_>, row: &mut Row, at: &At, asked: &Asked<'_>) -> Result<Part> {
    let table = at.table;
    let name = asked.name;
    if name == "__typename" {
        return Ok(Part::TypeName(table.graphql));
    }
    if let Some(field) = table.fields.iter().find(|field| field.0 == name) {
        let known = Known::of(table.graphql, name).ok_or(UNKNOWN)?;
        let leaf = known.leaf.ok_or(UNKNOWN)?;
        let sql = field.1.replace("{t}", &at.alias);
        let column = row.column(sql);
        return Ok(Part::Leaf {
            column,
            leaf,
            nullable: known.nullable,
        });
    }
    if let Some(Composite(_, sql, resolve)) = table.composites.iter().find(|field| field.0 == name)
    {
        let sql = sql.replace("{t}", &at.alias);
        return Ok(Part::Composite {
            column: row.column(format!("to_json({sql})")),
            resolve: *resolve,
            field: asked.selection.whole().ok_or(UNKNOWN)?,
        });
    }
    if let Some(amount) = table.amounts.iter().find(|amount| amount.field == name) {
        return money(row, at, amount, asked);
    }
    if let Some(relation) = table.one.iter().find(|relation| relation.field == name) {
        return one(compiler, row, at, relation, asked);
    }
    if let Some(relation) = table.many.iter().find(|relation| relation.field == name) {
        return many(compiler, row, at, relation, asked);
    }
    let relation = table.lists.iter().find(|relation| relation.field == name);
    list(compiler, row, at, relation.ok_or(UNKNOWN)?, asked)
}

fn money(row: &mut Row, at: &At, amount: &Amount, asked: &Asked<'_>) -> Result<Part> {
    let minor = amount.minor.replace("{t}", &at.alias);
    Ok(Part::Money {
        minor: row.column(minor),
        currency: row.column(format!("{}.currency", at.alias)),
        fields: money_fields(&asked.selection)?,
    })
}

/// What is asked of an amount.
pub(super) fn money_fields(selection: &Selection<'_>) -> Result<Vec<(Key, MoneyField)>> {
    let asked = selection.asked("Money").into_iter().map(|asked| {
        let field = MoneyField::of(asked.name).ok_or(UNKNOWN)?;
        Ok((Key::new(asked.key), field))
    });
    asked.collect()
}

/// The related row stands beside the row; a column says whether it is there.
fn one(
    compiler: &mut Compiler<'_>,
    row: &mut Row,
    at: &At,
    one: &One,
    asked: &Asked<'_>,
) -> Result<Part> {
    let below = compiler.below(at, one.table);
    let on = relate(one.on, at, &below);
    let mut related = Row::default();
    related.column("true".to_owned());
    let object = object(compiler, &mut related, &below, &asked.selection)?;
    let joined = compiler.alias();
    let names: Vec<String> = (0..related.columns.len())
        .map(|place| format!("c{place}"))
        .collect();
    let named = related.columns.iter().zip(&names);
    let columns: Vec<String> = named
        .map(|(sql, name)| format!("{sql} as {name}"))
        .collect();
    // A key finds one row at most, and is spared the limit, which would not let the join be an outer one of the plan.
    let limit = if is_key(one.on) { "" } else { " limit 1" };
    let from = compiler.joined(&below, &related.joins.concat());
    row.joins.push(format!(
        " left join lateral (select {} from {from} and {on}{limit}) {joined} on true",
        columns.join(", "),
    ));
    let since = row.columns.len();
    row.columns
        .extend(names.iter().map(|name| format!("{joined}.{name}")));
    let known = Known::of(at.table.graphql, one.field);
    let nullable = known.is_none_or(|known| known.nullable);
    Ok(Part::One {
        since,
        object,
        nullable,
    })
}

/// Whether the related row is the one whose id stands in a column.
fn is_key(on: &str) -> bool {
    let column = on.strip_prefix("{x}.id = {t}.");
    column.is_some_and(|column| {
        column
            .chars()
            .all(|sign| sign.is_ascii_lowercase() || sign == '_')
    })
}

fn many(
    compiler: &mut Compiler<'_>,
    row: &mut Row,
    at: &At,
    many: &Many,
    asked: &Asked<'_>,
) -> Result<Part> {
    let request = (many.page)(&asked.selection.arguments())?;
    let source = Source::Below {
        parent: at,
        on: many.on,
    };
    let listed = (many.table, &request, source);
    let (rows, page) = page::below(compiler, row, listed, &asked.selection)?;
    Ok(Part::Page { rows, page })
}

fn list(
    compiler: &mut Compiler<'_>,
    row: &mut Row,
    at: &At,
    list: &List,
    asked: &Asked<'_>,
) -> Result<Part> {
    let size = compiler.multiplier.saturating_mul(LIST_ROWS);
    compiler.spend(size)?;
    let outer = std::mem::replace(&mut compiler.multiplier, size);
    let below = compiler.below(at, list.table);
    let mut listed = Row::default();
    let object = object(compiler, &mut listed, &below, &asked.selection)?;
    compiler.multiplier = outer;
    let on = relate(list.on, at, &below);
    let order = relate(list.order, at, &below);
    let (a, columns) = (&below.alias, below.columns());
    let few = compiler.few(&below);
    let from = format!("(select {columns} from {few} and {on}) {a}");
    let rows = row.column(listed.array(&from, &format!("order by {order}")));
    Ok(Part::List { rows, object })
}
