//! The variables of a request, counted before they are looked at.

use super::limits::{Exceeded, Limits};
use serde_json::Value;

/// Values that a request may have beside those of its variables: its parameters, and what extensions hold.
const PARAMETERS: usize = 20;

/// Refuses the text of a request that holds more values than variables may, whatever they belong to: the first of a list
/// or an object follows its bracket, and each other one a comma. Nothing is kept of it, and no more is read than that takes.
pub(super) fn check_text(json: &[u8], limits: &Limits) -> Result<(), Exceeded> {
    let allowed = limits.values + PARAMETERS;
    // A value and what parts it from the next are two bytes at least.
    if json.len() / 2 <= allowed {
        return Ok(());
    }
    let (mut count, mut in_text, mut escaped, mut opened) = (0, false, false, false);
    for byte in json {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(byte, b']' | b'}');
        count += usize::from(opened && !closes) + usize::from(*byte == b',');
        if count > allowed {
            return Err(too_many(count, limits));
        }
        opened = matches!(byte, b'[' | b'{');
        in_text = *byte == b'"';
    }
    Ok(())
}

fn too_many(count: usize, limits: &Limits) -> Exceeded {
    let allowed = limits.values as u64;
    let what = "values in its variables or more";
    Exceeded::new("VALUE_LIMIT", what, count as u64, allowed)
}

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
            return Err(too_many(count, limits));
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

#[cfg(test)]
mod tests {
    use super::{Limits, PARAMETERS, check_text};

    /// Whether a text passes where variables may hold 100 values.
    fn passes(text: &str) -> bool {
        let limits = Limits {
            values: 100,
            ..Limits::default()
        };
        check_text(text.as_bytes(), &limits).is_ok()
    }

    #[test]
    fn values_are_counted_and_what_stands_in_texts_is_none() {
        let list = |count: usize| format!(r#"{{"variables":{{"a":[{}1]}}}}"#, "1, ".repeat(count));
        assert!(passes(&list(100)));
        // The list and the variables themselves are two more.
        assert!(passes(&list(97 + PARAMETERS)));
        assert!(!passes(&list(98 + PARAMETERS)));
        let nested = |count: usize| format!("{}1{}", r#"{"":["#.repeat(count), "]}".repeat(count));
        assert!(passes(&nested(60)));
        assert!(!passes(&nested(61)));
        let empty = |count: usize| format!("[{}{{ }}]", "[ ],".repeat(count));
        assert!(passes(&empty(99 + PARAMETERS)));
        assert!(!passes(&empty(100 + PARAMETERS)));
        let commas = ",".repeat(1_000);
        assert!(passes(&format!(r#"{{"query":"{commas}"}}"#)));
        assert!(passes(&format!(r#"{{"query":"\"{commas}\\"}}"#)));
        assert!(!passes(&format!(
            r#"{{"query":"\\","variables":[{commas}]}}"#
        )));
    }
}
