//! A contact: a person at a lead (dossier 4.4).

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::custom::CustomValues;
use super::fields::{Fields, Selection};
use super::id::Id;
use super::moment::Moment;
use super::organization::{Organization, user_id};
use super::store::{Handle, Record};

#[derive(Debug, Clone)]
pub(crate) struct Contact {
    pub(crate) id: Id,
    pub(crate) lead: Handle,
    pub(crate) name: Option<Box<str>>,
    pub(crate) title: Option<Arc<str>>,
    pub(crate) emails: Box<[Email]>,
    pub(crate) phones: Box<[Phone]>,
    pub(crate) urls: Box<[ContactUrl]>,
    pub(crate) timezone: Option<Arc<str>>,
    pub(crate) custom: CustomValues,
    pub(crate) created_by: Option<u8>,
    pub(crate) updated_by: Option<u8>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

impl Record for Contact {
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

impl Contact {
    /// The name, else an e-mail address, else a phone number, else "".
    pub(crate) fn display_name(&self) -> &str {
        match self.name.as_deref() {
            Some(name) if !name.is_empty() => name,
            _ => {
                let email = self.emails.first().map(|email| &*email.email);
                email
                    .or_else(|| Some(&*self.phones.first()?.phone))
                    .unwrap_or_default()
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Email {
    #[serde(rename = "type")]
    pub(crate) kind: Arc<str>,
    pub(crate) email: Box<str>,
    pub(crate) is_unsubscribed: bool,
}

/// A phone number: E.164 when it could be parsed, then with its country.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Phone {
    #[serde(rename = "type")]
    pub(crate) kind: Arc<str>,
    pub(crate) phone: Box<str>,
    pub(crate) phone_formatted: Box<str>,
    pub(crate) country: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ContactUrl {
    #[serde(rename = "type")]
    pub(crate) kind: Arc<str>,
    pub(crate) url: Box<str>,
}

/// A contact at one moment.
#[derive(Debug, Clone)]
pub(crate) struct ContactView {
    pub(crate) contact: Arc<Contact>,
    pub(crate) lead_id: Id,
}

impl ContactView {
    pub(crate) fn write<S: Serializer>(
        &self,
        organization: &Organization,
        selection: &Selection,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let contact = &*self.contact;
        let map = serializer.serialize_map(None)?;
        let mut fields = Fields { map, selection };
        fields.put("id", &contact.id)?;
        fields.put("organization_id", &organization.id)?;
        fields.put("lead_id", &self.lead_id)?;
        fields.put("name", &contact.name)?;
        fields.put("display_name", contact.display_name())?;
        fields.put("title", &contact.title)?;
        fields.put("emails", &contact.emails)?;
        fields.put("phones", &contact.phones)?;
        fields.put("urls", &contact.urls)?;
        fields.put("integration_links", &[(); 0])?;
        fields.put("timezone", &contact.timezone)?;
        let inferred = contact
            .timezone
            .as_ref()
            .map(|_| "inferred_from_phone_number");
        fields.put("timezone_source", &inferred)?;
        contact.custom.put_flat(organization, &mut fields)?;
        fields.put("created_by", &user_id(organization, contact.created_by))?;
        fields.put("updated_by", &user_id(organization, contact.updated_by))?;
        fields.put("date_created", &contact.created)?;
        fields.put("date_updated", &contact.updated)?;
        fields.map.end()
    }
}
