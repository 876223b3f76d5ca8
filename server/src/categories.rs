//! The rules by which won deals get a category: read from the file that the configuration names, kept in the database,
//! where all processes find the same.

use crate::config::ConfigError;
use closegraph_sync::connect::Connections;
use closegraph_sync::mapping::{Categories, CategoryRule};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How soon an organization that is connected while the server runs has the rules.
const PERIOD: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<CategoryRule>,
}

/// The rules of a file.
pub(crate) fn read(path: &Path) -> Result<Categories, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let refused = |message: String| ConfigError::Refused {
        place: path.display().to_string(),
        message,
    };
    let file: File = toml::from_str(&text).map_err(|error| refused(error.to_string()))?;
    if file.rule.is_empty() {
        return Err(refused("it has no [[rule]]".to_owned()));
    }
    for rule in &file.rule {
        if rule.name.trim().is_empty() || rule.category.trim().is_empty() {
            return Err(refused("each rule needs a name and a category".to_owned()));
        }
        let known = ["one_time", "monthly", "annual"];
        if let Some(word) = rule
            .when
            .billing_period
            .iter()
            .find(|word| !known.contains(&word.as_str()))
        {
            let message = format!(
                "billing_period of {:?} is {word:?}, allowed: {}",
                rule.name,
                known.join(", ")
            );
            return Err(refused(message));
        }
    }
    Ok(Categories::new(file.rule))
}

/// Keeps the rules of all connections as they are given; those that come with the program where none are.
pub(crate) async fn keep(
    connections: Connections,
    rules: Option<Categories>,
    stop: CancellationToken,
) {
    loop {
        if let Err(error) = connections.set_categories(rules.as_ref()).await {
            tracing::warn!(
                error = error.logged(),
                "the rules of categories can't be kept"
            );
        }
        if stop
            .run_until_cancelled(tokio::time::sleep(PERIOD))
            .await
            .is_none()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    fn refused(text: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path()).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn the_rules_of_the_documentation_can_be_read() {
        let page = include_str!("../../docs/invoices.md");
        let rules = page
            .split("```toml")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), rules).unwrap();
        assert!(read(file.path()).is_ok());
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_with_what_is_allowed() {
        assert!(refused("").contains("no [[rule]]"));
        assert!(
            refused("[[rule]]\nname = \"a\"\ncategory = \"b\"\nwen.note = [\"c\"]").contains("wen")
        );
        let period = "[[rule]]\nname = \"a\"\ncategory = \"b\"\nwhen.billing_period = [\"weekly\"]";
        assert!(refused(period).contains("one_time, monthly, annual"));
    }
}
