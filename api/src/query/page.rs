//! Pages: keyset conditions, the rows of a page, counts and sums over the whole filter.
//!
//! The rows after a cursor are the union of disjoint ranges: for each key, those that equal the cursor in the keys
//! before it and come later in this one. Each range is a conjunction that an index on the order serves, nulls
//! included; "k1 > a or (k1 = a and id > b) or k1 is null" in one condition would read the index from its start.

use async_graphql::Value;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::compile::{At, Bind, Compiler, relate};
use super::cursor;
use super::filter::{Filter, parse_filter};
use super::order::{self, Key, Order};
use super::selection::{Arguments, Selection};
use super::table::{Column, Table};
use crate::error::{ApiError, Result};
use crate::schema::money::Money;

/// Rows when neither `first` nor `last` is given.
pub(crate) const DEFAULT_PAGE: i64 = 50;

/// What the arguments of a list ask for.
pub(crate) struct PageRequest {
    pub filter: Option<Box<dyn Filter>>,
    pub keys: Vec<Key>,
    first: Option<i64>,
    last: Option<i64>,
    after: Option<String>,
    before: Option<String>,
}

/// Reads the arguments of a list.
pub(crate) fn request<F: Filter + async_graphql::InputType + 'static, O: Order>(
    arguments: &Arguments,
    default: &[Key],
    unique: Column,
) -> Result<PageRequest> {
    Ok(PageRequest {
        filter: parse_filter::<F>(arguments.get("filter"))?,
        keys: order::keys::<O>(arguments.get("orderBy"), default, unique)?,
        first: count(arguments, "first")?,
        last: count(arguments, "last")?,
        after: text(arguments, "after")?,
        before: text(arguments, "before")?,
    })
}

/// Reads the arguments of a list that has one order and no filter.
pub(crate) fn plain_request(arguments: &Arguments, keys: Vec<Key>) -> Result<PageRequest> {
    Ok(PageRequest {
        filter: None,
        keys,
        first: count(arguments, "first")?,
        last: count(arguments, "last")?,
        after: text(arguments, "after")?,
        before: text(arguments, "before")?,
    })
}

fn count(arguments: &Arguments, name: &str) -> Result<Option<i64>> {
    match arguments.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) if number.as_i64().is_some_and(|count| count >= 0) => {
            Ok(number.as_i64())
        }
        Some(value) => Err(ApiError::BadInput(format!(
            "`{name}` must be a number of rows from 0 up, not {value}"
        ))),
    }
}

fn text(arguments: &Arguments, name: &str) -> Result<Option<String>> {
    match arguments.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(value) => Err(ApiError::BadInput(format!(
            "`{name}` must be a cursor, not {value}"
        ))),
    }
}

impl PageRequest {
    fn limit(&self, max: i64) -> Result<(i64, bool)> {
        let (asked, backward) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(ApiError::BadInput(
                    "give `first` or `last`, not both".to_owned(),
                ));
            }
            (Some(first), None) => (first, false),
            (None, Some(last)) => (last, true),
            (None, None) => (DEFAULT_PAGE.min(max), self.before.is_some() && self.after.is_none()),
        };
        if asked > max {
            return Err(ApiError::PageTooLarge { asked, max });
        }
        Ok((asked, backward))
    }
}

/// Where the rows of a page come from.
pub(crate) enum Source<'a> {
    /// All connections of the scope.
    Scope,
    /// Those that hang on a row.
    Below { parent: &'a At, on: &'static str },
}

/// What is asked of a page.
struct Asked<'a> {
    nodes: Option<Selection<'a>>,
    rows: bool,
    cursors: bool,
    count: bool,
    totals: bool,
}

impl<'a> Asked<'a> {
    fn of(selection: &Selection<'a>, table: &Table) -> Self {
        let mut asked = Self {
            nodes: None,
            rows: false,
            cursors: false,
            count: false,
            totals: false,
        };
        for child in selection.children(&format!("{}Connection", table.graphql)) {
            match child.name {
                "nodes" => asked.add(child.selection),
                "edges" => {
                    asked.rows = true;
                    for part in child.selection.children(&format!("{}Edge", table.graphql)) {
                        match part.name {
                            "node" => asked.add(part.selection),
                            "cursor" => asked.cursors = true,
                            _ => {}
                        }
                    }
                }
                "pageInfo" => {
                    asked.rows = true;
                    asked.cursors |= child
                        .selection
                        .children("PageInfo")
                        .iter()
                        .any(|part| part.name.ends_with("Cursor"));
                }
                "totalCount" => asked.count = true,
                "totals" => asked.totals = true,
                _ => {}
            }
        }
        asked
    }

    fn add(&mut self, selection: Selection<'a>) {
        self.rows = true;
        match &mut self.nodes {
            Some(nodes) => nodes.merge(selection),
            None => self.nodes = Some(selection),
        }
    }
}

