//! The variables of a request, counted before they are looked at.

use super::limits::{Exceeded, Limits};
use serde_json::Value;

/// Refuses variables that are too many, too large or too deep.
pub(super) fn check(variables: &Value, limits: &Limits) -> Result<(), Exceeded> {
    let given = variables.as_object().map_or(0, serde_json::Map::len);
    if given > limits.variables {
        let allowed = limits.variables as u64;
        return Err(Exceeded::new(
            "VARIABLE_LIMIT",
            "variables",
            given as u64,
            allowed,
        ));
    }
    let mut count = 0;
    // The object that holds them all is no value of a variable.
    let mut level: Vec<&Value> = inside(variables).collect();
    let mut depth = 0;
    while !level.is_empty() {
        count += level.len();
        if count > limits.values {
            let allowed = limits.values as u64;
            return Err(Exceeded::new(
                "VALUE_LIMIT",
                "values in its variables or more",
                count as u64,
                allowed,
            ));
        }
        if depth > limits.value_nesting {
            let allowed = limits.value_nesting as u64;
            return Err(Exceeded::new(
                "VALUE_NESTING_LIMIT",
                "levels in its variables or more",
                depth as u64,
                allowed,
            ));
        }
        level = level.into_iter().flat_map(inside).collect();
        depth += 1;
    }
    Ok(())
}

/// The values directly inside a list or an object.
fn inside(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(entries) => Box::new(entries.values()),
        _ => Box::new(std::iter::empty()),
    }
}
