//! All objects of the organization at one moment, and the views that answers are written from.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::contact::{Contact, ContactView};
use super::custom_record::{CustomRecord, CustomView, Form};
use super::fields::Selection;
use super::id::Id;
use super::lead::{Lead, LeadView};
use super::opportunity::{Opportunity, OpportunityView};
use super::organization::Organization;
use super::store::{Handle, Store};

#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    pub(crate) leads: Store<Lead>,
    pub(crate) contacts: Store<Contact>,
    pub(crate) opportunities: Store<Opportunity>,
    pub(crate) custom_objects: Store<CustomRecord>,
    pub(crate) custom_activities: Store<CustomRecord>,
}

impl Records {
    fn lead_id(&self, lead: Handle) -> Option<Id> {
        Some(self.leads.get(lead)?.id)
    }

    pub(crate) fn lead_view(&self, handle: Handle) -> Option<LeadView> {
        let lead = Arc::clone(self.leads.get(handle)?);
        let contacts = self.contacts.of_lead(handle);
        let contacts: Vec<ContactView> = contacts
            .map(|(_, contact)| ContactView {
                contact: Arc::clone(contact),
                lead_id: lead.id,
            })
            .collect();
        let opportunities = self.opportunities.of_lead(handle);
        let opportunities = opportunities.filter_map(|(place, _)| self.opportunity_view(place));
        Some(LeadView {
            opportunities: opportunities.collect(),
            lead,
            contacts,
        })
    }

    pub(crate) fn contact_view(&self, handle: Handle) -> Option<ContactView> {
        let contact = Arc::clone(self.contacts.get(handle)?);
        Some(ContactView {
            lead_id: self.lead_id(contact.lead)?,
            contact,
        })
    }

    pub(crate) fn opportunity_view(&self, handle: Handle) -> Option<OpportunityView> {
        let opportunity = Arc::clone(self.opportunities.get(handle)?);
        let lead = self.leads.get(opportunity.lead)?;
        let first_contact = self
            .contacts
            .of_lead(opportunity.lead)
            .next()
            .map(|(_, contact)| &**contact);
        Some(OpportunityView {
            lead_id: lead.id,
            lead_name: lead.display_name(first_contact).into(),
            contact: opportunity
                .contact
                .and_then(|contact| self.contacts.get(contact).cloned()),
            opportunity,
        })
    }

    /// The custom objects or the custom activities.
    pub(crate) fn custom(&self, kind: Kind) -> &Store<CustomRecord> {
        match kind {
            Kind::CustomActivity => &self.custom_activities,
            _ => &self.custom_objects,
        }
    }

    pub(crate) fn custom_mut(&mut self, kind: Kind) -> &mut Store<CustomRecord> {
        match kind {
            Kind::CustomActivity => &mut self.custom_activities,
            _ => &mut self.custom_objects,
        }
    }

    pub(crate) fn custom_view(&self, kind: Kind, handle: Handle) -> Option<CustomView> {
        let record = Arc::clone(self.custom(kind).get(handle)?);
        let contact = match record.form {
            Form::Activity { contact, .. } => contact,
            Form::Object { .. } => None,
        };
        Some(CustomView {
            lead_id: self.lead_id(record.lead)?,
            contact: contact.and_then(|contact| self.contacts.get(contact).cloned()),
            record,
        })
    }
}

/// An object's type, where code treats them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Lead,
    Contact,
    Opportunity,
    CustomObject,
    CustomActivity,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Lead,
        Self::Contact,
        Self::Opportunity,
        Self::CustomObject,
        Self::CustomActivity,
    ];
    pub(crate) const CUSTOM: [Self; 2] = [Self::CustomObject, Self::CustomActivity];

    /// As events and searches name it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
            Self::CustomObject => "custom_object",
            Self::CustomActivity => "activity.custom_activity",
        }
    }

    /// The path of its list under `/api/v1`.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::CustomActivity => "activity/custom",
            other => other.as_str(),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Any of the views.
#[derive(Debug, Clone)]
pub(crate) enum View {
    Lead(LeadView),
    Contact(ContactView),
    Opportunity(OpportunityView),
    Custom(CustomView),
}

impl Records {
    pub(crate) fn view(&self, kind: Kind, handle: Handle) -> Option<View> {
        match kind {
            Kind::Lead => self.lead_view(handle).map(View::Lead),
            Kind::Contact => self.contact_view(handle).map(View::Contact),
            Kind::Opportunity => self.opportunity_view(handle).map(View::Opportunity),
            Kind::CustomObject | Kind::CustomActivity => {
                self.custom_view(kind, handle).map(View::Custom)
            }
        }
    }

    pub(crate) fn find(&self, kind: Kind, id: &str) -> Option<Handle> {
        match kind {
            Kind::Lead => self.leads.find(id).map(|(handle, _)| handle),
            Kind::Contact => self.contacts.find(id).map(|(handle, _)| handle),
            Kind::Opportunity => self.opportunities.find(id).map(|(handle, _)| handle),
            Kind::CustomObject | Kind::CustomActivity => {
                self.custom(kind).find(id).map(|(handle, _)| handle)
            }
        }
    }

    /// How many places a kind has given: handles below it may be live.
    pub(crate) fn places(&self, kind: Kind) -> usize {
        match kind {
            Kind::Lead => self.leads.places(),
            Kind::Contact => self.contacts.places(),
            Kind::Opportunity => self.opportunities.places(),
            Kind::CustomObject | Kind::CustomActivity => self.custom(kind).places(),
        }
    }
}

impl View {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Lead(_) => Kind::Lead,
            Self::Contact(_) => Kind::Contact,
            Self::Opportunity(_) => Kind::Opportunity,
            Self::Custom(view) => view.record.kind(),
        }
    }

    pub(crate) fn id(&self) -> Id {
        match self {
            Self::Lead(view) => view.lead.id,
            Self::Contact(view) => view.contact.id,
            Self::Opportunity(view) => view.opportunity.id,
            Self::Custom(view) => view.record.id,
        }
    }

    /// The lead that it is or belongs to.
    pub(crate) fn lead_id(&self) -> Id {
        match self {
            Self::Lead(view) => view.lead.id,
            Self::Contact(view) => view.lead_id,
            Self::Opportunity(view) => view.lead_id,
            Self::Custom(view) => view.lead_id,
        }
    }
}

/// A view as JSON, with the keys that were selected.
#[derive(Debug)]
pub(crate) struct Shown<'v> {
    pub(crate) organization: &'v Organization,
    pub(crate) selection: &'v Selection,
    pub(crate) view: &'v View,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.view {
            View::Lead(view) => view.write(self.organization, self.selection, serializer),
            View::Contact(view) => view.write(self.organization, self.selection, serializer),
            View::Opportunity(view) => view.write(self.organization, self.selection, serializer),
            View::Custom(view) => view.write(self.organization, self.selection, serializer),
        }
    }
}

/// A view's JSON object, as Close would send it under the selection.
pub(crate) fn to_object(
    organization: &Organization,
    selection: &Selection,
    view: &View,
) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(Shown {
        organization,
        selection,
        view,
    }) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    }
}
