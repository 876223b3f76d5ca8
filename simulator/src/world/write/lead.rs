//! Leads: create with nested contacts, change, delete with everything below (dossier 4.3).

use serde_json::Value;

use super::body::{set_addresses, set_custom, set_text, text};
use super::{Body, Refused, Write};
use crate::world::custom::CustomValues;
use crate::world::custom_field::FieldOn;
use crate::world::id::IdKind;
use crate::world::lead::Lead;
use crate::world::records::{Kind, View};
use crate::world::store::Handle;

impl Write<'_> {
    pub(super) fn create_lead(&mut self, body: &Body) -> Result<View, Refused> {
        let mut lead = self.blank_lead();
        self.fill_lead(&mut lead, body)?;
        let nested = body.get("contacts").and_then(Value::as_array);
        let nested: Vec<&Body> = nested
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .collect();
        let place = self.world.records.leads.next_handle();
        let contacts = nested
            .into_iter()
            .map(|contact| self.contact_from(contact, place));
        let contacts = contacts.collect::<Result<Vec<_>, _>>()?;
        self.world.put_lead(place, Some(lead));
        let mut places = Vec::with_capacity(contacts.len());
        for contact in contacts {
            let contact_place = self.world.records.contacts.next_handle();
            self.world.put_contact(contact_place, Some(contact));
            places.push(contact_place);
        }
        let view = self.created(Kind::Lead, place)?;
        for contact_place in places {
            self.created(Kind::Contact, contact_place)?;
        }
        Ok(view)
    }

    /// A lead that only has a name: what a contact or an opportunity without one brings about.
    pub(super) fn create_lead_named(&mut self, name: &str) -> Handle {
        let place = self.world.records.leads.next_handle();
        let lead = Lead {
            name: Some(name.into()),
            ..self.blank_lead()
        };
        self.world.put_lead(place, Some(lead));
        place
    }

    fn blank_lead(&mut self) -> Lead {
        let now = self.now();
        Lead {
            id: self.world.mint(IdKind::Lead),
            name: None,
            description: Some("".into()),
            url: None,
            status: 0,
            addresses: Box::default(),
            custom: CustomValues::default(),
            created_by: self.actor.user,
            updated_by: self.actor.user,
            created: now,
            updated: now,
        }
    }

    pub(super) fn update_lead(&mut self, id: &str, body: &Body) -> Result<View, Refused> {
        let (place, before) = self.find(Kind::Lead, id)?;
        let View::Lead(view) = &before else {
            return Err(Refused::NotFound);
        };
        let mut lead = (*view.lead).clone();
        self.fill_lead(&mut lead, body)?;
        lead.updated_by = self.actor.user;
        lead.updated = self.now();
        self.world.put_lead(place, Some(lead));
        self.updated(Kind::Lead, place, &before)
    }

    fn fill_lead(&self, lead: &mut Lead, body: &Body) -> Result<(), Refused> {
        set_text(body, "name", &mut lead.name)?;
        set_text(body, "description", &mut lead.description)?;
        set_text(body, "url", &mut lead.url)?;
        set_addresses(body, &mut lead.addresses)?;
        for key in ["status", "status_id"] {
            if let Some(given) = text(body, key)? {
                let mut statuses = self.world.organization.lead_statuses.iter();
                let place = statuses.position(|status| {
                    Some(if key == "status" {
                        status.label.as_str()
                    } else {
                        status.id.as_str()
                    }) == given
                });
                lead.status = place
                    .and_then(|place| u8::try_from(place).ok())
                    .ok_or_else(|| Refused::field(key, "Invalid lead status."))?;
            }
        }
        set_custom(
            &self.world.organization,
            FieldOn::Lead,
            body,
            &mut lead.custom,
        )
    }

    pub(super) fn delete_lead(&mut self, id: &str) -> Result<(), Refused> {
        let (place, before) = self.find(Kind::Lead, id)?;
        let below = [
            Kind::CustomActivity,
            Kind::CustomObject,
            Kind::Opportunity,
            Kind::Contact,
        ];
        let children = below.map(|kind| (kind, self.children(kind, place)));
        for (kind, children) in &children {
            for (child, _) in children {
                match kind {
                    Kind::Contact => self.world.put_contact(*child, None),
                    Kind::Opportunity => self.world.put_opportunity(*child, None),
                    _ => self.world.put_custom(*kind, *child, None),
                }
            }
        }
        self.world.put_lead(place, None);
        for (_, child) in children.iter().flat_map(|(_, children)| children) {
            self.deleted(child);
        }
        self.deleted(&before);
        Ok(())
    }
}
