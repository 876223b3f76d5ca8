//! Opaque cursors: the order that a page had and the keys of one of its rows.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::DateTime;

use super::compile::{At, Bind, Compiler};
use super::order::{Order, OrderKey};
use super::table::Kind;
use crate::error::{ApiError, Result};

/// The keys of a row as text; `None` is null.
pub(crate) type Keys = Vec<Option<String>>;

/// The cursor of a row.
pub(crate) fn encode(fingerprint: &str, keys: &Keys) -> String {
    let json = serde_json::to_vec(&(fingerprint, keys)).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

/// The keys in a cursor of this order.
pub(crate) fn decode(cursor: &str, order: &Order) -> Result<Keys> {
    let bad = || {
        ApiError::BadCursor("this is no cursor of ours: take it from pageInfo or edges".to_owned())
    };
    let json = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
    let (fingerprint, keys): (String, Keys) = serde_json::from_slice(&json).map_err(|_| bad())?;
    if fingerprint != order.fingerprint() || keys.len() != order.keys().len() {
        return Err(ApiError::BadCursor(
            "this cursor is of another order: use it with the orderBy that it came from".to_owned(),
        ));
    }
    Ok(keys)
}

/// The condition "behind the cursor" in exactly the given order.
pub(crate) fn behind(
    compiler: &mut Compiler<'_>,
    at: &At,
    order: &Order,
    keys: &Keys,
) -> Result<String> {
    let mut values = Vec::with_capacity(keys.len());
    for (key, value) in order.keys().iter().zip(keys) {
        values.push(
            value
                .as_deref()
                .map(|text| bind(compiler, key, text))
                .transpose()?,
        );
    }
    let column = |key: &OrderKey| format!("{}.{}", at.alias, key.column.sql);
    let one_direction = order.keys().windows(2).all(|pair| match pair {
        [one, other] => one.descending == other.descending,
        _ => true,
    });
    let first_descends = order.keys().first().is_some_and(|key| key.descending);
    // Where no null can stand behind the cursor, one row comparison says it all, and an index can start there.
    let no_nulls_behind = first_descends || order.keys().iter().all(|key| !key.column.nullable);
    if one_direction && no_nulls_behind && values.iter().all(Option::is_some) {
        let columns: Vec<String> = order.keys().iter().map(column).collect();
        let given: Vec<String> = values.into_iter().flatten().collect();
        let operator = if first_descends { "<" } else { ">" };
        return Ok(format!(
            "({}) {operator} ({})",
            columns.join(", "),
            given.join(", ")
        ));
    }
    let mut either = Vec::new();
    let mut equal: Vec<String> = Vec::new();
    for (key, value) in order.keys().iter().zip(&values) {
        let column = column(key);
        let further = match (value, key.descending) {
            (Some(value), false) if key.column.nullable => {
                format!("({column} > {value} or {column} is null)")
            }
            (Some(value), false) => format!("{column} > {value}"),
            (Some(value), true) => format!("{column} < {value}"),
            (None, false) => "false".to_owned(),
            (None, true) => format!("{column} is not null"),
        };
        either.push(
            equal
                .iter()
                .cloned()
                .chain([further])
                .collect::<Vec<_>>()
                .join(" and "),
        );
        equal.push(match value {
            Some(value) => format!("{column} = {value}"),
            None => format!("{column} is null"),
        });
    }
    Ok(format!("({})", either.join(" or ")))
}

fn bind(compiler: &mut Compiler<'_>, key: &OrderKey, text: &str) -> Result<String> {
    let bad =
        || ApiError::BadCursor("this is no cursor of ours: its keys can't be read".to_owned());
    let value = match key.column.kind {
        Kind::Text => Bind::Text(text.to_owned()),
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
