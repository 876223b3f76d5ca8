//! Definitions of custom fields, and how `/custom_field/…/` lists them (dossier 4.7).

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::id::Id;
use super::invoice::Role;
use super::moment::Moment;
use super::organization::{Organization, user_id};

/// The type of object that a custom field stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldOn {
    Lead,
    Contact,
    Opportunity,
    /// The custom object type in this place of the organization.
    CustomObject(u8),
    /// The custom activity type in this place of the organization.
    CustomActivity(u8),
}

impl FieldOn {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
            Self::CustomObject(_) => "custom_object",
            Self::CustomActivity(_) => "activity",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldType {
    Text,
    Textarea,
    Number,
    Date,
    DateTime,
    Choices,
    User,
    Contact,
    CustomObject,
    Hidden,
}

impl FieldType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Textarea => "textarea",
            Self::Number => "number",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Choices => "choices",
            Self::User => "user",
            Self::Contact => "contact",
            Self::CustomObject => "custom_object",
            Self::Hidden => "hidden",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct CustomField {
    pub(crate) id: Id,
    /// `custom.cf_…`, as objects carry it.
    pub(crate) key: Box<str>,
    pub(crate) name: Cow<'static, str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) kind: FieldType,
    pub(crate) choices: Vec<Cow<'static, str>>,
    pub(crate) many: bool,
    /// More than one for a shared field.
    pub(crate) on: Cow<'static, [FieldOn]>,
    pub(crate) shared: bool,
    /// The type whose instances a `custom_object` field names.
    pub(crate) references: Option<Id>,
    /// What the field says of an invoice, which Close does not know.
    pub(crate) role: Option<Role>,
    pub(crate) created_by: Option<u8>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

impl CustomField {
    pub(crate) fn applies_to(&self, on: FieldOn) -> bool {
        self.on.contains(&on)
    }
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
        map.serialize_entry("name", &field.name)?;
        map.serialize_entry("description", &field.description)?;
        map.serialize_entry("type", field.kind.as_str())?;
        if field.kind == FieldType::Choices {
            map.serialize_entry("choices", &field.choices)?;
        }
        map.serialize_entry("accepts_multiple_values", &field.many)?;
        map.serialize_entry("editable_with_roles", &[(); 0])?;
        map.serialize_entry("is_shared", &field.shared)?;
        map.serialize_entry("referenced_custom_type_id", &field.references)?;
        map.serialize_entry("back_reference_is_visible", &false)?;
        let type_id = |place: u8| self.organization.custom_type(place).map(|one| one.id);
        match field.on.first() {
            Some(FieldOn::CustomObject(place)) => {
                map.serialize_entry("custom_object_type_id", &type_id(*place))?;
                map.serialize_entry("required", &false)?;
            }
            Some(FieldOn::CustomActivity(place)) => {
                map.serialize_entry("custom_activity_type_id", &type_id(*place))?;
                map.serialize_entry("required", &false)?;
            }
            _ => {}
        }
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
