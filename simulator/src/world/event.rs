//! The event log: every change at once, consolidated, for 30 days (dossier 5.3, 5.6, 6).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::id::Id;
use super::moment::Moment;

const RETENTION: i64 = 30 * 24 * 60 * Moment::MINUTE;

/// One change of one object.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: Id,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
    pub(crate) organization_id: Id,
    pub(crate) user_id: Option<Id>,
    pub(crate) request_id: Id,
    pub(crate) api_key_id: Option<Id>,
    pub(crate) object_type: &'static str,
    pub(crate) object_id: Id,
    pub(crate) lead_id: Option<Id>,
    pub(crate) action: &'static str,
    pub(crate) changed_fields: BTreeSet<Box<str>>,
    /// JSON text: the object, or `null` for a deletion.
    pub(crate) data: Arc<str>,
    /// Old values of an update, the whole object of a deletion.
    pub(crate) previous_data: Map<String, Value>,
    pub(crate) meta: Map<String, Value>,
}

impl Event {
    /// Whether its delivery waits for more changes of the same object.
    pub(crate) fn consolidates(&self) -> bool {
        matches!(self.action, "updated" | "deleted")
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = |text: &Arc<str>| serde_json::value::RawValue::from_string(text.to_string());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("date_created", &self.created.naive())?;
        map.serialize_entry("date_updated", &self.updated.naive())?;
        map.serialize_entry("organization_id", &self.organization_id)?;
        map.serialize_entry("user_id", &self.user_id)?;
        map.serialize_entry("request_id", &self.request_id)?;
        map.serialize_entry("api_key_id", &self.api_key_id)?;
        map.serialize_entry("object_type", self.object_type)?;
        map.serialize_entry("object_id", &self.object_id)?;
        map.serialize_entry("lead_id", &self.lead_id)?;
        map.serialize_entry("action", self.action)?;
        map.serialize_entry("changed_fields", &self.changed_fields)?;
        map.serialize_entry("data", &raw(&self.data).map_err(serde::ser::Error::custom)?)?;
        map.serialize_entry("previous_data", &self.previous_data)?;
        map.serialize_entry("meta", &self.meta)?;
        map.end()
    }
}

/// An event's place: newest last.
pub(crate) type EventKey = (Moment, u64);

#[derive(Debug)]
pub(crate) struct EventLog {
    events: BTreeMap<EventKey, Arc<Event>>,
    by_id: HashMap<Id, EventKey>,
    /// The latest `updated` event of each object that may still take in more changes.
    open: HashMap<Id, Id>,
    sequence: u64,
    /// Microseconds after the first change during which further ones join it.
    consolidation: i64,
    /// Older events are dropped beyond this many, before their 30 days.
    capacity: usize,
}

impl EventLog {
    pub(crate) fn new(consolidation: std::time::Duration, capacity: usize) -> Self {
        Self {
            events: BTreeMap::new(),
            by_id: HashMap::new(),
            open: HashMap::new(),
            sequence: 0,
            consolidation: i64::try_from(consolidation.as_micros()).unwrap_or(i64::MAX),
            capacity,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// Records a change; an update soon after another of the same object joins it.
    pub(crate) fn record(&mut self, mut event: Event) -> Arc<Event> {
        if event.action == "updated" {
            if let Some(earlier) = self.take_open(&event) {
                event.id = earlier.id;
                event.created = earlier.created;
                event
                    .changed_fields
                    .extend(earlier.changed_fields.iter().cloned());
                for (name, value) in &earlier.previous_data {
                    event.previous_data.insert(name.clone(), value.clone());
                }
            }
            self.open.insert(event.object_id, event.id);
        }
        self.sequence += 1;
        let key = (event.updated, self.sequence);
        let event = Arc::new(event);
        self.by_id.insert(event.id, key);
        self.events.insert(key, Arc::clone(&event));
        self.forget(event.updated);
        event
    }

    fn take_open(&mut self, event: &Event) -> Option<Arc<Event>> {
        let id = self.open.get(&event.object_id)?;
        let key = *self.by_id.get(id)?;
        let earlier = self.events.get(&key)?;
        let joins = earlier.created.plus(self.consolidation) >= event.updated
            && earlier.user_id == event.user_id;
        if joins {
            self.events.remove(&key)
        } else {
            None
        }
    }

    fn forget(&mut self, now: Moment) {
        while let Some(oldest) = self.events.first_entry() {
            let expired = oldest.key().0 < now.plus(-RETENTION);
            if !expired && self.by_id.len() <= self.capacity {
                break;
            }
            let event = oldest.remove();
            self.by_id.remove(&event.id);
            if self.open.get(&event.object_id) == Some(&event.id) {
                self.open.remove(&event.object_id);
            }
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Event>> {
        self.events.get(self.by_id.get(&Id::parse(id)?)?)
    }

    /// Newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = (&EventKey, &Arc<Event>)> {
        self.events.iter().rev()
    }

    /// Older than a place, newest first.
    pub(crate) fn older_than(
        &self,
        key: EventKey,
    ) -> impl Iterator<Item = (&EventKey, &Arc<Event>)> {
        self.events.range(..key).rev()
    }

    /// Newer than a place, oldest first.
    pub(crate) fn newer_than(
        &self,
        key: EventKey,
    ) -> impl Iterator<Item = (&EventKey, &Arc<Event>)> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.events.range((Excluded(key), Unbounded))
    }
}
