//! What a search is asked for.

use super::SearchedType;
use closegraph_entity::custom_type::Kind;
use sqlx::PgPool;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a search asks of each object; it returns nothing that is not named.
#[derive(Clone, Debug)]
pub(in crate::reconcile) enum Asked {
    /// All that mapping reads, and these custom fields.
    Everything(Fields),
    /// Id and version.
    Versions,
}

/// The custom fields of what is searched. Custom objects and activities are there where the organization has types of
/// them.
#[derive(Clone, Debug, Default)]
pub(in crate::reconcile) struct Fields(BTreeMap<SearchedType, Vec<String>>);

impl Fields {
    /// As the settings have them.
    pub(in crate::reconcile) async fn read(
        pool: &PgPool,
        connection_id: Uuid,
    ) -> Result<Self, sqlx::Error> {
        let known: Vec<(String, Option<String>)> = sqlx::query_as(
            "select record_type, close_id from custom_field
              where connection_id = $1 and record_type in ('company', 'person', 'opportunity')
             union all
             select kind, field ->> 'id' from custom_type
               left join lateral jsonb_array_elements(fields) field on true
              where connection_id = $1",
        )
        .bind(connection_id)
        .fetch_all(pool)
        .await?;
        let mut fields: BTreeMap<SearchedType, Vec<String>> = BTreeMap::new();
        for (of, field) in known {
            let object = match of.as_str() {
                "company" => SearchedType::Lead,
                "person" => SearchedType::Contact,
                "opportunity" => SearchedType::Opportunity,
                kind if kind == Kind::CustomObject.as_str() => SearchedType::CustomObject,
                _ => SearchedType::CustomActivity,
            };
            let of_object = fields.entry(object).or_default();
            of_object.extend(field.filter(|field| !of_object.contains(field)));
        }
        Ok(Self(fields))
    }

    /// Which custom types there are.
    pub(in crate::reconcile) fn custom(&self) -> Vec<SearchedType> {
        let custom = [SearchedType::CustomObject, SearchedType::CustomActivity];
        custom
            .into_iter()
            .filter(|object| self.0.contains_key(object))
            .collect()
    }
}

impl Asked {
    pub(super) fn custom(&self) -> Vec<SearchedType> {
        match self {
            Self::Everything(fields) => fields.custom(),
            Self::Versions => Vec::new(),
        }
    }

    pub(super) fn fields(&self, object: SearchedType) -> Vec<String> {
        let Asked::Everything(Fields(custom)) = self else {
            return vec!["id".to_owned(), "date_updated".to_owned()];
        };
        let standard: &[&str] = match object {
            SearchedType::Lead => &LEAD_FIELDS,
            SearchedType::Contact => &CONTACT_FIELDS,
            SearchedType::Opportunity => &OPPORTUNITY_FIELDS,
            SearchedType::CustomObject => &CUSTOM_OBJECT_FIELDS,
            SearchedType::CustomActivity => &CUSTOM_ACTIVITY_FIELDS,
        };
        let custom = custom.get(&object).into_iter().flatten();
        let custom = custom.map(|id| format!("custom.{id}"));
        standard
            .iter()
            .map(|name| (*name).to_owned())
            .chain(custom)
            .collect()
    }
}

const CUSTOM_OBJECT_FIELDS: [&str; 9] = [
    "id",
    "organization_id",
    "custom_object_type_id",
    "lead_id",
    "name",
    "created_by",
    "updated_by",
    "date_created",
    "date_updated",
];

const CUSTOM_ACTIVITY_FIELDS: [&str; 13] = [
    "id",
    "_type",
    "organization_id",
    "custom_activity_type_id",
    "lead_id",
    "contact_id",
    "user_id",
    "status",
    "activity_at",
    "created_by",
    "updated_by",
    "date_created",
    "date_updated",
];

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
