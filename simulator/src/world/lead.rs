//! A lead: a company with its addresses (dossier 4.3).

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::contact::{Contact, ContactView};
use super::custom::CustomValues;
use super::fields::{Fields, Selection};
use super::id::Id;
use super::moment::Moment;
use super::opportunity::OpportunityView;
use super::organization::{Organization, user_id, user_name};
use super::store::{Handle, Record};

#[derive(Debug, Clone)]
pub(crate) struct Lead {
    pub(crate) id: Id,
    pub(crate) name: Option<Box<str>>,
    pub(crate) description: Option<Box<str>>,
    /// Free text: may lack a scheme.
    pub(crate) url: Option<Box<str>>,
    pub(crate) status: u8,
    pub(crate) addresses: Box<[Address]>,
    pub(crate) custom: CustomValues,
    pub(crate) created_by: Option<u8>,
    pub(crate) updated_by: Option<u8>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

impl Record for Lead {
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
        None
    }
}

impl Lead {
    /// The name, else its first contact's, else "Untitled".
    pub(crate) fn display_name<'l>(&'l self, first_contact: Option<&'l Contact>) -> &'l str {
        match self.name.as_deref() {
            Some(name) if !name.is_empty() => name,
            _ => match first_contact.map_or("", Contact::display_name) {
                "" => "Untitled",
                name => name,
            },
        }
    }
}

/// A postal address; `country` is ISO 3166-1 alpha-2, the label is free text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Address {
    pub(crate) label: Arc<str>,
    pub(crate) address_1: Option<Arc<str>>,
    pub(crate) address_2: Option<Arc<str>>,
    pub(crate) city: Option<Arc<str>>,
    pub(crate) state: Option<Arc<str>>,
    pub(crate) zipcode: Option<Arc<str>>,
    pub(crate) country: Option<Arc<str>>,
}

/// A lead at one moment, with the children that an answer may embed.
#[derive(Debug, Clone)]
pub(crate) struct LeadView {
    pub(crate) lead: Arc<Lead>,
    pub(crate) contacts: Vec<ContactView>,
    pub(crate) opportunities: Vec<OpportunityView>,
}

impl LeadView {
    pub(crate) fn write<S: Serializer>(
        &self,
        organization: &Organization,
        selection: &Selection,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let lead = &*self.lead;
        let map = serializer.serialize_map(None)?;
        let mut fields = Fields { map, selection };
        fields.put("id", &lead.id)?;
        fields.put("organization_id", &organization.id)?;
        fields.put("name", &lead.name)?;
        let first_contact = self.contacts.first().map(|view| &*view.contact);
        fields.put("display_name", lead.display_name(first_contact))?;
        fields.put("description", &lead.description)?;
        fields.put("url", &lead.url)?;
        if selection.wants("html_url") {
            let html_url = format!("https://app.close.com/lead/{}/", lead.id);
            fields.map.serialize_entry("html_url", &html_url)?;
        }
        let status = organization.lead_status(lead.status);
        fields.put("status_id", &status.map(|status| status.id))?;
        fields.put("status_label", &status.map(|status| &status.label))?;
        fields.put("addresses", &lead.addresses)?;
        if selection.wants_extra("contact_ids") || matches!(selection, Selection::Event) {
            let ids: Vec<Id> = self.contacts.iter().map(|view| view.contact.id).collect();
            fields.map.serialize_entry("contact_ids", &ids)?;
        }
        if selection.wants_embedded("contacts") {
            let contacts: Vec<_> = self
                .contacts
                .iter()
                .map(|view| Embedded(organization, view))
                .collect();
            fields.map.serialize_entry("contacts", &contacts)?;
        }
        if selection.wants_embedded("opportunities") {
            let opportunities: Vec<_> = self
                .opportunities
                .iter()
                .map(|view| Embedded(organization, view))
                .collect();
            fields
                .map
                .serialize_entry("opportunities", &opportunities)?;
        }
        if selection.wants_embedded("tasks") {
            fields.map.serialize_entry("tasks", &[(); 0])?;
        }
        fields.put("integration_links", &[(); 0])?;
        if !matches!(selection, Selection::Event) {
            fields.put("custom", &lead.custom.by_name(organization))?;
        }
        lead.custom.put_flat(organization, &mut fields)?;
        fields.put("created_by", &user_id(organization, lead.created_by))?;
        fields.put("created_by_name", &user_name(organization, lead.created_by))?;
        fields.put("updated_by", &user_id(organization, lead.updated_by))?;
        fields.put("updated_by_name", &user_name(organization, lead.updated_by))?;
        fields.put("date_created", &lead.created)?;
        fields.put("date_updated", &lead.updated)?;
        fields.map.end()
    }
}

/// A child inside a lead: always whole.
struct Embedded<'v, V>(&'v Organization, &'v V);

impl Serialize for Embedded<'_, ContactView> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.1.write(self.0, &Selection::Usual, serializer)
    }
}

impl Serialize for Embedded<'_, OpportunityView> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.1.write(self.0, &Selection::Usual, serializer)
    }
}
