//! Pages: a keyset window over exactly the declared order, with counts and totals only where they are asked for.

use async_graphql::Value;
use serde::Deserialize;

use super::compile::{At, Compiler, relate};
use super::cursor;
use super::filter::Filter;
use super::order::{Order, OrderKey};
use super::selection::{Arguments, Child, Selection};
use super::table::{Table, Totals};
use crate::error::{ApiError, Result};
use crate::schema::Money;

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

    /// The cursor behind which the page starts.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
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

    /// The size of the page.
    pub(crate) fn limit(&self, max: i64) -> Result<i64> {
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
        let nodes = nodes(&asked, &format!("{}Edge", table.graphql));
        parts.push(rows(
            compiler,
            table,
            request,
            source,
            nodes.as_ref(),
            limit,
        )?);
    }
    if is_asked("totalCount") {
        let at = place(compiler, table, source);
        let from = filtered(compiler, &at, request, source)?;
        parts.push(format!("'totalCount', (select count(*) from {from})"));
    }
    if let Some(totals) = &table.money
        && is_asked("totals")
    {
        let at = place(compiler, table, source);
        let from = filtered(compiler, &at, request, source)?;
        parts.push(self::totals(totals, &at, &from));
    }
    Ok(format!("json_build_object({})", parts.join(", ")))
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

/// The sums of all rows that match, never of different currencies, nor of different kinds.
fn totals(totals: &Totals, at: &At, from: &str) -> String {
    let a = &at.alias;
    let amount = totals.sum.replace("{t}", a);
    let kind = totals
        .kind
        .map_or_else(|| "null".to_owned(), |kind| format!("{a}.{kind}"));
    format!(
        "'totals', (select coalesce(json_agg(json_build_object('kind', s.kind, 'minor', s.minor, 'currency', s.currency)
                                     order by s.kind desc, s.currency), '[]')
            from (select {kind} as kind, {a}.currency, sum({amount})::text as minor
                    from {from} and {amount} is not null group by 1, {a}.currency) s)"
    )
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
    let from = match source {
        Source::Scope => compiler.in_scope(at)?,
        Source::Below { parent, on } => {
            format!("{} and {}", compiler.few(at), relate(on, parent, at))
        }
    };
    match &request.filter {
        Some(filter) => Ok(format!("{from} and {}", filter.compile(compiler, at)?)),
        None => Ok(from),
    }
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
    let mut from = match source {
        Source::Scope => compiler.from(&at),
        Source::Below { parent, on } => {
            format!("{} and {}", compiler.few(&at), relate(on, parent, &at))
        }
    };
    if let Some(filter) = &request.filter {
        from = format!("{from} and {}", filter.compile(compiler, &at)?);
    }
    // One row more than asked tells whether there is another page.
    let window = format!("order by {} limit {}", walked.sql(&at), limit + 1);
    let a = at.alias.clone();
    let given = request.after.as_deref().or(request.before.as_deref());
    let part = match given {
        None => format!("select {a}.* from {from} {window}"),
        Some(given) => {
            let keys = cursor::decode(given, &order, table)?;
            let ranges = cursor::behind(compiler, &at, &walked, &keys)?;
            let each = ranges
                .iter()
                .map(|range| format!("(select {a}.* from {from} and {range} {window})"));
            let union = each.collect::<Vec<_>>().join(" union all ");
            format!("select {a}.* from ({union}) {a} {window}")
        }
    };
    let picked = match source {
        Source::Below { .. } => part,
        Source::Scope => {
            let scope = compiler.scope()?;
            format!(
                "select {a}.* from unnest({scope}::uuid[]) c (id) cross join lateral ({part}) {a} {window}"
            )
        }
    };
    let size = u64::try_from(limit)
        .unwrap_or(0)
        .max(1)
        .saturating_mul(compiler.multiplier);
    compiler.spend(size)?;
    let outer = std::mem::replace(&mut compiler.multiplier, size);
    // The picked rows stand under the same alias; what hangs on them is of their own connection.
    let row = At {
        connection: format!("{a}.{}", table.connection),
        ..at
    };
    let node = match nodes {
        Some(selection) => compiler.object(&row, selection)?,
        None => "json_build_object()".to_owned(),
    };
    compiler.multiplier = outer;
    Ok(format!(
        "'limit', {limit}, 'backward', {backward}, 'resumed', {resumed}, 'order', '{fingerprint}',
         'rows', (select coalesce(json_agg(p.j), '[]')
                    from (select json_build_object('k', {keys}, 'n', {node}) as j from ({picked}) {a}) p)",
        resumed = given.is_some(),
        fingerprint = order.fingerprint(table),
        keys = order.values_sql(&row),
    ))
}

/// A row with its keys.
#[derive(Debug, Deserialize)]
pub(crate) struct RowOf<T> {
    pub k: cursor::Keys,
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
