//! A statement and the values that are sent beside it.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A value sent beside the statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bind {
    Uuid(Uuid),
    Uuids(Vec<Uuid>),
    Text(String),
    Texts(Vec<String>),
    Int(i64),
    Ints(Vec<i64>),
    /// As text: see [`super::compile::Compiler::bind`].
    Number(Decimal),
    Numbers(Vec<Decimal>),
    Date(NaiveDate),
    Dates(Vec<NaiveDate>),
    Instant(DateTime<Utc>),
    Instants(Vec<DateTime<Utc>>),
}

impl Bind {
    /// The type in Postgres of a single value.
    pub(super) fn single(&self) -> Option<&'static str> {
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
pub(super) fn unseen(place: &str, ty: &str) -> String {
    format!("(select {place}::{ty})")
}

/// A statement ready to run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Statement {
    pub sql: String,
    pub binds: Vec<Bind>,
}
