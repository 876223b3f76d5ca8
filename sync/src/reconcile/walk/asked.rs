//! What a search is asked for.

use super::SearchedType;

/// What a search asks of each object; it returns nothing that is not named.
#[derive(Clone, Debug)]
pub(in crate::reconcile) enum Asked {
    /// All that mapping reads, with these custom fields of leads, contacts and opportunities.
    Everything([Vec<String>; 3]),
    /// Id and version.
    Versions,
}

impl Asked {
    pub(super) fn fields(&self, object: SearchedType) -> Vec<String> {
        let Asked::Everything([of_leads, of_contacts, of_opportunities]) = self else {
            return vec!["id".to_owned(), "date_updated".to_owned()];
        };
        let (standard, custom): (&[&str], _) = match object {
            SearchedType::Lead => (&LEAD_FIELDS, of_leads),
            SearchedType::Contact => (&CONTACT_FIELDS, of_contacts),
            SearchedType::Opportunity => (&OPPORTUNITY_FIELDS, of_opportunities),
        };
        let custom = custom.iter().map(|id| format!("custom.{id}"));
        standard
            .iter()
            .map(|name| (*name).to_owned())
            .chain(custom)
            .collect()
    }
}

const LEAD_FIELDS: [&str; 14] = [
    "id",
    "organization_id",
    "name",
    "display_name",
    "description",
    "url",
    "html_url",
    "status_id",
    "status_label",
    "addresses",
    "created_by",
    "updated_by",
    "date_created",
    "date_updated",
];

const CONTACT_FIELDS: [&str; 14] = [
    "id",
    "organization_id",
    "lead_id",
    "name",
    "display_name",
    "title",
    "emails",
    "phones",
    "urls",
    "timezone",
    "created_by",
    "updated_by",
    "date_created",
    "date_updated",
];

const OPPORTUNITY_FIELDS: [&str; 28] = [
    "id",
    "organization_id",
    "lead_id",
    "lead_name",
    "contact_id",
    "contact_name",
    "user_id",
    "user_name",
    "status_id",
    "status_label",
    "status_display_name",
    "status_type",
    "pipeline_id",
    "pipeline_name",
    "value",
    "value_currency",
    "value_formatted",
    "value_period",
    "expected_value",
    "annualized_value",
    "annualized_expected_value",
    "confidence",
    "date_won",
    "date_lost",
    "note",
    "created_by",
    "date_created",
    "date_updated",
];
