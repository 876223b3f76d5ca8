//! Filters of subscriptions, rooted at the event (dossier 5.2).

use serde_json::Value;

fn kind(filter: &Value) -> &str {
    filter
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn parts(filter: &Value) -> impl Iterator<Item = &Value> {
    filter
        .get("filters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Whether every node is of a known type and complete.
pub(super) fn is_valid(filter: &Value) -> bool {
    let inner = || filter.get("filter").is_some_and(is_valid);
    match kind(filter) {
        "equals" | "not_equals" | "contains" => filter.get("value").is_some(),
        "is_null" | "non_null" => true,
        "and" | "or" => {
            filter.get("filters").is_some_and(Value::is_array) && parts(filter).all(is_valid)
        }
        "not" | "any_array_value" => inner(),
        "field_accessor" => filter.get("field").is_some_and(Value::is_string) && inner(),
        _ => false,
    }
}

/// Whether a value passes. A field that is not there counts as null.
pub(super) fn passes(filter: &Value, value: &Value) -> bool {
    let wanted = filter.get("value").unwrap_or(&Value::Null);
    let inner = |value: &Value| {
        filter
            .get("filter")
            .is_some_and(|inner| passes(inner, value))
    };
    match kind(filter) {
        "equals" => value == wanted,
        "not_equals" => value != wanted,
        "is_null" => value.is_null(),
        "non_null" => !value.is_null(),
        "contains" => match value {
            Value::Array(items) => items.contains(wanted),
            Value::String(text) => wanted.as_str().is_some_and(|part| text.contains(part)),
            _ => false,
        },
        "and" => parts(filter).all(|part| passes(part, value)),
        "or" => parts(filter).any(|part| passes(part, value)),
        "not" => !inner(value),
        "field_accessor" => {
            let field = filter
                .get("field")
                .and_then(Value::as_str)
                .unwrap_or_default();
            inner(value.get(field).unwrap_or(&Value::Null))
        }
        "any_array_value" => value
            .as_array()
            .is_some_and(|items| items.iter().any(inner)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{is_valid, passes};

    #[test]
    fn only_when_an_opportunity_becomes_won() {
        let accessor =
            |field, filter| json!({ "type": "field_accessor", "field": field, "filter": filter });
        let won = accessor(
            "data",
            accessor("status_type", json!({ "type": "equals", "value": "won" })),
        );
        let moved = accessor(
            "changed_fields",
            json!({ "type": "contains", "value": "status_type" }),
        );
        let filter = json!({ "type": "and", "filters": [moved, won] });
        assert!(is_valid(&filter));
        let event = |changed, status| json!({ "changed_fields": [changed], "data": { "status_type": status } });
        assert!(passes(&filter, &event("status_type", "won")));
        assert!(!passes(&filter, &event("status_type", "lost")));
        assert!(!passes(&filter, &event("value", "won")));
        assert!(!is_valid(&json!({ "type": "regex", "value": ".*" })));
    }
}
