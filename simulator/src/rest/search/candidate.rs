//! An object that a query looks at: its dates at once, its JSON only when a condition needs it.

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::node::Node;
use crate::world::custom_record::CustomRecord;
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
    of_type: Option<u8>,
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
            of_type: record.of_type(),
            object: OnceCell::new(),
        }
    }

    pub(super) fn view(&self) -> Option<View> {
        self.records.view(self.kind, self.place)
    }

    /// The id of its custom type, if it has one under this key.
    pub(super) fn type_id(&self, key: &str) -> Option<&'r str> {
        let of_kind = match self.kind {
            Kind::CustomObject => key == "custom_object_type_id",
            Kind::CustomActivity => key == "custom_activity_type_id",
            _ => false,
        };
        let one = self.organization.custom_type(self.of_type?)?;
        of_kind.then_some(one.id.as_str())
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
            Kind::CustomObject | Kind::CustomActivity => {
                let all = records.custom(kind).of_lead(lead);
                all.map(|one| Self::new(records, organization, kind, one))
                    .collect()
            }
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

    /// The place of its custom type.
    fn of_type(&self) -> Option<u8> {
        None
    }
}

impl IdText for CustomRecord {
    fn id_text(&self) -> &str {
        self.id.as_str()
    }

    fn of_type(&self) -> Option<u8> {
        Some(self.of_type)
    }
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
        ($store:expr) => {{
            let all = $store.walk(order, window);
            let all = all.map(move |one| Candidate::new(records, organization, kind, one));
            if descending {
                Box::new(all.rev())
            } else {
                Box::new(all)
            }
        }};
    }
    match kind {
        Kind::Lead => candidates!(records.leads),
        Kind::Contact => candidates!(records.contacts),
        Kind::Opportunity => candidates!(records.opportunities),
        Kind::CustomObject | Kind::CustomActivity => candidates!(records.custom(kind)),
    }
}
