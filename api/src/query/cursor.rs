//! Opaque cursors: the order that a page had and the keys of one of its rows.
//!
//! The rows behind a cursor are a union of disjoint ranges, one or two a key: each is a conjunction that an index on
//! the order serves, nulls included.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::DateTime;

use super::compile::{At, Compiler};
use super::order::{Order, OrderKey};
use super::statement::Bind;
use super::table::{Kind, Table};
use crate::error::{ApiError, Result};

/// The keys of a row as text; `None` is null.
pub(crate) type Keys = Vec<Option<String>>;

/// The cursor of a row.
pub(crate) fn encode(fingerprint: &str, keys: &[Option<String>]) -> String {
    let json = serde_json::to_vec(&(fingerprint, keys)).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

/// The keys in a cursor of this order.
pub(crate) fn decode(cursor: &str, order: &Order, table: &Table) -> Result<Keys> {
    decode_of(cursor, &order.fingerprint(table), order.keys().len())
}

/// The keys, so many, in a cursor of the order of this name.
pub(crate) fn decode_of(cursor: &str, order: &str, count: usize) -> Result<Keys> {
    let bad = || {
        ApiError::BadCursor("this is no cursor of ours: take it from pageInfo or edges".to_owned())
    };
    let json = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
    let (fingerprint, keys): (String, Keys) = serde_json::from_slice(&json).map_err(|_| bad())?;
    if fingerprint != order || keys.len() != count {
        return Err(ApiError::BadCursor(
            "this cursor is of another order: use it with the orderBy that it came from".to_owned(),
        ));
    }
    Ok(keys)
}

/// The disjoint conditions that together say "behind the cursor" in exactly the given order.
pub(crate) fn behind(
    compiler: &mut Compiler<'_>,
    at: &At,
    order: &Order,
    keys: &Keys,
) -> Result<Vec<String>> {
    let mut ranges = Vec::new();
    let mut equal = String::new();
    for (key, value) in order.keys().iter().zip(keys) {
        let column = format!("{}.{}", at.alias, key.column.sql);
        let Some(text) = value else {
            if key.descending {
                ranges.push(format!("({equal}{column} is not null)"));
            }
            equal.push_str(&format!("{column} is null and "));
            continue;
        };
        let value = bind(compiler, key, text)?;
        let operator = if key.descending { "<" } else { ">" };
        ranges.push(format!("({equal}{column} {operator} {value})"));
        if key.column.nullable && !key.descending {
            ranges.push(format!("({equal}{column} is null)"));
        }
        equal.push_str(&format!("{column} = {value} and "));
    }
    if ranges.is_empty() {
        ranges.push("false".to_owned());
    }
    Ok(ranges)
}

/// Keys that a cursor of ours does not have.
pub(crate) fn unreadable() -> ApiError {
    ApiError::BadCursor("this is no cursor of ours: its keys can't be read".to_owned())
}

fn bind(compiler: &mut Compiler<'_>, key: &OrderKey, text: &str) -> Result<String> {
    let bad = unreadable;
    let value = match key.column.kind {
        Kind::Text => Bind::Text(text.replace('\0', "")),
        Kind::Number => return Err(bad()),
        Kind::Int => Bind::Int(text.parse().map_err(|_| bad())?),
        Kind::Date => Bind::Date(text.parse().map_err(|_| bad())?),
        Kind::Uuid => Bind::Uuid(text.parse().map_err(|_| bad())?),
        Kind::Instant => {
            let micros = text.parse().map_err(|_| bad())?;
            Bind::Instant(DateTime::from_timestamp_micros(micros).ok_or_else(bad)?)
        }
    };
    compiler.bind(value)
}