/// A list under one filter: `from` and `where`, with and without the connections to walk.
struct List {
    at: At,
    /// `(select unnest(…))` when there are several connections to walk.
    connections: Option<String>,
    from: String,
}

impl List {
    fn new(
        compiler: &mut Compiler<'_>,
        table: &'static Table,
        filter: Option<&dyn Filter>,
        source: &Source<'_>,
    ) -> Result<Self> {
        let (at, connections, on) = match source {
            Source::Below { parent, on } => {
                let at = compiler.below(parent, table);
                let on = relate(on, parent, &at);
                (at, None, Some(on))
            }
            Source::Scope => {
                let alias = compiler.alias();
                let one = match compiler.scope.calendars() {
                    [only] => Some(only.connection),
                    _ => None,
                };
                let (connection, connections) = match one {
                    Some(id) => (compiler.bind(Bind::Uuid(id))?, None),
                    None => {
                        let scope = compiler.scope()?;
                        let each = compiler.alias();
                        let unnest = format!("unnest({scope}) {each}(id)");
                        (format!("{each}.id"), Some(unnest))
                    }
                };
                let at = At {
                    table,
                    alias,
                    connection,
                };
                (at, connections, None)
            }
        };
        let mut from = compiler.from(&at);
        if let Some(on) = on {
            from.push_str(" and ");
            from.push_str(&on);
        }
        if let Some(filter) = filter {
            let condition = filter.condition(&at, compiler)?;
            from.push_str(" and ");
            from.push_str(&condition);
        }
        Ok(Self {
            at,
            connections,
            from,
        })
    }

    /// `select {columns} from …` over the whole list.
    fn whole(&self, columns: &str) -> String {
        match &self.connections {
            None => format!("select {columns} from {}", self.from),
            Some(connections) => format!(
                "select {columns} from {connections} cross join lateral (select * from {}) {}",
                self.from, self.at.alias
            ),
        }
    }
}

/// The SQL of a page's JSON (see [`PageJson`]).
pub(crate) fn compile(
    compiler: &mut Compiler<'_>,
    table: &'static Table,
    request: &PageRequest,
    source: &Source<'_>,
    selection: &Selection<'_>,
) -> Result<String> {
    let asked = Asked::of(selection, table);
    let (limit, backward) = request.limit(compiler.max_page)?;
    let list = List::new(compiler, table, request.filter.as_deref(), source)?;
    let mut pairs = vec![format!("'limit', {limit}, 'backward', {backward}")];
    let open = if backward { &request.after } else { &request.before };
    pairs.push(format!(
        "'bounded', {}",
        if backward { request.before.is_some() } else { request.after.is_some() }
    ));
    pairs.push(format!("'closed', {}", open.is_some()));
    if asked.cursors {
        let fingerprint = order::fingerprint(table.name, &request.keys);
        let bind = compiler.bind(Bind::Text(fingerprint))?;
        pairs.push(format!("'order', {bind}::text"));
    }
    if asked.rows {
        let rows = rows(compiler, &list, request, (limit, backward), &asked)?;
        pairs.push(format!("'rows', {rows}"));
    }
    if asked.count {
        pairs.push(format!("'count', ({})", list.whole("count(*)")));
    }
    if asked.totals
        && let Some(money) = table.money
    {
        let x = &list.at.alias;
        let sums = list.whole(&format!(
            "{x}.currency as currency, sum({x}.{money})::text as minor"
        ));
        pairs.push(format!(
            "'totals', (select coalesce(json_agg(json_build_array(s.minor, s.currency) order by s.currency), '[]') \
             from ({sums} group by {x}.currency) s where s.minor is not null)"
        ));
    }
    Ok(format!("json_build_object({})", pairs.join(", ")))
}

