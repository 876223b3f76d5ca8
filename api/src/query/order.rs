//! The order of a page: the declared keys, then the table's unique key.

use super::compile::At;
use super::table::{Column, ID, Kind, Table};

/// The order of mirrored records when none is asked for.
const NEWEST: OrderKey = OrderKey {
    column: Column {
        sql: "source_created_at",
        kind: Kind::Instant,
        nullable: true,
    },
    descending: true,
};

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderKey {
    pub column: Column,
    pub descending: bool,
}

/// The keys of a page with the unique key at the end, in the direction of the last declared one, so that an index on
/// (key, id) serves both directions. Nulls stand last ascending and first descending, as in such an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order(Vec<OrderKey>);

impl Order {
    pub(crate) fn new(declared: &[OrderKey], table: &Table) -> Self {
        let mut keys: Vec<OrderKey> = Vec::with_capacity(declared.len() + 1);
        for key in declared {
            if keys.iter().all(|known| known.column != key.column) {
                keys.push(*key);
            }
        }
        if keys.is_empty() && table.key == ID {
            keys.push(NEWEST);
        }
        let descending = keys.last().is_some_and(|key| key.descending);
        if keys.iter().all(|key| key.column != table.key) {
            keys.push(OrderKey {
                column: table.key,
                descending,
            });
        }
        Self(keys)
    }

    pub(crate) fn keys(&self) -> &[OrderKey] {
        &self.0
    }

    pub(crate) fn reversed(&self) -> Self {
        let turn = |key: &OrderKey| OrderKey {
            descending: !key.descending,
            ..*key
        };
        Self(self.0.iter().map(turn).collect())
    }

    /// Names the order in a cursor. Made of our own column names only.
    pub(crate) fn fingerprint(&self, table: &Table) -> String {
        let name = |key: &OrderKey| {
            format!(
                "{}{}",
                key.column.sql,
                if key.descending { "-" } else { "+" }
            )
        };
        let keys: String = self.0.iter().map(name).collect();
        format!("{} {keys}", table.name)
    }

    /// What follows ORDER BY.
    pub(crate) fn sql(&self, at: &At) -> String {
        let key = |key: &OrderKey| {
            let direction = if key.descending { "desc" } else { "asc" };
            format!("{}.{} {direction}", at.alias, key.column.sql)
        };
        self.0.iter().map(key).collect::<Vec<_>>().join(", ")
    }

    /// A row's keys, of which a cursor carries the text; an instant as its microseconds.
    pub(crate) fn values(&self, at: &At) -> Vec<String> {
        let value = |key: &OrderKey| {
            let column = format!("{}.{}", at.alias, key.column.sql);
            match key.column.kind {
                Kind::Instant => format!("(extract(epoch from {column}) * 1000000)::bigint"),
                _ => column,
            }
        };
        self.0.iter().map(value).collect()
    }
}
