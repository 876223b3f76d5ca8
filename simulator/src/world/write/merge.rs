//! Merging two leads: the children move with their ids, the source dies, and every event carries
//! both lead ids (dossier 5.8).

use super::{Refused, Write};
use crate::world::records::{Kind, View};
use crate::world::store::Handle;

impl Write<'_> {
    pub(super) fn merge_leads(&mut self, source: &str, destination: &str) -> Result<(), Refused> {
        let missing = |name: &'static str| move |_| Refused::field(name, "Object does not exist.");
        let (from, source_before) = self.find(Kind::Lead, source).map_err(missing("source"))?;
        let (to, _) = self
            .find(Kind::Lead, destination)
            .map_err(missing("destination"))?;
        if from == to {
            return Err(Refused::field(
                "destination",
                "A lead cannot be merged into itself.",
            ));
        }
        self.meta
            .insert("merge_source_lead_id".into(), source.into());
        self.meta
            .insert("merge_destination_lead_id".into(), destination.into());

        let below = [
            Kind::Contact,
            Kind::Opportunity,
            Kind::CustomObject,
            Kind::CustomActivity,
        ];
        let children = below.map(|kind| self.children(kind, from));
        for (place, before) in children.iter().flatten() {
            self.move_to(to, *place, before);
        }
        self.touch_lead(to);
        self.world.put_lead(from, None);

        for (place, before) in children.iter().flatten() {
            self.updated(before.kind(), *place, before)?;
        }
        self.whole(Kind::Lead, to, "merged")?;
        self.deleted(&source_before);
        Ok(())
    }

    fn move_to(&mut self, lead: Handle, place: Handle, before: &View) {
        match before {
            View::Lead(_) => {}
            View::Contact(view) => {
                let mut contact = (*view.contact).clone();
                contact.lead = lead;
                contact.updated = self.now();
                self.world.put_contact(place, Some(contact));
            }
            View::Opportunity(view) => {
                let mut deal = (*view.opportunity).clone();
                deal.lead = lead;
                deal.updated = self.now();
                self.world.put_opportunity(place, Some(deal));
            }
            View::Custom(view) => {
                let mut record = (*view.record).clone();
                record.lead = lead;
                record.updated = self.now();
                self.world.put_custom(before.kind(), place, Some(record));
            }
        }
    }

    /// What a lead has of a kind.
    pub(super) fn children(&self, kind: Kind, lead: Handle) -> Vec<(Handle, View)> {
        let records = &self.world.records;
        let places: Vec<Handle> = match kind {
            Kind::Contact => records
                .contacts
                .of_lead(lead)
                .map(|(place, _)| place)
                .collect(),
            Kind::CustomObject | Kind::CustomActivity => {
                let all = records.custom(kind).of_lead(lead);
                all.map(|(place, _)| place).collect()
            }
            Kind::Lead | Kind::Opportunity => records
                .opportunities
                .of_lead(lead)
                .map(|(place, _)| place)
                .collect(),
        };
        places
            .into_iter()
            .filter_map(|place| Some((place, self.view(kind, place)?)))
            .collect()
    }
}
