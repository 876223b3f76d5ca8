//! An object that a query looks at: its dates at once, its JSON only when a condition needs it.

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::node::Node;
use crate::world::fields::Selection;
use crate::world::moment::Moment;
use crate::world::organization::Organization;
use crate::world::records::{Kind, Records, View, to_object};
use crate::world::store::{Handle, Order, Record};

#[derive(Debug)]
pub(super) struct Candidate<'r> {
    pub(super) records: &'r Records,
    pub(super) organization: &'r Organization,
    pub(super) kind: Kind,
    pub(super) place: Handle,
    pub(super) id: &'r str,
    pub(super) created: Moment,
    pub(super) updated: Moment,
    /// The lead that it is or belongs to.
    lead: Handle,
    object: OnceCell<Map<String, Value>>,
}

impl<'r> Candidate<'r> {
    fn new<T: Record + IdText>(
        records: &'r Records,
        organization: &'r Organization,
        kind: Kind,
        (place, record): (Handle, &'r Arc<T>),
    ) -> Self {
        Self {
            records,
            organization,
            kind,
            place,
            id: record.id_text(),
            created: record.created(),
            updated: record.updated(),
            lead: record.lead().unwrap_or(place),
            object: OnceCell::new(),
        }
    }

    pub(super) fn view(&self) -> Option<View> {
        self.records.view(self.kind, self.place)
    }

    /// Every key that the API knows of it.
    pub(super) fn object(&self) -> &Map<String, Value> {
        self.object.get_or_init(|| {
            let view = self.view();
            view.map(|view| to_object(self.organization, &Selection::All, &view))
                .unwrap_or_default()
        })
    }

    /// The objects of a type that belong to the same lead.
    pub(super) fn related(&self, kind: Kind) -> Vec<Candidate<'r>> {
        let (records, organization, lead) = (self.records, self.organization, self.lead);
        match kind {
            Kind::Lead => {
                let lead = records.leads.get(lead).map(|record| (lead, record));
                lead.into_iter()
                    .map(|one| Self::new(records, organization, kind, one))
                    .collect()
            }
            Kind::Contact => {
                let all = records.contacts.of_lead(lead);
                all.map(|one| Self::new(records, organization, kind, one))
                    .collect()
            }
            Kind::Opportunity => {
                let all = records.opportunities.of_lead(lead);
                all.map(|one| Self::new(records, organization, kind, one))
                    .collect()
            }
        }
    }
}

/// Objects whose id outlives the look at them.
trait IdText {
    fn id_text(&self) -> &str;
}

impl IdText for crate::world::lead::Lead {
    fn id_text(&self) -> &str {
        self.id.as_str()
    }
}

impl IdText for crate::world::contact::Contact {
    fn id_text(&self) -> &str {
        self.id.as_str()
    }
}

impl IdText for crate::world::opportunity::Opportunity {
    fn id_text(&self) -> &str {
        self.id.as_str()
    }
}

/// The objects of a type within the query's date windows, in a date order.
pub(super) fn walk<'r>(
    records: &'r Records,
    organization: &'r Organization,
    kind: Kind,
    node: &Node,
    order: Order,
    descending: bool,
) -> Box<dyn Iterator<Item = Candidate<'r>> + 'r> {
    let window = node.window(kind, order);
    macro_rules! candidates {
        ($store:ident) => {{
            let all = records.$store.walk(order, window);
            let all = all.map(move |one| Candidate::new(records, organization, kind, one));
            if descending {
                Box::new(all.rev())
            } else {
                Box::new(all)
            }
        }};
    }
    match kind {
        Kind::Lead => candidates!(leads),
        Kind::Contact => candidates!(contacts),
        Kind::Opportunity => candidates!(opportunities),
    }
}
