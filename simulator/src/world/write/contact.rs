//! Contacts: an edit moves the lead's date without a `lead.updated` event; one added or removed
//! changes the lead's `contact_ids` (dossier 3.4, 5.7).

use super::body::{set_custom, set_emails, set_phones, set_text, set_urls, text};
use super::custom_record::custom;
use super::{Body, Refused, Write};
use crate::world::contact::Contact;
use crate::world::custom::CustomValues;
use crate::world::custom_field::FieldOn;
use crate::world::custom_record::Form;
use crate::world::id::IdKind;
use crate::world::records::{Kind, View};
use crate::world::store::Handle;

impl Write<'_> {
    pub(super) fn create_contact(&mut self, body: &Body) -> Result<View, Refused> {
        let existing = match text(body, "lead_id")?.flatten() {
            Some(id) => {
                let found = self.find(Kind::Lead, id);
                Some(found.map_err(|_| Refused::field("lead_id", "Object does not exist."))?)
            }
            None => None,
        };
        let unplaced = self.world.records.leads.next_handle();
        let lead = existing.as_ref().map_or(unplaced, |(place, _)| *place);
        let contact = self.contact_from(body, lead)?;
        if existing.is_none() {
            self.create_lead_named(contact.display_name());
        }
        let place = self.world.records.contacts.next_handle();
        self.world.put_contact(place, Some(contact));
        match &existing {
            None => self.created(Kind::Lead, lead).map(drop)?,
            Some((_, before)) => self.lead_changed(lead, before).map(drop)?,
        }
        self.created(Kind::Contact, place)
    }

    /// A new contact of a lead, not yet in the world.
    pub(super) fn contact_from(&mut self, body: &Body, lead: Handle) -> Result<Contact, Refused> {
        let now = self.now();
        let mut contact = Contact {
            id: self.world.mint(IdKind::Contact),
            lead,
            name: None,
            title: None,
            emails: Box::default(),
            phones: Box::default(),
            urls: Box::default(),
            timezone: None,
            custom: CustomValues::default(),
            created_by: self.actor.user,
            updated_by: self.actor.user,
            created: now,
            updated: now,
        };
        self.fill_contact(&mut contact, body)?;
        Ok(contact)
    }

    fn fill_contact(&self, contact: &mut Contact, body: &Body) -> Result<(), Refused> {
        set_text(body, "name", &mut contact.name)?;
        set_text(body, "title", &mut contact.title)?;
        set_emails(body, &mut contact.emails)?;
        set_phones(body, &mut contact.phones)?;
        set_urls(body, &mut contact.urls)?;
        set_custom(
            &self.world.organization,
            FieldOn::Contact,
            body,
            &mut contact.custom,
        )
    }

    pub(super) fn update_contact(&mut self, id: &str, body: &Body) -> Result<View, Refused> {
        let (place, before) = self.find(Kind::Contact, id)?;
        let View::Contact(view) = &before else {
            return Err(Refused::NotFound);
        };
        let mut contact = (*view.contact).clone();
        self.fill_contact(&mut contact, body)?;
        contact.updated_by = self.actor.user;
        contact.updated = self.now();
        let lead = contact.lead;
        self.world.put_contact(place, Some(contact));
        let view = self.updated(Kind::Contact, place, &before)?;
        self.touch_lead(lead);
        Ok(view)
    }

    pub(super) fn delete_contact(&mut self, id: &str) -> Result<(), Refused> {
        let (place, before) = self.find(Kind::Contact, id)?;
        let View::Contact(view) = &before else {
            return Err(Refused::NotFound);
        };
        let lead = view.contact.lead;
        let lead_before = self.view(Kind::Lead, lead).ok_or(Refused::NotFound)?;
        let of_contact: Vec<(Handle, View)> = self
            .world
            .records
            .opportunities
            .of_lead(lead)
            .filter(|(_, deal)| deal.contact == Some(place))
            .filter_map(|(deal, _)| Some((deal, self.view(Kind::Opportunity, deal)?)))
            .collect();
        self.world.put_contact(place, None);
        self.deleted(&before);
        for (deal_place, deal_before) in of_contact {
            if let View::Opportunity(view) = &deal_before {
                let mut deal = (*view.opportunity).clone();
                deal.contact = None;
                deal.updated = self.now();
                self.world.put_opportunity(deal_place, Some(deal));
            }
            self.updated(Kind::Opportunity, deal_place, &deal_before)?;
        }
        for (activity, activity_before) in self.children(Kind::CustomActivity, lead) {
            let mut record = custom(&activity_before)?;
            if let Form::Activity { contact, .. } = &mut record.form
                && *contact == Some(place)
            {
                *contact = None;
                self.change_custom(activity, record, &activity_before)?;
            }
        }
        self.lead_changed(lead, &lead_before).map(drop)
    }
}
