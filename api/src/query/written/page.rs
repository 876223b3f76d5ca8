//! Pages: rows that are those of the statement or stand in one column, with counts and sums beside them.

use super::UNKNOWN;
use super::json::Key;
use super::leaf::MoneyField;
use super::paged::{EdgeField, InfoField, Page, PageField, TotalField, Whole};
use super::row::{self, Row, money_fields};
use crate::error::Result;
use crate::query::compile::Compiler;
use crate::query::page::{count, sums};
use crate::query::selection::{Asked, Selection};
use crate::query::table::Table;
use crate::query::window::{PageRequest, Source, Window};

/// A list and what it was asked for.
type Listed<'a> = (&'static Table, &'a PageRequest, Source<'a>);

/// The statement of a page of the root, and how it is written.
pub(super) fn whole(
    compiler: &mut Compiler<'_>,
    table: &'static Table,
    request: &PageRequest,
    selection: &Selection<'_>,
) -> Result<(String, Whole)> {
    let mut beside = Row::default();
    let listed = (table, request, Source::Scope);
    let (rows, page) = page(compiler, &mut beside, listed, selection)?;
    if let Some(rows) = &rows
        && beside.is_empty()
    {
        let (from, order) = rows.source_in_order();
        let sql = format!("{} {order}", rows.row.select(&from));
        return Ok((sql, Whole::Rows(page)));
    }
    let rows = rows.map(|rows| beside.column(rows.array()));
    Ok((beside.select("(select) r"), Whole::Row { rows, page }))
}

/// A page below a record, whose columns are added to a row: that of its rows, and how it is written.
pub(super) fn below(
    compiler: &mut Compiler<'_>,
    row: &mut Row,
    listed: Listed<'_>,
    selection: &Selection<'_>,
) -> Result<(Option<usize>, Page)> {
    let (rows, page) = page(compiler, row, listed, selection)?;
    let rows = rows.map(|rows| row.column(rows.array()));
    Ok((rows, page))
}

/// The rows of a page, and what is asked of each.
struct Rows {
    window: Window,
    row: Row,
}

impl Rows {
    /// The rows as a subquery, and their order.
    fn source_in_order(&self) -> (String, String) {
        let Window {
            picked,
            row,
            walked,
            ..
        } = &self.window;
        let from = format!("({picked}) {}", row.alias);
        (from, format!("order by {}", walked.sql(row)))
    }

    /// All of them as one column.
    fn array(&self) -> String {
        let (from, order) = self.source_in_order();
        self.row.array(&from, &order)
    }
}

fn page(
    compiler: &mut Compiler<'_>,
    beside: &mut Row,
    (table, request, source): Listed<'_>,
    selection: &Selection<'_>,
) -> Result<(Option<Rows>, Page)> {
    request.limit(compiler.max_page)?;
    let type_name = format!("{}Connection", table.graphql);
    let asked = selection.asked(&type_name);
    let mut rows = None;
    if asked
        .iter()
        .any(|asked| matches!(asked.name, "nodes" | "edges" | "pageInfo"))
    {
        let window = Window::open(compiler, table, request, source)?;
        let row = Row::default();
        rows = Some(Rows { window, row });
    }
    let mut page = Page::of(rows.as_ref().map(|rows| &rows.window));
    for asked in &asked {
        let field = match (asked.name, &mut rows) {
            ("__typename", _) => PageField::TypeName(type_name.clone()),
            ("totalCount", _) => {
                let count = count(compiler, table, request, source)?;
                PageField::Count(beside.column(count))
            }
            ("totals", _) => {
                let totals = table.money.as_ref().ok_or(UNKNOWN)?;
                let sums = sums(compiler, (table, totals), request, source)?;
                let column = beside.column(sums);
                PageField::Totals(column, total_fields(table, asked)?)
            }
            (_, Some(rows)) => of_rows(compiler, rows, &mut page, asked)?,
            _ => return Err(UNKNOWN),
        };
        page.fields.push((Key::new(asked.key), field));
    }
    Ok((rows, page))
}

/// A field of a page that its rows answer.
fn of_rows(
    compiler: &mut Compiler<'_>,
    rows: &mut Rows,
    page: &mut Page,
    asked: &Asked<'_>,
) -> Result<PageField> {
    let Rows { window, row } = rows;
    let mut node = |selection: &Selection<'_>, row: &mut Row| {
        let outer = std::mem::replace(&mut compiler.multiplier, window.multiplier);
        let object = row::object(compiler, row, &window.row, selection);
        compiler.multiplier = outer;
        object
    };
    let mut cursors = |row: &mut Row| {
        let keys = window.order.values(&window.row).into_iter();
        page.keys = keys.map(|key| row.column(key)).collect();
    };
    match asked.name {
        "nodes" => Ok(PageField::Nodes(node(&asked.selection, row)?)),
        "edges" => {
            let type_name = format!("{}Edge", window.row.table.graphql);
            let mut fields = Vec::new();
            for asked in asked.selection.asked(&type_name) {
                let field = match asked.name {
                    "__typename" => EdgeField::TypeName(type_name.clone()),
                    "cursor" => {
                        cursors(row);
                        EdgeField::Cursor
                    }
                    "node" => EdgeField::Node(node(&asked.selection, row)?),
                    _ => return Err(UNKNOWN),
                };
                fields.push((Key::new(asked.key), field));
            }
            Ok(PageField::Edges(fields))
        }
        "pageInfo" => {
            cursors(row);
            let fields = asked.selection.asked("PageInfo").into_iter().map(|asked| {
                let field = InfoField::of(asked.name).ok_or(UNKNOWN)?;
                Ok((Key::new(asked.key), field))
            });
            Ok(PageField::Info(fields.collect::<Result<_>>()?))
        }
        _ => Err(UNKNOWN),
    }
}

/// What is asked of a sum, whose type also has the fields of money.
fn total_fields(table: &Table, asked: &Asked<'_>) -> Result<Vec<(Key, TotalField)>> {
    let has_kind = table
        .money
        .as_ref()
        .is_some_and(|totals| totals.kind.is_some());
    if !has_kind {
        let fields = money_fields(&asked.selection)?.into_iter();
        return Ok(fields
            .map(|(key, field)| (key, TotalField::Money(field)))
            .collect());
    }
    let type_name = format!("{}Total", table.graphql);
    let fields = asked.selection.asked(&type_name).into_iter().map(|asked| {
        let field = match asked.name {
            "__typename" => TotalField::TypeName(type_name.clone()),
            "kind" => TotalField::Kind,
            name => TotalField::Money(MoneyField::of(name).ok_or(UNKNOWN)?),
        };
        Ok((Key::new(asked.key), field))
    });
    fields.collect()
}
