//! Types of custom objects and of custom activities (dossier 4.8, 4.10).

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::custom_field::{FieldOn, ShownField};
use super::id::Id;
use super::moment::Moment;
use super::organization::{Organization, user_id};
use super::records::Kind;

#[derive(Debug, Clone)]
pub(crate) struct CustomType {
    pub(crate) id: Id,
    /// [`Kind::CustomObject`] or [`Kind::CustomActivity`].
    pub(crate) kind: Kind,
    pub(crate) name: Cow<'static, str>,
    pub(crate) name_plural: Cow<'static, str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

impl CustomType {
    /// Where the fields of the type in this place stand.
    pub(crate) fn fields_on(&self, place: u8) -> FieldOn {
        match self.kind {
            Kind::CustomActivity => FieldOn::CustomActivity(place),
            _ => FieldOn::CustomObject(place),
        }
    }
}

/// A type as `/custom_object_type/` and `/custom_activity/` give it, with its fields.
#[derive(Debug)]
pub(crate) struct ShownType<'o> {
    pub(crate) organization: &'o Organization,
    pub(crate) place: u8,
    pub(crate) shown: &'o CustomType,
}

impl Serialize for ShownType<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (organization, one) = (self.organization, self.shown);
        let fields = organization.fields_of(one.fields_on(self.place));
        let fields: Vec<_> = fields
            .map(|(_, field)| ShownField {
                organization,
                field,
            })
            .collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &one.id)?;
        map.serialize_entry("organization_id", &organization.id)?;
        map.serialize_entry("name", &one.name)?;
        if one.kind == Kind::CustomObject {
            map.serialize_entry("name_plural", &one.name_plural)?;
        }
        map.serialize_entry("description", &one.description)?;
        map.serialize_entry("api_create_only", &false)?;
        map.serialize_entry("editable_with_roles", &[(); 0])?;
        map.serialize_entry("is_archived", &false)?;
        map.serialize_entry("fields", &fields)?;
        if one.kind == Kind::CustomObject {
            map.serialize_entry("back_reference_fields", &[(); 0])?;
        }
        map.serialize_entry("created_by", &user_id(organization, Some(0)))?;
        map.serialize_entry("updated_by", &user_id(organization, Some(0)))?;
        map.serialize_entry("date_created", &one.created.naive())?;
        map.serialize_entry("date_updated", &one.updated.naive())?;
        map.end()
    }
}
