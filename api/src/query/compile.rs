//! The compiler of one statement: its binds, its aliases, its scope, and the JSON of a row.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::custom::{self, Definition, FieldName};
use super::page;
use super::parts::As;
use super::selection::{Child, Selection};
use super::table::Table;
use super::window::Source;
use crate::error::{ApiError, Result};
use crate::scope::Scope;

/// A value sent beside the statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bind {
    Uuid(Uuid),
    Uuids(Vec<Uuid>),
    Text(String),
    Texts(Vec<String>),
    Int(i64),
    Ints(Vec<i64>),
    /// As text: see [`Compiler::bind`].
    Number(Decimal),
    Numbers(Vec<Decimal>),
    Date(NaiveDate),
    Dates(Vec<NaiveDate>),
    Instant(DateTime<Utc>),
    Instants(Vec<DateTime<Utc>>),
}

impl Bind {
    /// The type in Postgres of a single value.
    fn single(&self) -> Option<&'static str> {
        Some(match self {
            Self::Uuid(_) => "uuid",
            Self::Text(_) => "text",
            Self::Int(_) => "bigint",
            Self::Number(_) => "numeric",
            Self::Date(_) => "date",
            Self::Instant(_) => "timestamptz",
            _ => return None,
        })
    }
}

/// A value that is known only when the statement runs.
fn unseen(place: &str, ty: &str) -> String {
    format!("(select {place}::{ty})")
}

/// A statement ready to run.
#[derive(Debug)]
pub(crate) struct Statement {
    pub sql: String,
    pub binds: Vec<Bind>,
}

/// The row at hand in SQL, and the expression that its connection equals.
#[derive(Clone)]
pub(crate) struct At {
    pub table: &'static Table,
    pub alias: String,
    pub connection: String,
}

/// Values in one statement; far below the 65,535 of the protocol.
const MAX_BINDS: usize = 2_000;
/// Different arguments for one field of one row; json_build_object takes 100 arguments.
const MAX_VARIANTS: usize = 40;
/// Rows that a list without pages counts as.
pub(crate) const LIST_ROWS: u64 = 10;

