//! Pages: a keyset window over exactly the declared order, with counts and totals only where they are asked for.

use async_graphql::Value;
use serde::Deserialize;

use super::compile::{At, Compiler, relate};
use super::cursor;
use super::filter::Filter;
use super::order::{Order, OrderKey};
use super::selection::{Arguments, Selection};
use super::table::Table;
use crate::error::{ApiError, Result};

/// Rows of a page that names no size.
pub(crate) const DEFAULT_PAGE: i64 = 50;

/// What a list field was asked for.
#[derive(Debug, Default)]
pub(crate) struct PageRequest {
    first: Option<i64>,
    after: Option<String>,
    last: Option<i64>,
    before: Option<String>,
    filter: Option<Filter>,
    order: Vec<OrderKey>,
}

/// Where the rows of a page come from.
pub(crate) enum Source<'a> {
    /// All connections of the scope.
    Scope,
    /// The rows that hang on one row.
    Below { parent: &'a At, on: &'a str },
}

impl PageRequest {
    /// Reads the paging arguments; `filter` and `order` were read by the type they belong to.
    pub(crate) fn new(
        arguments: &Arguments,
        filter: Option<Filter>,
        order: Vec<OrderKey>,
    ) -> Result<Self> {
        let number = |name: &str| match arguments.get(name) {
            Some(Value::Number(number)) => number.as_i64(),
            _ => None,
        };
        let text = |name: &str| match arguments.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let request = Self {
            first: number("first"),
            after: text("after"),
            last: number("last"),
            before: text("before"),
            filter,
            order,
        };
        request.check()
    }

    /// The same with an order for when none was asked for.
    pub(crate) fn or_order(mut self, order: impl crate::schema::OrderInput) -> Self {
        if self.order.is_empty() {
            self.order.push(order.key());
        }
        self
    }

    fn check(self) -> Result<Self> {
        let bad = |message: &str| Err(ApiError::BadInput(message.to_owned()));
        if self.first.is_some() && self.last.is_some() {
            return bad("use either first or last, not both");
        }
        if self.first.or(self.last).is_some_and(|size| size < 0) {
            return bad("first and last are 0 or more");
        }
        if self.after.is_some() && self.last.is_some() {
            return bad("after goes with first; last goes with before");
        }
        if self.before.is_some() && self.last.is_none() {
            return bad("before goes with last");
        }
        Ok(self)
    }

    fn limit(&self, max: i64) -> Result<i64> {
        let asked = self.first.or(self.last).unwrap_or(DEFAULT_PAGE.min(max));
        if asked > max {
            return Err(ApiError::PageTooLarge { asked, max });
        }
        Ok(asked)
    }
}

/// The JSON of a page.
pub(crate) fn compile(
    compiler: &mut Compiler<'_>,
    table: &'static Table,
    request: &PageRequest,
    source: &Source<'_>,
    selection: &Selection<'_>,
) -> Result<String> {
    let limit = request.limit(compiler.max_page)?;
    let asked = selection.children(&format!("{}Connection", table.graphql));
    let is_asked = |name: &str| asked.iter().any(|child| child.name == name);
    let mut parts = Vec::new();
    if is_asked("nodes") || is_asked("edges") || is_asked("pageInfo") {
        let mut nodes: Option<Selection<'_>> = None;
        let mut add = |more: Selection<'_>| match &mut nodes {
            Some(known) => known.merge(more),
            None => nodes = Some(more),
        };
        let edge = format!("{}Edge", table.graphql);
        for child in &asked {
            match child.name {
                "nodes" => add(child.selection.clone()),
                "edges" => child
                    .selection
                    .children(&edge)
                    .into_iter()
                    .filter(|child| child.name == "node")
                    .for_each(|child| add(child.selection)),
                _ => {}
            }
        }
        parts.push(rows(
            compiler,
            table,
            request,
            source,
            nodes.as_ref(),
            limit,
        )?);
    }
    for (name, json) in [("totalCount", "count(*)"), ("totals", "")] {
        if !is_asked(name) {
            continue;
        }
        let at = place(compiler, table, source);
        let from = filtered(compiler, &at, request, source)?;
        match (name, table.money) {
            ("totals", Some(money)) => parts.push(format!(
                "'totals', (select coalesce(json_agg(json_build_object('minor', s.minor, 'currency', s.currency)
                                             order by s.currency), '[]')
                    from (select {a}.currency, coalesce(sum({a}.{money}), 0)::bigint as minor
                            from {from} group by {a}.currency) s)",
                a = at.alias
            )),
            ("totals", None) => {}
            _ => parts.push(format!("'{name}', (select {json} from {from})")),
        }
    }
    Ok(format!("json_build_object({})", parts.join(", ")))
}

