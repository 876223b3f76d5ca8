//! The compiler of one statement: its binds, its aliases and its scope.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::custom::{self, Definition, FieldName};
use super::parts::As;
use super::selection::{Child, Selection};
use super::statement::{Bind, Statement, unseen};
use super::table::Table;
use crate::error::{ApiError, Result};
use crate::scope::Scope;

/// The row at hand in SQL, and the expression that its connection equals.
#[derive(Clone)]
pub(crate) struct At {
    pub table: &'static Table,
    pub alias: String,
    pub connection: String,
}

impl At {
    /// The columns of the row, for a subquery that picks it.
    pub(crate) fn columns(&self) -> String {
        let column = |name: &&str| format!("{}.{name}", self.alias);
        match self.table.columns {
            None => column(&"*"),
            Some(columns) => columns.iter().map(column).collect::<Vec<_>>().join(", "),
        }
    }
}

/// Values in one statement; far below the 65,535 of the protocol.
const MAX_BINDS: usize = 2_000;
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
        self.among(at.table.name, at)
    }

    /// The same for rows of a table's view.
    pub(crate) fn among(&mut self, name: &str, at: &At) -> Result<String> {
        let among = match self.only_connection()? {
            Some(connection) => format!("= {connection}"),
            None => format!("= any({})", self.scope()?),
        };
        Ok(format!(
            "{name} {} where {}.{} {among}",
            at.alias, at.alias, at.table.connection
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

    /// Binds the ids that a record is looked for by: their SQL, and their place among the binds. A plan for any ids would
    /// seem dearer than one for these, and Postgres would plan each time anew, if it saw how many there are.
    pub(crate) fn bind_ids(&mut self, ids: Vec<Uuid>) -> Result<(String, usize)> {
        let place = self.binds.len();
        let bound = self.bind(Bind::Uuids(ids))?;
        Ok((unseen(&bound, "uuid[]"), place))
    }

    /// Rows that the statement may return beside the ones that are looked for.
    pub(crate) fn spent(&self) -> u64 {
        self.max_rows - self.budget
    }

    /// Counts rows that the statement may return.
    pub(crate) fn spend(&mut self, rows: u64) -> Result<()> {
        match self.budget.checked_sub(rows) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(ApiError::TooCostly {
                asked: self.spent().saturating_add(rows),
                max: self.max_rows,
            }),
        }
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
