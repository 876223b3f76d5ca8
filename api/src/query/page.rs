//! Pages: the rows of a window, with counts and totals only where they are asked for.

use serde::Deserialize;

use super::compile::{At, Compiler};
use super::cursor;
use super::selection::{Child, Selection};
use super::table::{Table, Totals};
use super::window::{PageRequest, Source, Window};
use crate::error::Result;
use crate::schema::Money;

/// The JSON of a page.
pub(crate) fn compile(
    compiler: &mut Compiler<'_>,
    table: &'static Table,
    request: &PageRequest,
    source: Source<'_>,
    selection: &Selection<'_>,
) -> Result<String> {
    request.limit(compiler.max_page)?;
    let asked = selection.children(&format!("{}Connection", table.graphql));
    let is_asked = |name: &str| asked.iter().any(|child| child.name == name);
    let mut parts = Vec::new();
    if is_asked("nodes") || is_asked("edges") || is_asked("pageInfo") {
        let window = Window::open(compiler, table, request, source)?;
        parts.push(rows(compiler, &window, &asked)?);
    }
    if is_asked("totalCount") {
        let count = count(compiler, table, request, source)?;
        parts.push(format!("'totalCount', {count}"));
    }
    if let Some(totals) = &table.money
        && is_asked("totals")
    {
        let sums = sums(compiler, (table, totals), request, source)?;
        parts.push(format!("'totals', {sums}"));
    }
    Ok(format!("json_build_object({})", parts.join(", ")))
}

/// How many rows match, in SQL.
pub(crate) fn count(
    compiler: &mut Compiler<'_>,
    table: &'static Table,
    request: &PageRequest,
    source: Source<'_>,
) -> Result<String> {
    let at = source.place(compiler, table);
    let from = source.filtered(compiler, &at, request)?;
    Ok(format!("(select count(*) from {from})"))
}

/// SQL of the JSON of the sums of all rows that match, never of different currencies, nor of different kinds.
pub(crate) fn sums(
    compiler: &mut Compiler<'_>,
    (table, totals): (&'static Table, &Totals),
    request: &PageRequest,
    source: Source<'_>,
) -> Result<String> {
    let at = source.place(compiler, table);
    let from = source.filtered(compiler, &at, request)?;
    let a = &at.alias;
    let amount = totals.sum.replace("{t}", a);
    let kind = totals
        .kind
        .map_or_else(|| "null".to_owned(), |kind| format!("{a}.{kind}"));
    Ok(format!(
        "(select coalesce(json_agg(json_build_object('kind', s.kind, 'minor', s.minor, 'currency', s.currency)
                                     order by s.kind desc, s.currency), '[]')
            from (select {kind} as kind, {a}.currency, sum({amount})::text as minor
                    from {from} and {amount} is not null group by 1, {a}.currency) s)"
    ))
}

/// What is asked of the records of a page, whether by nodes or by edges.
pub(crate) fn nodes<'q>(asked: &[Child<'q>], edge: &str) -> Option<Selection<'q>> {
    let mut occurrences = Vec::new();
    for child in asked {
        match child.name {
            "nodes" => occurrences.push(child.selection.clone()),
            "edges" => {
                let below = child.selection.children(edge).into_iter();
                occurrences.extend(
                    below
                        .filter(|child| child.name == "node")
                        .map(|child| child.selection),
                );
            }
            _ => {}
        }
    }
    occurrences.into_iter().reduce(|mut all, more| {
        all.merge(more);
        all
    })
}

/// Whether the edges of a page are asked for their cursors.
fn has_cursors(asked: &[Child<'_>], edge: &str) -> bool {
    let mut edges = asked.iter().filter(|child| child.name == "edges");
    edges.any(|child| {
        let below = child.selection.children(edge);
        below.iter().any(|child| child.name == "cursor")
    })
}

/// The rows of a window with what is asked of them.
fn rows(compiler: &mut Compiler<'_>, window: &Window, asked: &[Child<'_>]) -> Result<String> {
    let At {
        table, alias: a, ..
    } = &window.row;
    let edge = format!("{}Edge", table.graphql);
    let outer = std::mem::replace(&mut compiler.multiplier, window.multiplier);
    let node = match nodes(asked, &edge) {
        Some(selection) => compiler.object(&window.row, &selection)?,
        None => "json_build_object()".to_owned(),
    };
    compiler.multiplier = outer;
    let has_cursors =
        asked.iter().any(|child| child.name == "pageInfo") || has_cursors(asked, &edge);
    let keys = if has_cursors {
        let keys = window.order.values(&window.row).into_iter();
        format!(
            "json_build_array({})",
            keys.map(|key| format!("({key})::text"))
                .collect::<Vec<_>>()
                .join(", ")
        )
    } else {
        "null".to_owned()
    };
    Ok(format!(
        "'limit', {limit}, 'backward', {backward}, 'resumed', {resumed}, 'order', '{fingerprint}',
         'rows', (select coalesce(json_agg(p.j), '[]')
                    from (select json_build_object('k', {keys}, 'n', {node}) as j from ({picked}) {a}) p)",
        limit = window.place.limit,
        backward = window.place.backward,
        resumed = window.place.resumed,
        fingerprint = window.order.fingerprint(table),
        picked = window.picked,
    ))
}

/// A row with its keys.
#[derive(Debug, Deserialize)]
pub(crate) struct RowOf<T> {
    /// Null where no cursor is asked for.
    pub k: Option<cursor::Keys>,
    pub n: T,
}

/// A page as the database answers it; one row more than `limit` says that there is another page.
#[derive(Debug, Deserialize)]
#[serde(
    default,
    rename_all = "camelCase",
    bound = "T: serde::de::DeserializeOwned, S: serde::de::DeserializeOwned"
)]
pub(crate) struct RawPage<T, S = Money> {
    pub rows: Vec<RowOf<T>>,
    pub limit: usize,
    pub backward: bool,
    pub resumed: bool,
    pub order: String,
    pub total_count: i64,
    pub totals: Vec<S>,
}

impl<T, S> Default for RawPage<T, S> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            limit: 0,
            backward: false,
            resumed: false,
            order: String::new(),
            total_count: 0,
            totals: Vec::new(),
        }
    }
}
