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

        let contacts = self.children(Kind::Contact, from);
        let opportunities = self.children(Kind::Opportunity, from);
        for (place, before) in &contacts {
            if let View::Contact(view) = before {
                let mut contact = (*view.contact).clone();
                contact.lead = to;
                contact.updated = self.now();
                self.world.put_contact(*place, Some(contact));
            }
        }
        for (place, before) in &opportunities {
            if let View::Opportunity(view) = before {
                let mut deal = (*view.opportunity).clone();
                deal.lead = to;
                deal.updated = self.now();
                self.world.put_opportunity(*place, Some(deal));
            }
        }
        self.touch_lead(to);
        self.world.put_lead(from, None);

        for (place, before) in &contacts {
            self.updated(Kind::Contact, *place, before)?;
        }
        for (place, before) in &opportunities {
            self.updated(Kind::Opportunity, *place, before)?;
        }
        self.whole(Kind::Lead, to, "merged")?;
        self.deleted(&source_before);
        Ok(())
    }

    fn children(&self, kind: Kind, lead: Handle) -> Vec<(Handle, View)> {
        let records = &self.world.records;
        let places: Vec<Handle> = match kind {
            Kind::Contact => records
                .contacts
                .of_lead(lead)
                .map(|(place, _)| place)
                .collect(),
            _ => records
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