/// State of one statement while it is compiled.
#[derive(Clone)]
pub(crate) struct Compiler<'a> {
    pub scope: &'a Scope,
    /// The instant that periods are computed from.
    pub now: DateTime<Utc>,
    /// Rows that a page may have.
    pub max_page: i64,
    /// Rows that the statement may still return.
    pub budget: u64,
    pub max_rows: u64,
    /// How many rows the level at hand may have.
    pub multiplier: u64,
    /// The custom fields of the scope, where a question names one.
    definitions: Vec<Definition>,
    /// Whether plans are made without a look at single values: see [`Compiler::unseen`].
    unseen: bool,
    binds: Vec<Bind>,
    aliases: usize,
    scope_bind: Option<String>,
    only_bind: Option<String>,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(scope: &'a Scope, now: DateTime<Utc>, max_page: i64, max_rows: u64) -> Self {
        Self {
            scope,
            now,
            max_page,
            budget: max_rows,
            max_rows,
            multiplier: 1,
            definitions: Vec::new(),
            unseen: false,
            binds: Vec::new(),
            aliases: 0,
            scope_bind: None,
            only_bind: None,
        }
    }

    /// The same with the custom fields that a question may name.
    pub(crate) fn knowing(self, definitions: Vec<Definition>) -> Self {
        Self {
            definitions,
            ..self
        }
    }

    /// The fields of a name on the records of a table.
    pub(crate) fn custom_fields(
        &self,
        table: &Table,
        field: &FieldName,
        compared: Option<As>,
    ) -> Result<Vec<Definition>> {
        if self.scope.calendars().is_empty() {
            return Ok(Vec::new());
        }
        custom::find(&self.definitions, table, field, compared)
    }

    /// Adds a value; its placeholder.
    pub(crate) fn bind(&mut self, value: Bind) -> Result<String> {
        if self.binds.len() >= MAX_BINDS {
            return Err(ApiError::BadInput(format!(
                "a query field takes at most {MAX_BINDS} values; use `in` for lists"
            )));
        }
        let has_nul = |text: &String| text.contains('\0');
        let storable = match &value {
            Bind::Text(text) => !has_nul(text),
            Bind::Texts(texts) => !texts.iter().any(has_nul),
            _ => true,
        };
        if !storable {
            return Err(ApiError::BadInput(
                "a text holds a NUL character, which no record can".to_owned(),
            ));
        }
        // Numbers of any size travel as text.
        let cast = match &value {
            Bind::Number(_) => "::text::numeric",
            Bind::Numbers(_) => "::text[]::numeric[]",
            _ => "",
        };
        let single = value.single();
        self.binds.push(value);
        let place = format!("${}{cast}", self.binds.len());
        Ok(match single {
            Some(ty) if self.unseen => unseen(&place, ty),
            _ => place,
        })
    }

    /// Binds what `compile` binds so that Postgres does not look at single values while it plans. It would plan each time
    /// anew, at the price of a page, wherever a plan for the values seems cheaper than one for any, even where both are the
    /// same. Only for conditions that the index of the order serves, whatever their values.
    pub(crate) fn unseen<T>(
        &mut self,
        unseen: bool,
        compile: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let outer = std::mem::replace(&mut self.unseen, unseen);
        let compiled = compile(self);
        self.unseen = outer;
        compiled
    }

    /// SQL of ours with its named places bound.
    pub(crate) fn fill(
        &mut self,
        sql: &str,
        places: impl IntoIterator<Item = (&'static str, Bind)>,
    ) -> Result<String> {
        let mut sql = sql.to_owned();
        for (name, value) in places {
            sql = sql.replace(name, &self.bind(value)?);
        }
        Ok(sql)
    }

    pub(crate) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    /// The placeholder of the list of connections.
    pub(crate) fn scope(&mut self) -> Result<String> {
        if let Some(bind) = &self.scope_bind {
            return Ok(bind.clone());
        }
        let bind = self.bind(Bind::Uuids(self.scope.connections()))?;
        self.scope_bind = Some(bind.clone());
        Ok(bind)
    }

    /// The placeholder of the only connection of the scope; `None` where it has none or several. Compared with one value a
    /// plan for any value costs what one for this value does, and Postgres plans the statement once.
    pub(crate) fn only_connection(&mut self) -> Result<Option<String>> {
        let [calendar] = self.scope.calendars() else {
            return Ok(None);
        };
        let connection = calendar.connection;
        if self.only_bind.is_none() {
            let bind = |compiler: &mut Self| compiler.bind(Bind::Uuid(connection));
            self.only_bind = Some(self.unseen(false, bind)?);
        }
        let only = self.only_bind.as_deref();
        Ok(only.map(|only| match self.unseen {
            true => unseen(only, "uuid"),
            false => only.to_owned(),
        }))
    }

    /// `table alias where connection = …`: how a mirrored table stands after FROM, without joins.
    pub(crate) fn from(&self, at: &At) -> String {
        self.joined(at, "")
    }

    /// The same with joins.
    pub(crate) fn joined(&self, at: &At, joins: &str) -> String {
        format!(
            "{} {}{joins} where {}.{} = {}",
            at.table.name, at.alias, at.alias, at.table.connection, at.connection
        )
    }

    /// The same for the few rows that hang on one row. The relation alone finds them: spelled so, the connection takes
    /// part in no index, or Postgres may walk all of the connection in the order of the page.
    pub(crate) fn few(&self, at: &At) -> String {
        format!(
            "{} {} where ({}.{} = {}) is true",
            at.table.name, at.alias, at.alias, at.table.connection, at.connection
        )
    }

    /// The same for rows found by id: any connection of the scope.
    pub(crate) fn in_scope(&mut self, at: &At) -> Result<String> {
        let among = match self.only_connection()? {
            Some(connection) => format!("= {connection}"),
            None => format!("= any({})", self.scope()?),
        };
        Ok(format!(
            "{} {} where {}.{} {among}",
            at.table.name, at.alias, at.alias, at.table.connection
        ))
    }

    /// A row found by id or the like in any connection of the scope.
    pub(crate) fn at_scope(&mut self, table: &'static Table) -> At {
        let alias = self.alias();
        At {
            table,
            connection: format!("{alias}.{}", table.connection),
            alias,
        }
    }

    /// A row that hangs on `parent`, in the parent's connection.
    pub(crate) fn below(&mut self, parent: &At, table: &'static Table) -> At {
        At {
            table,
            alias: self.alias(),
            connection: format!("{}.{}", parent.alias, parent.table.connection),
        }
    }

    /// Counts rows that the statement may return.
    pub(crate) fn spend(&mut self, rows: u64) -> Result<()> {
        match self.budget.checked_sub(rows) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(ApiError::TooCostly {
                asked: (self.max_rows - self.budget).saturating_add(rows),
                max: self.max_rows,
            }),
        }
    }

    /// The JSON object of a row with what is asked of it.
    pub(crate) fn object(&mut self, at: &At, selection: &Selection<'_>) -> Result<String> {
        let children = selection.children(at.table.graphql);
        let mut pairs: Vec<String> = Vec::with_capacity(children.len());
        self.relations(at, &children, &mut pairs)?;
        let fields = at.table.fields.iter().map(|field| (field.0, field.1));
        let composites = at.table.composites.iter();
        for (name, sql) in fields.chain(composites.map(|field| (field.0, field.1))) {
            if children.iter().any(|child| child.name == name) {
                pairs.push(format!("'{name}', {}", sql.replace("{t}", &at.alias)));
            }
        }
        for amount in at.table.amounts {
            if children.iter().any(|child| child.name == amount.field) {
                let minor = amount.minor.replace("{t}", &at.alias);
                pairs.push(format!(
                    "'{}', case when {minor} is not null then json_build_object('minor', {minor}, 'currency', {}.currency) end",
                    amount.field, at.alias
                ));
            }
        }
        for many in at.table.many {
            let asked: Vec<_> = children
                .iter()
                .filter(|child| child.name == many.field)
                .collect();
            if !asked.is_empty() {
                pairs.push(self.pages(at, many, &asked)?);
            }
        }
        Ok(format!("json_build_object({})", pairs.join(", ")))
    }

    /// `select` of the JSON of a row with its type, as interfaces are read; `connection` and `id` are expressions.
    pub(crate) fn typed(
        &mut self,
        table: &'static Table,
        connection: &str,
        id: &str,
        selection: &Selection<'_>,
    ) -> Result<String> {
        let at = At {
            table,
            alias: self.alias(),
            connection: connection.to_owned(),
        };
        let object = self.object(&at, selection)?;
        let from = self.from(&at);
        Ok(format!(
            "select json_build_object('type', '{}', 'record', {object}) from {from} and {}.id = {id}",
            table.graphql, at.alias
        ))
    }

    /// The related rows that take no arguments: at most one, or a few.
    fn relations(
        &mut self,
        at: &At,
        children: &[Child<'_>],
        pairs: &mut Vec<String>,
    ) -> Result<()> {
        for one in at.table.one {
            let Some(selection) = asked(children, one.field) else {
                continue;
            };
            let below = self.below(at, one.table);
            let on = relate(one.on, at, &below);
            let json = self.object(&below, &selection)?;
            let from = self.from(&below);
            pairs.push(format!(
                "'{}', (select {json} from {from} and {on} limit 1)",
                one.field
            ));
        }
        for list in at.table.lists {
            let Some(selection) = asked(children, list.field) else {
                continue;
            };
            let size = self.multiplier.saturating_mul(LIST_ROWS);
            self.spend(size)?;
            let outer = std::mem::replace(&mut self.multiplier, size);
            let below = self.below(at, list.table);
            let on = relate(list.on, at, &below);
            let order = relate(list.order, at, &below);
            let json = self.object(&below, &selection)?;
            let from = self.few(&below);
            self.multiplier = outer;
            pairs.push(format!(
                "'{}', (select coalesce(json_agg({json} order by {order}), '[]') from {from} and {on})",
                list.field
            ));
        }
        Ok(())
    }

    fn pages(
        &mut self,
        at: &At,
        many: &super::table::Many,
        asked: &[&Child<'_>],
    ) -> Result<String> {
        if asked.len() > MAX_VARIANTS {
            return Err(ApiError::BadInput(format!(
                "`{}` is asked with {} different arguments, at most {MAX_VARIANTS} are allowed",
                many.field,
                asked.len()
            )));
        }
        let mut pages = Vec::with_capacity(asked.len());
        for child in asked {
            let request = (many.page)(&child.arguments)?;
            let source = Source::Below {
                parent: at,
                on: many.on,
            };
            let page = page::compile(self, many.table, &request, source, &child.selection)?;
            let key = if child.key.is_empty() {
                "''".to_owned()
            } else {
                format!("{}::text", self.bind(Bind::Text(child.key.clone()))?)
            };
            pages.push(format!("{key}, {page}"));
        }
        Ok(format!(
            "'{}', json_build_object({})",
            many.field,
            pages.join(", ")
        ))
    }

    /// The statement `with … select …`.
    pub(crate) fn finish_with(self, with: &str, json: &str) -> Statement {
        Statement {
            sql: format!("with {with} select {json}"),
            binds: self.binds,
        }
    }

    /// A statement in the terms of the compiler.
    pub(crate) fn statement(self, sql: String) -> Statement {
        Statement {
            sql,
            binds: self.binds,
        }
    }

    /// The statement `select …`.
    pub(crate) fn finish(self, json: &str) -> Statement {
        Statement {
            sql: format!("select {json}"),
            binds: self.binds,
        }
    }
}

/// All that is asked of a field, wherever it occurs; `None` where it does not.
pub(crate) fn asked<'q>(children: &[Child<'q>], name: &str) -> Option<Selection<'q>> {
    let mut occurrences = children.iter().filter(|child| child.name == name);
    let mut selection = occurrences.next()?.selection.clone();
    occurrences.for_each(|more| selection.merge(more.selection.clone()));
    Some(selection)
}

/// A relation's condition with its aliases filled in.
pub(crate) fn relate(on: &str, at: &At, below: &At) -> String {
    on.replace("{t}", &at.alias).replace("{x}", &below.alias)
}
