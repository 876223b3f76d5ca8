//! The description of a mirrored table: where each GraphQL field comes from and how tables hang together.
//!
//! In SQL fragments `{t}` stands for the alias of the row at hand and `{x}` for that of the related row.

use async_graphql::parser::types::Field as Item;
use async_graphql::{Context, Positioned, Value};
use uuid::Uuid;

use super::selection::Arguments;
use super::window::PageRequest;
use crate::error::Result;

/// A table as the API sees it.
pub(crate) struct Table {
    /// Its name in Postgres.
    pub name: &'static str,
    /// Its type's name in GraphQL.
    pub graphql: &'static str,
    /// The column that holds the connection.
    pub connection: &'static str,
    /// The unique last key of every order.
    pub key: Column,
    pub fields: &'static [Field],
    pub composites: &'static [Composite],
    pub amounts: &'static [Amount],
    pub one: &'static [One],
    pub many: &'static [Many],
    pub lists: &'static [List],
    pub money: Option<Totals>,
    /// How a Close id becomes the id of a row.
    pub record_id: fn(Uuid, &str) -> Uuid,
    /// The columns that may be read; all where it is `None`.
    pub columns: Option<&'static [&'static str]>,
    /// The column that holds the id of the record whose Close id a row shares where `record_id` does not lead to it.
    pub part_of: Option<&'static str>,
}

/// What is summed in `totals`, a row a currency.
pub(crate) struct Totals {
    /// SQL of the minor units; null adds nothing.
    pub sum: &'static str,
    /// The column whose words are never added up with each other.
    pub kind: Option<&'static str>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Table({})", self.name)
    }
}

/// A field of one value without arguments, and its SQL.
pub(crate) struct Field(pub &'static str, pub &'static str);

/// A field of objects or lists that hang on no other table, the SQL of their JSON, and how that is answered.
pub(crate) struct Composite(pub &'static str, pub &'static str, pub Resolve);

/// Answers what is asked of a field, from its JSON.
pub(crate) type Resolve = fn(&str, &Context<'_>, &Positioned<Item>) -> Result<Value>;

/// A field of money: SQL of its minor units. The row's currency stands in the column of that name.
pub(crate) struct Amount {
    pub field: &'static str,
    pub minor: &'static str,
}

/// A relation to at most one row.
pub(crate) struct One {
    pub field: &'static str,
    pub table: &'static Table,
    pub on: &'static str,
}

/// A relation to any number of rows, as a page.
pub(crate) struct Many {
    pub field: &'static str,
    pub table: &'static Table,
    pub on: &'static str,
    pub page: fn(&Arguments) -> Result<PageRequest>,
}

/// A relation to a few rows, all of them answered, in an order.
pub(crate) struct List {
    pub field: &'static str,
    pub table: &'static Table,
    pub on: &'static str,
    pub order: &'static str,
}

/// A column by which rows are ordered and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub sql: &'static str,
    pub kind: Kind,
    pub nullable: bool,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Int,
    Number,
    Date,
    Instant,
    Uuid,
}

/// The `id` of mirrored records.
pub(crate) const ID: Column = Column {
    sql: "id",
    kind: Kind::Uuid,
    nullable: false,
};

/// The `seq` of things that are recorded in order.
pub(crate) const SEQ: Column = Column {
    sql: "seq",
    kind: Kind::Int,
    nullable: false,
};
