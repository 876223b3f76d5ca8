//! Environment variables and the keys that they set.

use super::{ConfigError, REFERENCE};

/// Section and key that a variable sets; none for one that is not ours.
pub(super) fn locate(
    variable: &str,
    value: &str,
) -> Result<Option<(&'static str, &'static str)>, ConfigError> {
    match variable.strip_prefix("CLOSEGRAPH_") {
        Some("CONFIG") => Ok(None),
        Some(name) => find(variable, name).map(Some),
        None if variable == "DATABASE_URL" && !value.is_empty() => Ok(Some(("database", "url"))),
        None => Ok(None),
    }
}

/// Section and key of `CLOSEGRAPH_SECTION_KEY`.
fn find(variable: &str, name: &str) -> Result<(&'static str, &'static str), ConfigError> {
    let known = keys();
    let wanted = name.to_ascii_lowercase();
    if let Some(found) = known
        .iter()
        .find(|(section, key)| named(section, key) == wanted)
    {
        return Ok(*found);
    }
    let section = wanted.split('_').next().unwrap_or_default();
    let names = |of: &str| {
        let of_section = known
            .iter()
            .filter(|(known, _)| of.is_empty() || *known == of);
        let names = of_section.map(|(section, key)| {
            format!("CLOSEGRAPH_{}", named(section, key)).to_ascii_uppercase()
        });
        names.collect::<Vec<_>>().join(", ")
    };
    let similar = if names(section).is_empty() {
        names("")
    } else {
        names(section)
    };
    let hint = format!("Known are {similar}");
    Err(ConfigError::UnknownVariable {
        given: variable.to_owned(),
        hint,
    })
}

/// A key as variables name it.
fn named(section: &str, key: &str) -> String {
    format!("{section}_{key}").replace('.', "_")
}

/// All keys, as the reference names them, commented out or not.
pub(super) fn keys() -> Vec<(&'static str, &'static str)> {
    let mut section = "";
    let mut keys = Vec::new();
    for line in REFERENCE.lines() {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            section = name;
        } else if let Some((key, _)) = line.trim_start_matches('#').split_once(" = ")
            && key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            keys.push((section, key));
        }
    }
    keys
}
