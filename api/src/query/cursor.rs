//! Cursors: the values of a row's order keys, with the order that they belong to, in base64url.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::compile::Bind;
use super::order::Key;
use super::table::Kind;
use crate::error::{ApiError, Result};

#[derive(Serialize, Deserialize)]
struct Wire<T> {
    o: String,
    k: T,
}

/// The cursor of a row whose key values are the JSON array `values`.
pub(crate) fn encode(fingerprint: &str, values: &RawValue) -> String {
    let wire = Wire {
        o: fingerprint.to_owned(),
        k: values,
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&wire).unwrap_or_default())
}

/// The values of a cursor, one a key; `None` is null.
pub(crate) fn decode(text: &str, fingerprint: &str, keys: &[Key]) -> Result<Vec<Option<Bind>>> {
    let bad = || {
        ApiError::BadCursor(
            "this is not a cursor of this API: use `cursor`, `startCursor` or `endCursor` as answered"
                .to_owned(),
        )
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
    let wire: Wire<Vec<Value>> = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    if wire.o != fingerprint {
        return Err(ApiError::BadCursor(
            "this cursor belongs to another order: page on with the `orderBy` that it was answered for"
                .to_owned(),
        ));
    }
    if wire.k.len() != keys.len() {
        return Err(bad());
    }
    keys.iter()
        .zip(&wire.k)
        .map(|(key, value)| match value {
            Value::Null if key.column.nullable => Ok(None),
            value => bind(key.column.kind, value).map(Some).ok_or_else(bad),
        })
        .collect()
}

fn bind(kind: Kind, value: &Value) -> Option<Bind> {
    match kind {
        Kind::Int => value.as_i64().map(Bind::Int),
        Kind::Text => value
            .as_str()
            .filter(|text| !text.contains('\0'))
            .map(|text| Bind::Text(text.to_owned())),
        Kind::Date => value
            .as_str()?
            .parse::<NaiveDate>()
            .ok()
            .map(Bind::Date),
        Kind::Instant => value
            .as_str()?
            .parse::<DateTime<Utc>>()
            .ok()
            .map(Bind::Instant),
        Kind::Uuid => value.as_str()?.parse::<Uuid>().ok().map(Bind::Uuid),
    }
}
