//! What is found by parts of texts and inside JSON, where Postgres shows some connections only.
//!
//! Below a policy it uses no index by operators that could tell what they compare. The views `…_words` have the columns that
//! are compared so and the rows of the same connections; what is found there is read under the policy.

use super::compile::{At, Compiler};
use super::table::Table;
use crate::scope::Sight;

/// Tables with indexes of this kind, and their columns.
const INDEXED: [(&str, &[&str]); 5] = [
    ("company", &["name", "domain", "custom"]),
    ("person", &["name", "emails", "phones", "custom"]),
    ("opportunity", &["custom"]),
    ("transaction", &["custom"]),
    ("receivable", &["number", "custom"]),
];

impl Compiler<'_> {
    /// Where the rows of a table are found by these of its columns: the table itself, or its view.
    pub(crate) fn words(&self, table: &Table, column: &str) -> String {
        let is_indexed =
            |(name, columns): &(&str, &[&str])| *name == table.name && columns.contains(&column);
        let is_behind_policy = *self.scope.sight() != Sight::All;
        match is_behind_policy && INDEXED.iter().any(is_indexed) {
            true => format!("{}_words", table.name),
            false => table.name.to_owned(),
        }
    }

    /// SQL of a condition on a column of the row at hand, which is given the alias that the column is read by.
    pub(crate) fn found_by(
        &self,
        at: &At,
        column: &str,
        condition: impl Fn(&str) -> String,
    ) -> String {
        let words = self.words(at.table, column);
        if words == at.table.name {
            return condition(&at.alias);
        }
        format!(
            "{}.id in (select found.id from {words} found where {})",
            at.alias,
            condition("found")
        )
    }
}
