//! The simulated organization: its objects, its event log, and the one door for changes.

pub(crate) mod contact;
pub(crate) mod custom;
pub(crate) mod custom_field;
pub(crate) mod custom_record;
pub(crate) mod custom_type;
pub(crate) mod decimal;
pub(crate) mod event;
pub(crate) mod fields;
pub(crate) mod id;
pub(crate) mod invoice;
pub(crate) mod lead;
pub(crate) mod moment;
pub(crate) mod money;
pub(crate) mod opportunity;
pub(crate) mod organization;
pub(crate) mod records;
pub(crate) mod store;
pub(crate) mod write;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use self::contact::Contact;
use self::custom_record::CustomRecord;
use self::event::{Event, EventLog};
use self::id::{Id, IdKind};
use self::lead::Lead;
use self::moment::{Clock, Moment};
use self::opportunity::Opportunity;
use self::organization::Organization;
use self::records::{Kind, Records};
use self::store::Handle;

/// Everything behind the lock.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) organization: Arc<Organization>,
    pub(crate) clock: Arc<Clock>,
    /// The truth: what a write left behind.
    pub(crate) records: Records,
    pub(crate) log: EventLog,
    lagging: Option<Lagging>,
    rng: ChaCha8Rng,
    /// Ids of custom objects, custom activities and of what is told of them: others stay the same
    /// with invoices and without.
    custom_rng: ChaCha8Rng,
    outbox: Vec<Arc<Event>>,
}

/// What lists and search show while they lag behind the truth (dossier 3.1).
#[derive(Debug)]
struct Lagging {
    lag: i64,
    shown: Records,
    pending: VecDeque<(Moment, Change)>,
}

#[derive(Debug)]
enum Change {
    Lead(Handle, Option<Arc<Lead>>),
    Contact(Handle, Option<Arc<Contact>>),
    Opportunity(Handle, Option<Arc<Opportunity>>),
    Custom(Kind, Handle, Option<Arc<CustomRecord>>),
}

impl World {
    pub(crate) fn new(
        organization: Organization,
        records: Records,
        clock: Arc<Clock>,
        log: EventLog,
        (rng, custom_rng): (ChaCha8Rng, ChaCha8Rng),
    ) -> Self {
        Self {
            organization: Arc::new(organization),
            clock,
            records,
            log,
            lagging: None,
            rng,
            custom_rng,
            outbox: Vec::new(),
        }
    }

    pub(crate) fn mint(&mut self, kind: IdKind) -> Id {
        Id::random(kind, &mut self.rng)
    }

    /// An id of a custom object or activity, or of an event or a request about one.
    pub(crate) fn mint_custom(&mut self, kind: IdKind) -> Id {
        Id::random(kind, &mut self.custom_rng)
    }

    /// Sets how long lists and search stay behind writes; zero is not at all.
    pub(crate) fn set_read_lag(&mut self, lag: Duration) {
        let lag = i64::try_from(lag.as_micros()).unwrap_or(i64::MAX);
        self.lagging = match self.lagging.take() {
            _ if lag == 0 => None,
            Some(lagging) => Some(Lagging { lag, ..lagging }),
            None => Some(Lagging {
                lag,
                shown: self.records.clone(),
                pending: VecDeque::new(),
            }),
        };
    }

    /// Lets the changes that are old enough become visible in lists.
    pub(crate) fn settle(&mut self) {
        let now = self.clock.now();
        let Some(lagging) = &mut self.lagging else {
            return;
        };
        while let Some((at, _)) = lagging.pending.front() {
            if at.plus(lagging.lag) > now {
                break;
            }
            match lagging.pending.pop_front() {
                Some((_, Change::Lead(place, version))) => {
                    lagging.shown.leads.put(place, version);
                }
                Some((_, Change::Contact(place, version))) => {
                    lagging.shown.contacts.put(place, version);
                }
                Some((_, Change::Opportunity(place, version))) => {
                    lagging.shown.opportunities.put(place, version);
                }
                Some((_, Change::Custom(kind, place, version))) => {
                    lagging.shown.custom_mut(kind).put(place, version);
                }
                None => break,
            }
        }
    }

    /// What lists and search show, as of the last [`World::settle`].
    pub(crate) fn listed(&self) -> &Records {
        self.lagging
            .as_ref()
            .map_or(&self.records, |lagging| &lagging.shown)
    }

    pub(crate) fn lags(&self) -> bool {
        self.lagging.is_some()
    }

    pub(crate) fn put_lead(&mut self, place: Handle, version: Option<Lead>) {
        let version = version.map(Arc::new);
        self.note(|| Change::Lead(place, version.clone()));
        self.records.leads.put(place, version);
    }

    pub(crate) fn put_contact(&mut self, place: Handle, version: Option<Contact>) {
        let version = version.map(Arc::new);
        self.note(|| Change::Contact(place, version.clone()));
        self.records.contacts.put(place, version);
    }

    pub(crate) fn put_opportunity(&mut self, place: Handle, version: Option<Opportunity>) {
        let version = version.map(Arc::new);
        self.note(|| Change::Opportunity(place, version.clone()));
        self.records.opportunities.put(place, version);
    }

    /// A custom object or a custom activity.
    pub(crate) fn put_custom(&mut self, kind: Kind, place: Handle, version: Option<CustomRecord>) {
        let version = version.map(Arc::new);
        self.note(|| Change::Custom(kind, place, version.clone()));
        self.records.custom_mut(kind).put(place, version);
    }

    fn note(&mut self, change: impl FnOnce() -> Change) {
        let now = self.clock.now();
        if let Some(lagging) = &mut self.lagging {
            lagging.pending.push_back((now, change()));
        }
    }

    /// Logs an event and keeps it for the webhooks.
    pub(crate) fn emit(&mut self, event: Event) {
        let event = self.log.record(event);
        self.outbox.push(event);
    }

    /// The events since the last call.
    pub(crate) fn take_outbox(&mut self) -> Vec<Arc<Event>> {
        std::mem::take(&mut self.outbox)
    }
}
