//! Which rows a page has: a keyset window over exactly the declared order.

use async_graphql::Value;

use super::compile::{At, Compiler, relate};
use super::cursor::{self, Keys};
use super::filter::Filter;
use super::order::{Order, OrderKey};
use super::selection::Arguments;
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
#[derive(Clone, Copy)]
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

    /// The cursor behind which the page starts, or before which it ends.
    fn given(&self) -> Option<&str> {
        self.after.as_deref().or(self.before.as_deref())
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

/// How a page stands in its list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Rows of the page at most.
    pub limit: usize,
    /// Whether the rows are walked against the declared order.
    pub backward: bool,
    /// Whether it starts behind a cursor.
    pub resumed: bool,
}

/// The rows of a page in SQL.
pub(crate) struct Window {
    /// `select …` of the rows in the order in which they are walked; one more than the page has where there are more.
    pub picked: String,
    /// A picked row, where that statement stands as a subquery under the row's alias.
    pub row: At,
    /// The declared order.
    pub order: Order,
    /// That, or its reverse.
    pub walked: Order,
    pub place: Place,
    /// How often what hangs on a row may stand in the answer.
    pub multiplier: u64,
}

impl Window {
    /// The window that a request opens. Its rows count.
    pub(crate) fn open(
        compiler: &mut Compiler<'_>,
        table: &'static Table,
        request: &PageRequest,
        source: Source<'_>,
    ) -> Result<Self> {
        let limit = request.limit(compiler.max_page)?;
        let order = Order::new(&request.order, table);
        let backward = request.last.is_some();
        let walked = if backward {
            order.reversed()
        } else {
            order.clone()
        };
        let keys = request
            .given()
            .map(|given| cursor::decode(given, &order, table));
        let keys = keys.transpose()?;
        let at = source.place(compiler, table);
        let first = order.keys().first().map(|key| key.column);
        let filter = request.filter.as_ref();
        let unseen = filter.is_none_or(|filter| first.is_some_and(|first| filter.follows(first)));
        let picked = compiler.unseen(unseen && source.is_scope(), |compiler| {
            source.pick(compiler, &at, request, &walked, keys.as_ref(), limit)
        })?;
        let rows = u64::try_from(limit).unwrap_or(0);
        let multiplier = rows.max(1).saturating_mul(compiler.multiplier);
        compiler.spend(multiplier)?;
        Ok(Self {
            picked,
            // What hangs on the picked rows is of their own connection.
            row: At {
                connection: format!("{}.{}", at.alias, table.connection),
                ..at
            },
            order,
            walked,
            place: Place {
                limit: usize::try_from(limit).unwrap_or(0),
                backward,
                resumed: keys.is_some(),
            },
            multiplier,
        })
    }
}

impl Source<'_> {
    fn is_scope(self) -> bool {
        matches!(self, Self::Scope)
    }

    /// A row of it.
    pub(crate) fn place(self, compiler: &mut Compiler<'_>, table: &'static Table) -> At {
        match self {
            Self::Scope => compiler.at_scope(table),
            Self::Below { parent, .. } => compiler.below(parent, table),
        }
    }

    /// `select …` of the rows of a page in the order in which they are walked, and one row more: whether it is there tells
    /// whether there is another page.
    fn pick(
        self,
        compiler: &mut Compiler<'_>,
        at: &At,
        request: &PageRequest,
        walked: &Order,
        keys: Option<&Keys>,
        limit: i64,
    ) -> Result<String> {
        let mut at = at.clone();
        // Of several connections each is walked on its own.
        let mut scope = None;
        let mut from = match self {
            Self::Below { parent, on } => {
                format!("{} and {}", compiler.few(&at), relate(on, parent, &at))
            }
            Self::Scope => {
                let only = compiler.only_connection()?;
                if only.is_none() {
                    scope = Some(compiler.scope()?);
                }
                at.connection = only.unwrap_or_else(|| "c.id".to_owned());
                compiler.from(&at)
            }
        };
        if let Some(filter) = &request.filter {
            from = format!("{from} and {}", filter.compile(compiler, &at)?);
        }
        let (a, columns) = (&at.alias, at.columns());
        let window = format!("order by {} limit {}", walked.sql(&at), limit + 1);
        let part = match keys {
            None => format!("select {columns} from {from} {window}"),
            Some(keys) => {
                let ranges = cursor::behind(compiler, &at, walked, keys)?;
                let each = ranges
                    .iter()
                    .map(|range| format!("(select {columns} from {from} and {range} {window})"));
                let union = each.collect::<Vec<_>>().join(" union all ");
                format!("select {a}.* from ({union}) {a} {window}")
            }
        };
        let Some(scope) = scope else {
            return Ok(part);
        };
        Ok(format!(
            "select {a}.* from unnest({scope}::uuid[]) c (id) cross join lateral ({part}) {a} {window}"
        ))
    }

    /// `table alias where …` with scope, relation and filter, for counting.
    pub(crate) fn filtered(
        self,
        compiler: &mut Compiler<'_>,
        at: &At,
        request: &PageRequest,
    ) -> Result<String> {
        let from = match self {
            Self::Scope => compiler.in_scope(at)?,
            Self::Below { parent, on } => {
                format!("{} and {}", compiler.few(at), relate(on, parent, at))
            }
        };
        match &request.filter {
            Some(filter) => Ok(format!("{from} and {}", filter.compile(compiler, at)?)),
            None => Ok(from),
        }
    }
}