fn place(compiler: &mut Compiler<'_>, table: &'static Table, source: &Source<'_>) -> At {
    match source {
        Source::Scope => compiler.at_scope(table),
        Source::Below { parent, .. } => compiler.below(parent, table),
    }
}

/// `table alias where …` with scope, relation and filter, for counting.
fn filtered(
    compiler: &mut Compiler<'_>,
    at: &At,
    request: &PageRequest,
    source: &Source<'_>,
) -> Result<String> {
    let mut from = match source {
        Source::Scope => compiler.from_scope(at)?,
        Source::Below { parent, on } => {
            format!("{} and {}", compiler.from(at), relate(on, parent, at))
        }
    };
    if let Some(filter) = &request.filter {
        let condition = filter.compile(compiler, at)?;
        from = format!("{from} and {condition}");
    }
    Ok(from)
}

fn rows(
    compiler: &mut Compiler<'_>,
    table: &'static Table,
    request: &PageRequest,
    source: &Source<'_>,
    nodes: Option<&Selection<'_>>,
    limit: i64,
) -> Result<String> {
    let order = Order::new(&request.order, table);
    let fingerprint = order.fingerprint();
    let backward = request.last.is_some();
    let walked = if backward {
        order.reversed()
    } else {
        order.clone()
    };
    let mut at = place(compiler, table, source);
    if matches!(source, Source::Scope) {
        at.connection = "c.id".to_owned();
    }
    let mut from = compiler.from(&at);
    if let Source::Below { parent, on } = source {
        from = format!("{from} and {}", relate(on, parent, &at));
    }
    if let Some(filter) = &request.filter {
        from = format!("{from} and {}", filter.compile(compiler, &at)?);
    }
    let given = request.after.as_deref().or(request.before.as_deref());
    if let Some(given) = given {
        let keys = cursor::decode(given, &order)?;
        from = format!(
            "{from} and {}",
            cursor::behind(compiler, &at, &walked, &keys)?
        );
    }
    // One row more than asked tells whether there is another page.
    let window = format!("order by {} limit {}", walked.sql(&at), limit + 1);
    let a = &at.alias;
    let picked = match source {
        Source::Below { .. } => format!("select {a}.* from {from} {window}"),
        Source::Scope => {
            let scope = compiler.scope()?;
            format!(
                "select {a}.* from unnest({scope}::uuid[]) c (id)
                  cross join lateral (select {a}.* from {from} {window}) {a} {window}"
            )
        }
    };
    let size = u64::try_from(limit).unwrap_or(0).max(1);
    compiler.spend(compiler.multiplier.saturating_mul(size))?;
    let outer = compiler.multiplier;
    compiler.multiplier = outer.saturating_mul(size);
    let node = match nodes {
        Some(selection) => compiler.object(&at, selection)?,
        None => "json_build_object()".to_owned(),
    };
    compiler.multiplier = outer;
    Ok(format!(
        "'limit', {limit}, 'backward', {backward}, 'resumed', {resumed}, 'order', '{fingerprint}',
         'rows', (select coalesce(json_agg(json_build_object('k', {keys}, 'n', {node})), '[]')
                    from ({picked}) {a})",
        resumed = given.is_some(),
        keys = order.values_sql(&at),
    ))
}

/// A sum of a page's whole filter.
#[derive(Debug, Deserialize)]
pub(crate) struct Total {
    pub minor: i64,
    pub currency: String,
}

/// A row with its keys.
#[derive(Debug, Deserialize)]
pub(crate) struct RowOf<T> {
    pub k: cursor::Keys,
    pub n: T,
}

/// A page as the database answers it; one row more than `limit` says that there is another page.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RawPage<T> {
    pub rows: Vec<RowOf<T>>,
    pub limit: usize,
    pub backward: bool,
    pub resumed: bool,
    pub order: String,
    pub total_count: i64,
    pub totals: Vec<Total>,
}

impl<T> Default for RawPage<T> {
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
