//! Operators of custom fields, which are known by name.

use async_graphql::InputObject;

use super::{DateFilter, DecimalFilter, TextFilter};
use crate::error::{ApiError, Result};
use crate::query::custom::FieldName;
use crate::query::filter::{Filter, Test};
use crate::query::parts::As;

/// Compares a custom field; all that is given must hold. Of a field with several values one must have it; `ne`, `notIn`
/// and `isNull: true` hold where no value has it.
#[derive(Debug, InputObject)]
pub(crate) struct CustomFieldFilter {
    /// The name of the field in Close, such as "Industry". Fields of one name in several connections are one.
    name: Option<String>,
    /// The id of the field in Close, `cf_…`, in place of its name.
    id: Option<String>,
    /// Compares texts, choices, and ids of users, contacts and custom objects.
    text: Option<TextFilter>,
    /// Compares numbers.
    number: Option<DecimalFilter>,
    /// Compares days; of fields with a time the day in UTC.
    date: Option<DateFilter>,
}

impl CustomFieldFilter {
    pub(crate) fn conditions(self) -> Result<Vec<Filter>> {
        let field = match (self.name, self.id) {
            (Some(name), None) => FieldName::Name(name),
            (None, Some(id)) => FieldName::Id(id),
            _ => {
                let allowed = "customFields takes either the name or the id of each field";
                return Err(ApiError::BadInput(allowed.to_owned()));
            }
        };
        let tests: [(As, Vec<Test>); 3] = [
            (
                As::Text,
                self.text
                    .map(TextFilter::tests)
                    .transpose()?
                    .unwrap_or_default(),
            ),
            (
                As::Number,
                self.number
                    .map(DecimalFilter::tests)
                    .transpose()?
                    .unwrap_or_default(),
            ),
            (
                As::Date,
                self.date
                    .map(DateFilter::tests)
                    .transpose()?
                    .unwrap_or_default(),
            ),
        ];
        let all: Vec<Filter> = tests
            .into_iter()
            .flat_map(|(compared, tests)| tests.into_iter().map(move |test| (compared, test)))
            .map(|(compared, test)| Filter::Custom {
                field: field.clone(),
                compared,
                test,
            })
            .collect();
        if all.is_empty() {
            return Err(ApiError::BadInput(
                "customFields compares by text, number or date".to_owned(),
            ));
        }
        Ok(all)
    }
}