fn rows(
    compiler: &mut Compiler<'_>,
    list: &List,
    request: &PageRequest,
    (limit, backward): (i64, bool),
    asked: &Asked<'_>,
) -> Result<String> {
    let x = &list.at.alias;
    let order = order::sql(&request.keys, x, backward);
    let (start, end) = if backward {
        (&request.before, &request.after)
    } else {
        (&request.after, &request.before)
    };
    let fingerprint = order::fingerprint(list.at.table.name, &request.keys);
    let mut from = list.from.clone();
    if let Some(end) = end {
        let values = cursor::decode(end, &fingerprint, &request.keys)?;
        let ranges = ranges(compiler, x, &request.keys, values, !backward)?;
        from.push_str(&format!(" and ({})", ranges.join(" or ")));
    }
    // One more than asked tells whether there are more.
    let more = limit + 1;
    let part = match start {
        None => format!("select {x}.* from {from} order by {order} limit {more}"),
        Some(start) => {
            let values = cursor::decode(start, &fingerprint, &request.keys)?;
            ranges(compiler, x, &request.keys, values, backward)?
                .iter()
                .map(|range| {
                    format!("(select {x}.* from {from} and {range} order by {order} limit {more})")
                })
                .collect::<Vec<_>>()
                .join(" union all ")
        }
    };
    let page = match &list.connections {
        None if start.is_none() => part,
        None => format!("select {x}.* from ({part}) {x} order by {order} limit {more}"),
        Some(connections) => format!(
            "select {x}.* from {connections} cross join lateral ({part}) {x} order by {order} limit {more}"
        ),
    };
    let rows = u64::try_from(limit).unwrap_or_default().saturating_mul(compiler.multiplier);
    compiler.spend(rows)?;
    let outer = std::mem::replace(&mut compiler.multiplier, rows.max(1));
    let at = At {
        connection: format!("{x}.{}", list.at.table.connection),
        ..list.at.clone()
    };
    let mut pairs = Vec::new();
    if asked.cursors {
        let keys: Vec<_> = request
            .keys
            .iter()
            .map(|key| format!("{x}.{}", key.column.sql))
            .collect();
        pairs.push(format!("'k', json_build_array({})", keys.join(", ")));
    }
    if let Some(nodes) = &asked.nodes {
        pairs.push(format!("'n', {}", compiler.object(&at, nodes)?));
    }
    compiler.multiplier = outer;
    let row = format!("json_build_object({})", pairs.join(", "));
    Ok(format!(
        "(select coalesce(json_agg(p.j), '[]') from (select {row} as j from ({page}) {x}) p)"
    ))
}

/// The disjoint conditions of the rows beyond the values, in the order's direction or against it.
fn ranges(
    compiler: &mut Compiler<'_>,
    alias: &str,
    keys: &[Key],
    values: Vec<Option<Bind>>,
    backward: bool,
) -> Result<Vec<String>> {
    let mut ranges = Vec::new();
    let mut equal = String::new();
    for (key, value) in keys.iter().zip(values) {
        let column = format!("{alias}.{}", key.column.sql);
        let descending = key.descending != backward;
        match value {
            // Nulls are the largest.
            None => {
                if descending {
                    ranges.push(format!("({equal}{column} is not null)"));
                }
                equal.push_str(&format!("{column} is null and "));
            }
            Some(value) => {
                let bind = compiler.bind(value)?;
                let operator = if descending { '<' } else { '>' };
                ranges.push(format!("({equal}{column} {operator} {bind})"));
                if key.column.nullable && !descending {
                    ranges.push(format!("({equal}{column} is null)"));
                }
                equal.push_str(&format!("{column} = {bind} and "));
            }
        }
    }
    if ranges.is_empty() {
        ranges.push("false".to_owned());
    }
    Ok(ranges)
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned", default)]
struct PageJson<T> {
    limit: usize,
    backward: bool,
    bounded: bool,
    closed: bool,
    order: String,
    rows: Vec<RowJson<T>>,
    count: i64,
    totals: Vec<Money>,
}

impl<T> Default for PageJson<T> {
    fn default() -> Self {
        Self {
            limit: 0,
            backward: false,
            bounded: false,
            closed: false,
            order: String::new(),
            rows: Vec::new(),
            count: 0,
            totals: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct RowJson<T> {
    #[serde(default)]
    k: Option<Box<RawValue>>,
    #[serde(default)]
    n: Option<T>,
}

/// A decoded page.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned", from = "PageJson<T>")]
pub struct Page<T> {
    pub(crate) rows: Vec<Edge<T>>,
    pub(crate) has_next: bool,
    pub(crate) has_previous: bool,
    pub(crate) count: i64,
    pub(crate) totals: Vec<Money>,
}

/// A row of a page and its place in the order.
#[derive(Debug)]
pub struct Edge<T> {
    pub(crate) node: Option<T>,
    pub(crate) cursor: String,
}

impl<T> From<PageJson<T>> for Page<T> {
    fn from(json: PageJson<T>) -> Self {
        let more = json.rows.len() > json.limit;
        let mut rows: Vec<_> = json
            .rows
            .into_iter()
            .take(json.limit)
            .map(|row| Edge {
                node: row.n,
                cursor: row
                    .k
                    .map(|values| cursor::encode(&json.order, &values))
                    .unwrap_or_default(),
            })
            .collect();
        if json.backward {
            rows.reverse();
        }
        // Behind a cursor there is at least the row that the cursor names.
        let (ahead, behind) = (more || json.closed, json.bounded);
        let (has_next, has_previous) = if json.backward {
            (behind, ahead)
        } else {
            (ahead, behind)
        };
        Self {
            rows,
            has_next,
            has_previous,
            count: json.count,
            totals: json.totals,
        }
    }
}
