//! Custom fields by the names that people know them by.

use uuid::Uuid;

use super::parts::As;
use super::run::STATEMENTS;
use super::sessions::Reader;
use super::table::Table;
use crate::error::{ApiError, Result};
use crate::scope::Scope;

/// Names that an error tells at most.
const NAMES_TOLD: usize = 50;

/// How a question names a custom field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldName {
    /// As it is shown in Close.
    Name(String),
    /// `cf_…`.
    Id(String),
}

/// A custom field of a type of records.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Definition {
    pub connection_id: Uuid,
    /// The table whose records have it.
    pub table_name: String,
    /// `cf_…`.
    pub id: String,
    pub name: String,
    /// Close's word, such as text, number, date, datetime or choices.
    pub field_type: Option<String>,
}

/// A transaction has the custom values of its deal; an invoice those of its type.
const DEFINITIONS: &str = "
select f.connection_id, r.table_name, f.close_id as id, f.name, f.type as field_type
  from custom_field f
  cross join lateral (select f.record_type as table_name
                      union all select 'transaction' where f.record_type = 'opportunity') r
 where f.connection_id = any($1)
union all
select y.connection_id, 'receivable', d.field->>'id', d.field->>'name', d.field->>'type'
  from invoice_mapping m
  join custom_type y on y.connection_id = m.connection_id and y.close_id = m.mapping->>'type_id'
 cross join jsonb_array_elements(y.fields) d (field)
 where m.connection_id = any($1) and d.field->>'id' is not null and d.field->>'name' is not null
 order by 2, 4, 3";

/// All definitions of the scope.
pub(crate) async fn definitions(reader: Reader<'_>, scope: &Scope) -> Result<Vec<Definition>> {
    metrics::counter!(STATEMENTS).increment(1);
    let definitions = sqlx::query_as(DEFINITIONS).bind(scope.connections());
    let definitions = reader.run(async |session| definitions.fetch_all(session).await);
    definitions.await
}

/// The fields of a name on the records of a table: those that can be compared as this, else all of them.
pub(crate) fn find(
    all: &[Definition],
    table: &Table,
    field: &FieldName,
    compared: Option<As>,
) -> Result<Vec<Definition>> {
    let of_table = || all.iter().filter(|one| one.table_name == table.name);
    let found: Vec<&Definition> = of_table()
        .filter(|one| match field {
            FieldName::Name(name) => one.name == *name,
            FieldName::Id(id) => one.id == *id,
        })
        .collect();
    let (FieldName::Name(said) | FieldName::Id(said)) = field;
    if found.is_empty() {
        return Err(unknown(
            of_table().map(|one| one.name.as_str()),
            table,
            said,
        ));
    }
    let fits = |one: &&&Definition| match (compared, one.field_type.as_deref()) {
        (None, _) => true,
        (Some(As::Text), kind) => kind != Some("number"),
        (Some(As::Number), kind) => kind == Some("number"),
        (Some(As::Date), kind) => matches!(kind, Some("date" | "datetime")),
    };
    let fitting: Vec<Definition> = found
        .iter()
        .filter(fits)
        .map(|one| (*one).clone())
        .collect();
    if fitting.is_empty() {
        let kind = found.iter().find_map(|one| one.field_type.as_deref());
        return Err(ApiError::BadInput(format!(
            "the custom field {said:?} is of type {}: number goes with number, date with date and datetime, text with all others",
            kind.unwrap_or("unknown")
        )));
    }
    Ok(fitting)
}

fn unknown<'d>(names: impl Iterator<Item = &'d str>, table: &Table, said: &str) -> ApiError {
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    let more = names.len().saturating_sub(NAMES_TOLD);
    names.truncate(NAMES_TOLD);
    let known = match (names.as_slice(), more) {
        ([], _) => "it has none".to_owned(),
        (some, 0) => format!("it has {}", some.join(", ")),
        (some, more) => format!("it has {} and {more} more", some.join(", ")),
    };
    ApiError::BadInput(format!(
        "{} has no custom field {said:?}; {known}",
        table.graphql
    ))
}
