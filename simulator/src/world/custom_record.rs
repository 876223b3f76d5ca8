//! Instances of custom object types and of custom activity types (dossier 4.8, 4.10).

use std::sync::Arc;

use serde::Serializer;
use serde::ser::SerializeMap;

use super::contact::Contact;
use super::custom::CustomValues;
use super::custom_field::FieldOn;
use super::fields::{Fields, Selection};
use super::id::Id;
use super::invoice::Truth;
use super::moment::Moment;
use super::organization::{Organization, user_id, user_name};
use super::records::Kind;
use super::store::{Handle, Record};

#[derive(Debug, Clone)]
pub(crate) struct CustomRecord {
    pub(crate) id: Id,
    /// The place of its type in the organization.
    pub(crate) of_type: u8,
    pub(crate) lead: Handle,
    /// What only an object, or only an activity, has.
    pub(crate) form: Form,
    pub(crate) custom: CustomValues,
    /// What the simulated people know it to be; the fields tell it in their layout.
    pub(crate) truth: Truth,
    pub(crate) created_by: Option<u8>,
    pub(crate) updated_by: Option<u8>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

#[derive(Debug, Clone)]
pub(crate) enum Form {
    Object {
        name: Box<str>,
    },
    Activity {
        contact: Option<Handle>,
        user: Option<u8>,
        /// Else a draft.
        published: bool,
        at: Moment,
    },
}

impl Record for CustomRecord {
    fn id(&self) -> Id {
        self.id
    }
    fn created(&self) -> Moment {
        self.created
    }
    fn updated(&self) -> Moment {
        self.updated
    }
    fn lead(&self) -> Option<Handle> {
        Some(self.lead)
    }
}

impl CustomRecord {
    pub(crate) fn kind(&self) -> Kind {
        match self.form {
            Form::Object { .. } => Kind::CustomObject,
            Form::Activity { .. } => Kind::CustomActivity,
        }
    }

    /// Where its fields stand.
    pub(crate) fn on(&self) -> FieldOn {
        match self.form {
            Form::Object { .. } => FieldOn::CustomObject(self.of_type),
            Form::Activity { .. } => FieldOn::CustomActivity(self.of_type),
        }
    }

    /// Not the draft of an activity.
    pub(crate) fn published(&self) -> bool {
        !matches!(
            self.form,
            Form::Activity {
                published: false,
                ..
            }
        )
    }
}

/// An instance at one moment.
#[derive(Debug, Clone)]
pub(crate) struct CustomView {
    pub(crate) record: Arc<CustomRecord>,
    pub(crate) lead_id: Id,
    pub(crate) contact: Option<Arc<Contact>>,
}

impl CustomView {
    pub(crate) fn write<S: Serializer>(
        &self,
        organization: &Organization,
        selection: &Selection,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let record = &*self.record;
        let map = serializer.serialize_map(None)?;
        let mut fields = Fields { map, selection };
        fields.put("id", &record.id)?;
        fields.put("organization_id", &organization.id)?;
        let type_id = organization.custom_type(record.of_type).map(|one| one.id);
        let named = matches!(record.form, Form::Activity { .. });
        match &record.form {
            Form::Object { name } => {
                fields.put("custom_object_type_id", &type_id)?;
                fields.put("lead_id", &self.lead_id)?;
                fields.put("name", name)?;
            }
            Form::Activity {
                user,
                published,
                at,
                ..
            } => {
                fields.put("_type", "Custom")?;
                fields.put("custom_activity_type_id", &type_id)?;
                fields.put("lead_id", &self.lead_id)?;
                fields.put(
                    "contact_id",
                    &self.contact.as_ref().map(|contact| contact.id),
                )?;
                fields.put("user_id", &user_id(organization, *user))?;
                fields.put("user_name", &user_name(organization, *user))?;
                fields.put("users", &[(); 0])?;
                fields.put("status", if *published { "published" } else { "draft" })?;
                fields.put("activity_at", at)?;
            }
        }
        record.custom.put_flat(organization, &mut fields)?;
        fields.put("created_by", &user_id(organization, record.created_by))?;
        if named {
            fields.put(
                "created_by_name",
                &user_name(organization, record.created_by),
            )?;
        }
        fields.put("updated_by", &user_id(organization, record.updated_by))?;
        if named {
            fields.put(
                "updated_by_name",
                &user_name(organization, record.updated_by),
            )?;
        }
        fields.put("date_created", &record.created)?;
        fields.put("date_updated", &record.updated)?;
        fields.map.end()
    }
}
