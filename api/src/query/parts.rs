//! Conditions on values that stand inside a JSON column: custom fields by name, addresses, e-mail addresses.
//!
//! A record has any number of such values. A condition holds where one value has it; its opposite (`ne`, `notIn`,
//! `isNull: true`) where no value has it.

use super::compile::{At, Compiler};
use super::custom::{Definition, FieldName};
use super::filter::{Test, Value, Values};
use super::statement::Bind;
use super::table::{Column, Kind};
use crate::error::Result;

/// The values of a record: SQL of a set with the column `v`, jsonb.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub sql: &'static str,
    pub index: Option<Index>,
}

/// Text of all values of a column in lower case that a trigram index has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index {
    pub column: &'static str,
    pub sql: &'static str,
}

/// What a value is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    Text,
    Number,
    /// Its day, as Close wrote it.
    Date,
}

impl As {
    /// SQL of the value `e.v`; null where it is none of this kind. Days that no month has are those that follow it.
    fn sql(self) -> &'static str {
        match self {
            Self::Text => "e.v #>> '{}'",
            Self::Number => "case when jsonb_typeof(e.v) = 'number' then (e.v #>> '{}')::numeric end",
            Self::Date => {
                "case when e.v #>> '{}' ~ '^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
                      then (left(e.v #>> '{}', 7) || '-01')::date + (substr(e.v #>> '{}', 9, 2)::int - 1) end"
            }
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Number => Kind::Number,
            Self::Date => Kind::Date,
        }
    }
}

/// A test of values and whether it is said of none of them.
fn said_of_none(test: Test) -> (Test, bool) {
    match test {
        Test::Compare("<>", value) => (Test::Compare("=", value), true),
        Test::NoneOf(values) => (Test::AnyOf(values), true),
        Test::IsNull(null) => (Test::IsNull(false), null),
        test => (test, false),
    }
}

/// SQL of a test of these values.
pub(crate) fn compile(
    compiler: &mut Compiler<'_>,
    at: &At,
    parts: &Parts,
    test: Test,
) -> Result<String> {
    let (test, none) = said_of_none(test);
    let values = parts.sql.replace("{t}", &at.alias);
    let held = held(compiler, at, &values, As::Text, &test)?;
    // What an index finds is looked at more closely; it holds wherever the condition holds.
    let hint = match (&test, parts.index) {
        (Test::Compare("=", Value::Text(text)), Some(index)) if !none && is_plain(text) => {
            let text = super::operators::escape(text);
            let pattern = compiler.bind(Bind::Text(format!("%{text}%")))?;
            let found = compiler.found_by(at, index.column, |alias| {
                format!("{} like lower({pattern})", index.sql.replace("{t}", alias))
            });
            format!("{found} and ")
        }
        _ => String::new(),
    };
    Ok(if none {
        format!("not {held}")
    } else {
        format!("({hint}{held})")
    })
}

/// Whether JSON writes the text as it is.
fn is_plain(text: &str) -> bool {
    !text.contains(|sign: char| sign == '"' || sign == '\\' || sign.is_control())
}

fn held(
    compiler: &mut Compiler<'_>,
    at: &At,
    values: &str,
    compared: As,
    test: &Test,
) -> Result<String> {
    let value = At {
        alias: "u".to_owned(),
        ..at.clone()
    };
    let column = Column {
        sql: "w",
        kind: compared.kind(),
        nullable: true,
    };
    let condition = test.compile(compiler, &value, column)?;
    Ok(format!(
        "exists (select from {values} e (v) cross join lateral (select {}) u (w) where {condition})",
        compared.sql()
    ))
}

/// SQL of a test of a custom field. Fields of one name in several connections are one.
pub(crate) fn custom(
    compiler: &mut Compiler<'_>,
    at: &At,
    field: &FieldName,
    compared: As,
    test: Test,
) -> Result<String> {
    let mut fields = compiler.custom_fields(at.table, field, Some(compared))?;
    // What is compared twice seems to hold twice as often, and plans are made by that.
    let kind = |field: &Definition| (field.id.clone(), field.field_type.clone());
    fields.sort_by_cached_key(kind);
    fields.dedup_by_key(|field| kind(field));
    let (test, none) = said_of_none(test);
    let mut any = Vec::with_capacity(fields.len());
    let mut contained_in = Vec::new();
    for field in &fields {
        if let Some(documents) = contained(field, &test) {
            for document in documents {
                contained_in.push(compiler.bind(Bind::Text(document.to_string()))?);
            }
            continue;
        }
        let key = compiler.bind(Bind::Text(field.id.clone()))?;
        let value = format!("({}.custom -> {key}::text)", at.alias);
        let values = format!(
            "jsonb_array_elements(case when jsonb_typeof({value}) = 'array' then {value} else jsonb_build_array({value}) end)"
        );
        any.push(held(compiler, at, &values, compared, &test)?);
    }
    if !contained_in.is_empty() {
        any.push(compiler.found_by(at, "custom", |alias| {
            let each = contained_in
                .iter()
                .map(|document| format!("{alias}.custom @> {document}::text::jsonb"));
            format!("({})", each.collect::<Vec<_>>().join(" or "))
        }));
    }
    let held = match any.as_slice() {
        [] => "false".to_owned(),
        any => format!("({})", any.join(" or ")),
    };
    Ok(if none {
        format!("({held}) is not true")
    } else {
        held
    })
}

/// The documents of which one is contained in the custom values where an equality holds: what a GIN index finds. `None`
/// where it has to be looked at otherwise.
fn contained(field: &Definition, test: &Test) -> Option<Vec<serde_json::Value>> {
    /// Of more values each is looked at in the rows.
    const MAX: usize = 20;
    let values: Vec<serde_json::Value> = match test {
        Test::Compare("=", value) => vec![json(field, value)?],
        Test::AnyOf(Values::Text(all)) if all.len() <= MAX => {
            let each = all
                .iter()
                .map(|text| json(field, &Value::Text(text.clone())));
            each.collect::<Option<_>>()?
        }
        _ => return None,
    };
    let both = |value: serde_json::Value| {
        [
            serde_json::json!({ field.id.as_str(): value }),
            serde_json::json!({ field.id.as_str(): [value] }),
        ]
    };
    Some(values.into_iter().flat_map(both).collect())
}

/// The value as Close writes it.
fn json(field: &Definition, value: &Value) -> Option<serde_json::Value> {
    match value {
        Value::Text(text) if field.field_type.as_deref() != Some("number") => {
            Some(serde_json::Value::String(text.clone()))
        }
        Value::Number(number) => serde_json::from_str(&number.normalize().to_string()).ok(),
        Value::Date(day) if field.field_type.as_deref() == Some("date") => {
            Some(serde_json::Value::String(day.to_string()))
        }
        _ => None,
    }
}
