//! Where a subscription begins: the cursor that its one root field is asked with.

use std::collections::HashSet;

use async_graphql::parser::types::{Field, OperationType, Selection, SelectionSet};
use async_graphql::{Name, Value, Variables};

use super::position::Position;
use crate::error::{ApiError, Result};
use crate::http::Operation;

/// The argument that is no part of what is shown.
const AFTER: &str = "after";

/// The place behind which an operation begins, and its variables without that of the cursor: those who are asked for the
/// same from different places share the rest. A variable that stands elsewhere, too, is part of the question.
pub(crate) fn beginning(operation: &Operation) -> Result<(Option<Position>, Variables)> {
    let mut shared = operation.variables.clone();
    let Some(given) = root(operation)?.get_argument(AFTER) else {
        return Ok((None, shared));
    };
    let mut named = None;
    let cursor = given.node.clone().into_const_with(|name| {
        let value = variable(operation, &name);
        named = Some(name);
        Ok::<_, ()>(value)
    });
    if let Some(name) = named.filter(|name| occurrences(&operation.query, name) == 2) {
        shared.remove(&name);
    }
    match cursor.unwrap_or_default() {
        Value::String(cursor) => Ok((Some(Position::of(&cursor)?), shared)),
        // What is no text is refused by the schema.
        _ => Ok((None, shared)),
    }
}

fn variable(operation: &Operation, name: &Name) -> Value {
    let given = operation.variables.get(name).cloned();
    given.unwrap_or_else(|| {
        let mut definitions = operation
            .document
            .operations
            .iter()
            .flat_map(|(_, operation)| &operation.node.variable_definitions);
        let definition = definitions.find(|definition| definition.node.name.node == *name);
        let default = definition.and_then(|definition| definition.node.default_value());
        default.cloned().unwrap_or_default()
    })
}

/// How often a variable stands in a document: where it is defined, and wherever it is used.
fn occurrences(query: &str, name: &Name) -> usize {
    let sign = format!("${name}");
    let is_end = |behind: Option<char>| !behind.is_some_and(|c| c.is_alphanumeric() || c == '_');
    query
        .match_indices(&sign)
        .filter(|(at, found)| {
            let behind = query.get(at + found.len()..).unwrap_or_default();
            is_end(behind.chars().next())
        })
        .count()
}

/// The one field of the subscription.
fn root(operation: &Operation) -> Result<&Field> {
    const ONE: &str = "a subscription has one operation with exactly one field";
    let name = operation.name.as_deref();
    let mut chosen = operation
        .document
        .operations
        .iter()
        .filter(|(known, found)| {
            found.node.ty == OperationType::Subscription
                && name.is_none_or(|name| known.is_some_and(|known| known.as_str() == name))
        });
    let (Some((_, found)), None) = (chosen.next(), chosen.next()) else {
        return Err(ApiError::BadInput(ONE.to_owned()));
    };
    let mut fields = Vec::new();
    let mut seen = HashSet::new();
    collect(
        operation,
        &found.node.selection_set.node,
        &mut seen,
        &mut fields,
    );
    match fields.as_slice() {
        [field] => Ok(field),
        _ => Err(ApiError::BadInput(ONE.to_owned())),
    }
}

fn collect<'a>(
    operation: &'a Operation,
    set: &'a SelectionSet,
    seen: &mut HashSet<&'a Name>,
    fields: &mut Vec<&'a Field>,
) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => fields.push(&field.node),
            Selection::InlineFragment(fragment) => {
                collect(operation, &fragment.node.selection_set.node, seen, fields);
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if let Some(fragment) = operation.document.fragments.get(name)
                    && seen.insert(name)
                {
                    collect(operation, &fragment.node.selection_set.node, seen, fields);
                }
            }
        }
    }
}
