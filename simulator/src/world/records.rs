//! All objects of the organization at one moment, and the views that answers are written from.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::contact::{Contact, ContactView};
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
}

/// An object's type, where code treats the three alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Lead,
    Contact,
    Opportunity,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Lead, Self::Contact, Self::Opportunity];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Any of the three views.
#[derive(Debug, Clone)]
pub(crate) enum View {
    Lead(LeadView),
    Contact(ContactView),
    Opportunity(OpportunityView),
}

impl Records {
    pub(crate) fn view(&self, kind: Kind, handle: Handle) -> Option<View> {
        match kind {
            Kind::Lead => self.lead_view(handle).map(View::Lead),
            Kind::Contact => self.contact_view(handle).map(View::Contact),
            Kind::Opportunity => self.opportunity_view(handle).map(View::Opportunity),
        }
    }

    pub(crate) fn find(&self, kind: Kind, id: &str) -> Option<Handle> {
        match kind {
            Kind::Lead => self.leads.find(id).map(|(handle, _)| handle),
            Kind::Contact => self.contacts.find(id).map(|(handle, _)| handle),
            Kind::Opportunity => self.opportunities.find(id).map(|(handle, _)| handle),
        }
    }
}

impl View {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Lead(_) => Kind::Lead,
            Self::Contact(_) => Kind::Contact,
            Self::Opportunity(_) => Kind::Opportunity,
        }
    }

    pub(crate) fn id(&self) -> Id {
        match self {
            Self::Lead(view) => view.lead.id,
            Self::Contact(view) => view.contact.id,
            Self::Opportunity(view) => view.opportunity.id,
        }
    }

    /// The lead that it is or belongs to.
    pub(crate) fn lead_id(&self) -> Id {
        match self {
            Self::Lead(view) => view.lead.id,
            Self::Contact(view) => view.lead_id,
            Self::Opportunity(view) => view.lead_id,
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
