//! Opportunities and the win rule: a won status dates the win unless a date is there already, and
//! leaving it keeps the date (dossier 4.5). The lead does not move.

use serde_json::Value;

use super::body::{set_custom, set_text, text};
use super::{Body, Refused, Write};
use crate::world::custom::CustomValues;
use crate::world::custom_field::FieldOn;
use crate::world::id::IdKind;
use crate::world::opportunity::{Opportunity, ValuePeriod};
use crate::world::organization::StatusType;
use crate::world::records::{Kind, View};
use crate::world::store::Handle;

impl Write<'_> {
    pub(super) fn create_opportunity(&mut self, body: &Body) -> Result<View, Refused> {
        let existing = match text(body, "lead_id")?.flatten() {
            Some(id) => {
                let found = self.world.records.leads.find(id).map(|(place, _)| place);
                Some(found.ok_or_else(|| Refused::field("lead_id", "Object does not exist."))?)
            }
            None => None,
        };
        let unplaced = self.world.records.leads.next_handle();
        let now = self.now();
        let mut deal = Opportunity {
            id: self.world.mint(IdKind::Opportunity),
            lead: existing.unwrap_or(unplaced),
            contact: None,
            owner: self.actor.user.unwrap_or(0),
            status: self.first_status(body)?,
            period: ValuePeriod::OneTime,
            confidence: 50,
            value: None,
            date_won: None,
            date_lost: None,
            note: None,
            custom: CustomValues::default(),
            created_by: self.actor.user,
            updated_by: self.actor.user,
            created: now,
            updated: now,
        };
        self.fill_opportunity(&mut deal, body)?;
        self.date_outcome(&mut deal, None);
        if existing.is_none() {
            let lead = self.create_lead_named("Untitled");
            self.created(Kind::Lead, lead)?;
        }
        let place = self.world.records.opportunities.next_handle();
        self.world.put_opportunity(place, Some(deal));
        self.created(Kind::Opportunity, place)
    }

    /// The first status of the pipeline that the body names, else of the default one.
    fn first_status(&self, body: &Body) -> Result<u8, Refused> {
        let organization = &self.world.organization;
        let Some(id) = text(body, "pipeline_id")?.flatten() else {
            return Ok(0);
        };
        let mut pipelines = organization.pipelines.iter();
        pipelines
            .position(|pipeline| pipeline.id.as_str() == id)
            .and_then(|place| organization.first_status_of(u8::try_from(place).ok()?))
            .ok_or_else(|| Refused::field("pipeline_id", "Invalid pipeline."))
    }

    pub(super) fn update_opportunity(&mut self, id: &str, body: &Body) -> Result<View, Refused> {
        let (place, before) = self.find(Kind::Opportunity, id)?;
        let View::Opportunity(view) = &before else {
            return Err(Refused::NotFound);
        };
        let mut deal = (*view.opportunity).clone();
        let old_type = deal.status_type(&self.world.organization);
        self.fill_opportunity(&mut deal, body)?;
        self.date_outcome(&mut deal, old_type);
        deal.updated_by = self.actor.user;
        deal.updated = self.now();
        self.world.put_opportunity(place, Some(deal));
        self.updated(Kind::Opportunity, place, &before)
    }

    fn date_outcome(&self, deal: &mut Opportunity, old_type: Option<StatusType>) {
        let new_type = deal.status_type(&self.world.organization);
        if new_type == old_type {
            return;
        }
        if new_type == Some(StatusType::Won) && deal.date_won.is_none() {
            deal.date_won = Some(self.actor.today);
        }
        deal.date_lost = (new_type == Some(StatusType::Lost)).then(|| self.world.clock.now());
    }

    fn fill_opportunity(&self, deal: &mut Opportunity, body: &Body) -> Result<(), Refused> {
        let organization = &self.world.organization;
        if let Some(id) = text(body, "status_id")? {
            deal.status = id
                .and_then(|id| organization.opportunity_status_place(id))
                .ok_or_else(|| Refused::field("status_id", "Invalid opportunity status."))?;
        }
        if let Some(user) = self.user(body, "user_id")? {
            deal.owner = user;
        }
        if let Some(id) = text(body, "contact_id")? {
            deal.contact = id.map(|id| self.contact_of(deal.lead, id)).transpose()?;
        }
        match body.get("value") {
            None => {}
            Some(Value::Null) => deal.value = None,
            Some(given) => {
                let value = given.as_i64();
                let wrong = || Refused::field("value", "Value must be an integer (cents).");
                deal.value = Some(value.ok_or_else(wrong)?);
            }
        }
        if let Some(given) = body.get("confidence") {
            let confidence = given
                .as_u64()
                .and_then(|percent| u8::try_from(percent).ok());
            deal.confidence = confidence
                .filter(|percent| *percent <= 100)
                .ok_or_else(|| {
                    Refused::field("confidence", "Value must be an integer from 0 to 100.")
                })?;
        }
        if let Some(given) = text(body, "value_period")? {
            deal.period = given.and_then(ValuePeriod::parse).ok_or_else(|| {
                Refused::field("value_period", "Value must be one_time, monthly or annual.")
            })?;
        }
        if let Some(given) = text(body, "date_won")? {
            let wrong = || Refused::field("date_won", "Value must be a date (YYYY-MM-DD).");
            let date = given
                .map(|text| text.parse().map_err(|_| wrong()))
                .transpose()?;
            deal.date_won = date;
        }
        set_text(body, "note", &mut deal.note)?;
        set_custom(organization, FieldOn::Opportunity, body, &mut deal.custom)
    }

    pub(super) fn contact_of(&self, lead: Handle, id: &str) -> Result<Handle, Refused> {
        let found = self.world.records.contacts.find(id);
        found
            .filter(|(_, contact)| contact.lead == lead)
            .map(|(place, _)| place)
            .ok_or_else(|| Refused::field("contact_id", "Contact does not belong to the lead."))
    }

    pub(super) fn delete_opportunity(&mut self, id: &str) -> Result<(), Refused> {
        let (place, before) = self.find(Kind::Opportunity, id)?;
        self.world.put_opportunity(place, None);
        self.deleted(&before);
        Ok(())
    }
}
