//! Operators of texts.

use async_graphql::InputObject;

use super::compare::Compare;
use super::{Operators, on};
use crate::error::Result;
use crate::query::filter::{Filter, Test};
use crate::query::table::Column;

/// Compares texts; `contains`, `startsWith` and `endsWith` ignore case.
#[derive(Debug, InputObject)]
pub(crate) struct TextFilter {
    #[graphql(flatten)]
    compare: Compare<String>,
    /// Has this somewhere in it, in any case.
    contains: Option<String>,
    /// Starts with this, in any case.
    starts_with: Option<String>,
    /// Ends with this, in any case.
    ends_with: Option<String>,
}

impl TextFilter {
    pub(crate) fn tests(self) -> Result<Vec<Test>> {
        let mut tests = self.compare.tests()?;
        let patterns = [
            ("%", self.contains, "%"),
            ("", self.starts_with, "%"),
            ("%", self.ends_with, ""),
        ];
        for (before, text, after) in patterns {
            tests.extend(text.map(|text| Test::Like(format!("{before}{}{after}", escape(&text)))));
        }
        Ok(tests)
    }
}

impl Operators for TextFilter {
    fn conditions(self, column: Column) -> Result<Vec<Filter>> {
        Ok(on(column, self.tests()?))
    }
}

/// Text in which LIKE sees no wildcard.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}
