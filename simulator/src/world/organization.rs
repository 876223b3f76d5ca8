//! What changes never or rarely: the organization, its users, statuses, pipelines and custom
//! fields (dossier 4.1, 4.2, 4.6, 4.7). Other objects name them by their place in a list.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::id::Id;
use super::moment::Moment;

#[derive(Debug)]
pub(crate) struct Organization {
    pub(crate) id: Id,
    pub(crate) name: String,
    /// ISO 4217; one for the whole organization.
    pub(crate) currency: String,
    pub(crate) billing_account: Id,
    pub(crate) api_key_id: Id,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
    pub(crate) users: Vec<User>,
    pub(crate) lead_statuses: Vec<LeadStatus>,
    pub(crate) pipelines: Vec<Pipeline>,
    /// All pipelines' statuses, in board order, pipeline by pipeline.
    pub(crate) opportunity_statuses: Vec<OpportunityStatus>,
    pub(crate) custom_fields: Vec<CustomField>,
}

impl Organization {
    pub(crate) fn user(&self, place: u8) -> Option<&User> {
        self.users.get(usize::from(place))
    }

    pub(crate) fn user_place(&self, id: &str) -> Option<u8> {
        let place = self.users.iter().position(|user| user.id.as_str() == id)?;
        u8::try_from(place).ok()
    }

    pub(crate) fn lead_status(&self, place: u8) -> Option<&LeadStatus> {
        self.lead_statuses.get(usize::from(place))
    }

    pub(crate) fn opportunity_status(&self, place: u8) -> Option<&OpportunityStatus> {
        self.opportunity_statuses.get(usize::from(place))
    }

    pub(crate) fn opportunity_status_place(&self, id: &str) -> Option<u8> {
        let mut statuses = self.opportunity_statuses.iter();
        u8::try_from(statuses.position(|status| status.id.as_str() == id)?).ok()
    }

    /// The first status of a pipeline: where its new opportunities begin.
    pub(crate) fn first_status_of(&self, pipeline: u8) -> Option<u8> {
        let mut statuses = self.opportunity_statuses.iter();
        u8::try_from(statuses.position(|status| status.pipeline == pipeline)?).ok()
    }

    pub(crate) fn pipeline(&self, place: u8) -> Option<&Pipeline> {
        self.pipelines.get(usize::from(place))
    }

    pub(crate) fn custom_field(&self, place: u8) -> Option<&CustomField> {
        self.custom_fields.get(usize::from(place))
    }

    /// The fields of one type of object, shared ones included, each with its place.
    pub(crate) fn fields_of(&self, on: FieldOn) -> impl Iterator<Item = (u8, &CustomField)> {
        (0_u8..)
            .zip(&self.custom_fields)
            .filter(move |(_, field)| field.applies_to(on))
    }

    /// The statuses of one pipeline, in board order.
    pub(crate) fn board(&self, pipeline: u8) -> impl Iterator<Item = &OpportunityStatus> {
        self.opportunity_statuses
            .iter()
            .filter(move |status| status.pipeline == pipeline)
    }
}

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: Id,
    pub(crate) membership: Id,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) timezone: &'static str,
    pub(crate) role: &'static str,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

impl User {
    pub(crate) fn name(&self) -> FullName<'_> {
        FullName(self)
    }
}

/// First and last name as one text.
#[derive(Debug)]
pub(crate) struct FullName<'u>(&'u User);

impl std::fmt::Display for FullName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0.first_name, self.0.last_name)
    }
}

impl Serialize for FullName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Debug)]
pub(crate) struct LeadStatus {
    pub(crate) id: Id,
    pub(crate) label: String,
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) created_by: Option<u8>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusType {
    Active,
    Won,
    Lost,
}

impl StatusType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

#[derive(Debug)]
pub(crate) struct OpportunityStatus {
    pub(crate) id: Id,
    pub(crate) label: String,
    pub(crate) kind: StatusType,
    pub(crate) pipeline: u8,
}

/// The type of object that a custom field stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldOn {
    Lead,
    Contact,
    Opportunity,
}

impl FieldOn {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldType {
    Text,
    Number,
    Date,
    DateTime,
    Choices,
    User,
    Contact,
    Hidden,
}

impl FieldType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Choices => "choices",
            Self::User => "user",
            Self::Contact => "contact",
            Self::Hidden => "hidden",
        }
    }
}

#[derive(Debug)]
pub(crate) struct CustomField {
    pub(crate) id: Id,
    /// `custom.cf_…`, as objects carry it.
    pub(crate) key: Box<str>,
    pub(crate) name: &'static str,
    pub(crate) description: Option<&'static str>,
    pub(crate) kind: FieldType,
    pub(crate) choices: &'static [&'static str],
    pub(crate) many: bool,
    /// More than one for a shared field.
    pub(crate) on: &'static [FieldOn],
    pub(crate) shared: bool,
    pub(crate) created_by: Option<u8>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

impl CustomField {
    pub(crate) fn applies_to(&self, on: FieldOn) -> bool {
        self.on.contains(&on)
    }
}

/// A user's id, or null.
pub(crate) fn user_id(organization: &Organization, place: Option<u8>) -> Option<Id> {
    Some(organization.user(place?)?.id)
}

/// A user's full name, or null.
pub(crate) fn user_name(organization: &Organization, place: Option<u8>) -> Option<FullName<'_>> {
    Some(organization.user(place?)?.name())
}

/// A custom field as `/custom_field/…/` lists it.
#[derive(Debug)]
pub(crate) struct ShownField<'o> {
    pub(crate) organization: &'o Organization,
    pub(crate) field: &'o CustomField,
}

impl Serialize for ShownField<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let field = self.field;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &field.id)?;
        map.serialize_entry("organization_id", &self.organization.id)?;
        map.serialize_entry("name", field.name)?;
        map.serialize_entry("description", &field.description)?;
        map.serialize_entry("type", field.kind.as_str())?;
        if field.kind == FieldType::Choices {
            map.serialize_entry("choices", field.choices)?;
        }
        map.serialize_entry("accepts_multiple_values", &field.many)?;
        map.serialize_entry("editable_with_roles", &[(); 0])?;
        map.serialize_entry("is_shared", &field.shared)?;
        map.serialize_entry("referenced_custom_type_id", &None::<Id>)?;
        map.serialize_entry("back_reference_is_visible", &false)?;
        map.serialize_entry("created_by", &user_id(self.organization, field.created_by))?;
        map.serialize_entry("updated_by", &user_id(self.organization, field.created_by))?;
        map.serialize_entry("date_created", &field.created.naive())?;
        map.serialize_entry("date_updated", &field.updated.naive())?;
        if field.shared {
            let associations: Vec<_> = field
                .on
                .iter()
                .map(|on| serde_json::json!({ "object_type": on.as_str() }))
                .collect();
            map.serialize_entry("associations", &associations)?;
        }
        map.end()
    }
}
