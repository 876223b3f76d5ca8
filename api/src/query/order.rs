//! Orders: the keys that a list is sorted by, always ended by the table's unique key.
//!
//! Postgres' own defaults hold (ASC NULLS LAST, DESC NULLS FIRST), so that one index serves both directions.

use async_graphql::{Enum, InputType, Value};

use super::table::Column;
use crate::error::{ApiError, Result};

/// Direction of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(name = "OrderDirection")]
pub enum Direction {
    /// Smallest, earliest or alphabetically first comes first; records without a value come last.
    #[default]
    Asc,
    /// Largest, latest or alphabetically last comes first; records without a value come first.
    Desc,
}

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub column: Column,
    pub descending: bool,
}

/// An `orderBy` input of one type.
pub(crate) trait Order: InputType {
    fn key(&self) -> Key;
}

/// Keys in one order; each costs two index ranges behind a cursor.
const MAX_KEYS: usize = 4;

/// The keys of `orderBy`, or the type's own order, ended by the unique key.
pub(crate) fn keys<O: Order>(
    asked: Option<&Value>,
    default: &[Key],
    unique: Column,
) -> Result<Vec<Key>> {
    let asked: Vec<O> = match asked {
        Some(value) => InputType::parse(Some(value.clone())).map_err(|_| {
            ApiError::BadInput("`orderBy` must be a list of {field, direction}".to_owned())
        })?,
        None => Vec::new(),
    };
    if asked.len() > MAX_KEYS {
        return Err(ApiError::BadInput(format!(
            "`orderBy` takes at most {MAX_KEYS} fields, {} were given",
            asked.len()
        )));
    }
    let mut keys: Vec<Key> = Vec::with_capacity(asked.len() + 1);
    for key in asked.iter().map(Order::key) {
        if keys.iter().any(|known| known.column == key.column) {
            return Err(ApiError::BadInput(
                "`orderBy` names the same field twice".to_owned(),
            ));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        keys.extend_from_slice(default);
    }
    if !keys.iter().any(|key| key.column == unique) {
        keys.push(Key {
            column: unique,
            descending: keys.last().is_some_and(|key| key.descending),
        });
    }
    Ok(keys)
}

/// The order as text: cursors carry it, so that one of another order is noticed.
pub(crate) fn fingerprint(table: &str, keys: &[Key]) -> String {
    let mut text = table.to_owned();
    for key in keys {
        text.push(' ');
        text.push(if key.descending { '-' } else { '+' });
        text.push_str(key.column.sql);
    }
    text
}

/// The list after ORDER BY.
pub(crate) fn sql(keys: &[Key], alias: &str, backward: bool) -> String {
    let mut text = String::new();
    for key in keys {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(alias);
        text.push('.');
        text.push_str(key.column.sql);
        if key.descending != backward {
            text.push_str(" desc");
        }
    }
    text
}

/// Declares the fields by which a type is ordered: the enum, its columns, and the input.
macro_rules! orders {
    ($(#[$meta:meta])* $order:ident by $field:ident {
        $($(#[$doc:meta])* $variant:ident = $sql:literal $kind:ident $null:ident,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
        pub enum $field { $($(#[$doc])* $variant,)+ }

        impl $field {
            const fn column(self) -> $crate::query::table::Column {
                match self {
                    $(Self::$variant => $crate::query::table::Column {
                        sql: $sql,
                        kind: $crate::query::table::Kind::$kind,
                        nullable: $crate::query::order::orders!(@ $null),
                    },)+
                }
            }

            /// This field as the key of a default order.
            #[allow(dead_code)]
            pub(crate) const fn key(self, descending: bool) -> $crate::query::order::Key {
                $crate::query::order::Key { column: self.column(), descending }
            }
        }

        $(#[$meta])*
        #[derive(Clone, Copy, Debug, async_graphql::InputObject)]
        pub struct $order {
            /// What to order by.
            field: $field,
            /// In which direction.
            #[graphql(default)]
            direction: $crate::query::order::Direction,
        }

        impl $crate::query::order::Order for $order {
            fn key(&self) -> $crate::query::order::Key {
                self.field.key(self.direction == $crate::query::order::Direction::Desc)
            }
        }
    };
    (@ nullable) => { true };
    (@ required) => { false };
}
pub(crate) use orders;
