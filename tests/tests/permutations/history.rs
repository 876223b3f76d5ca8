//! Histories of a small family (two leads, a contact, an opportunity, an invoice): the events that tell of them, and what Close
//! holds in the end. Every list of steps is a history: a step that can't happen does the next best thing, so that
//! shrinking never leaves what is possible.

use crate::object::{Kind, Values, initial, values};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The family; its places are what steps name.
pub(crate) const FAMILY: [(&str, Kind); 5] = [
    ("lead_a", Kind::Lead),
    ("lead_b", Kind::Lead),
    ("cont_a", Kind::Contact),
    ("oppo_a", Kind::Opportunity),
    ("custobj_a", Kind::Invoice),
];

/// What may happen in a history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Updates leave out keys that did not change.
    pub(crate) partial: bool,
    /// An object changes twice in one instant.
    pub(crate) ties: bool,
    /// Deleted objects come back.
    pub(crate) restores: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Set,
    Delete,
    Restore,
    /// A lead goes into the other.
    Merge,
}

/// Something that a person did.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    place: usize,
    action: Action,
    /// Fields and the values that they get; 0 clears.
    fields: Vec<(u8, u8)>,
    /// Bits of keys that the event leaves out, where they did not change.
    absent: u16,
    /// What is cleared is left out, instead of null.
    cleared_is_absent: bool,
    /// In the same instant as the step before.
    instant: bool,
    /// Close tells of it in the event of the update before, which comes again.
    again: bool,
}

/// Histories of that shape.
pub(crate) fn steps(shape: Shape) -> impl Strategy<Value = Vec<Step>> {
    let action = prop_oneof![
        12 => Just(Action::Set),
        2 => Just(Action::Delete),
        (if shape.restores { 2 } else { 0 }) => Just(Action::Restore),
        1 => Just(Action::Merge),
    ];
    let absent = if shape.partial { 0..u16::MAX } else { 0..1 };
    // Of two payments in one instant Close tells only what came of them.
    let places = if shape.ties {
        FAMILY.len() - 1
    } else {
        FAMILY.len()
    };
    let step = (
        (0..places, action, vec((0..8_u8, 0..4_u8), 1..4)),
        (
            absent,
            any::<bool>(),
            prop::bool::weighted(0.2),
            prop::bool::weighted(0.2),
        ),
    );
    let step = step.prop_map(
        |((place, action, fields), (absent, cleared_is_absent, instant, again))| Step {
            place,
            action,
            fields,
            absent,
            cleared_is_absent,
            instant,
            again,
        },
    );
    vec(step, 1..14)
}

/// What came of the steps.
#[derive(Debug)]
pub(crate) struct History {
    /// Events in the order in which they happened.
    pub(crate) events: Vec<Value>,
    /// Objects that Close holds in the end, by id.
    pub(crate) truth: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default)]
struct Member {
    values: Option<Values>,
    alive: bool,
    /// It has been merged before: whenever it dies again, it is by a merge.
    merged: bool,
    version: Option<DateTime<Utc>>,
    /// Its newest event, where that is an update.
    open: Option<usize>,
}

#[derive(Debug)]
struct Telling {
    shape: Shape,
    clock: DateTime<Utc>,
    members: [Member; FAMILY.len()],
    events: Vec<Value>,
}

impl History {
    pub(crate) fn of(steps: &[Step], shape: Shape) -> Self {
        let mut telling = Telling {
            shape,
            clock: "2026-03-01T12:00:00Z".parse().unwrap(),
            members: std::array::from_fn(|_| Member::default()),
            events: Vec::new(),
        };
        for step in steps {
            telling.step(step);
        }
        let alive = FAMILY.iter().zip(&telling.members);
        let truth = alive
            .filter(|(_, member)| member.alive)
            .map(|((id, _), member)| ((*id).to_owned(), json!(member.values)))
            .collect();
        Self {
            events: telling.events,
            truth,
        }
    }
}

impl Telling {
    fn step(&mut self, step: &Step) {
        let place = step.place;
        let member = &self.members[place];
        if member.values.is_none() {
            return self.create(step);
        }
        match step.action {
            _ if !member.alive => {
                if self.shape.restores {
                    self.restore(step);
                }
            }
            Action::Merge if place < 2 && self.members[1 - place].alive => self.merge(place),
            Action::Delete if !member.merged => self.delete(place),
            _ => self.set(step),
        }
    }

    /// A new instant for the object, or the one of the step before where a tie is asked for.
    fn moment(&mut self, place: usize, tie: bool) -> DateTime<Utc> {
        let known = self.members[place].version;
        let ties = tie && (self.shape.ties || known < Some(self.clock));
        if !ties {
            self.clock += TimeDelta::milliseconds(10);
        }
        self.clock
    }

    /// Sets the fields of a step and answers the keys that changed.
    fn write(&mut self, place: usize, fields: &[(u8, u8)], at: DateTime<Utc>) -> BTreeSet<String> {
        let member = &mut self.members[place];
        let object = member.values.get_or_insert_default();
        let before = object.clone();
        for (field, choice) in fields {
            for (key, value) in values(FAMILY[place].1, *field, *choice) {
                // An unset custom field is absent.
                if value.is_null() && key.starts_with("custom.") {
                    object.remove(key);
                } else {
                    object.insert(key.to_owned(), value);
                }
            }
        }
        object.insert("date_updated".to_owned(), json!(classic(at)));
        member.version = Some(at);
        member.alive = true;
        let keys: BTreeSet<&String> = before.keys().chain(object.keys()).collect();
        let changed = keys.into_iter();
        changed
            .filter(|key| before.get(*key) != object.get(*key))
            .cloned()
            .collect()
    }

    fn create(&mut self, step: &Step) {
        let at = self.moment(step.place, step.instant);
        let (id, kind) = FAMILY[step.place];
        let mut object = initial(id, kind);
        object.insert("date_created".to_owned(), json!(classic(at)));
        self.members[step.place].values = Some(object);
        self.write(step.place, &step.fields, at);
        let data = json!(self.members[step.place].values);
        self.tell(step.place, "created", at, &json!({ "data": data }));
    }

    fn restore(&mut self, step: &Step) {
        let at = self.moment(step.place, false);
        self.write(step.place, &[], at);
        let data = json!(self.members[step.place].values);
        let action = if step.again { "created" } else { "updated" };
        self.tell(step.place, action, at, &json!({ "data": data }));
    }

    fn set(&mut self, step: &Step) {
        let again = self.members[step.place].open.filter(|_| step.again);
        let at = self.moment(step.place, step.instant && again.is_none());
        let mut changed = self.write(step.place, &step.fields, at);
        if let Some(earlier) = again {
            let named = &self.events[earlier]["changed_fields"];
            changed.extend(serde_json::from_value::<Vec<String>>(named.clone()).unwrap());
        }
        let mut data = self.members[step.place].values.clone().unwrap();
        let mut index = 0;
        data.retain(|key, value| {
            index += 1;
            if changed.contains(key) || key == "id" {
                return !(value.is_null() && step.cleared_is_absent && self.shape.partial);
            }
            // Events carry custom objects whole.
            let stays = FAMILY[step.place].1 == Kind::Invoice;
            stays || step.absent >> (index % 16) & 1 == 0
        });
        let mut rest = json!({ "data": data, "changed_fields": changed });
        if let Some(earlier) = again {
            rest["id"] = self.events[earlier]["id"].clone();
            rest["date_created"] = self.events[earlier]["date_created"].clone();
        }
        self.tell(step.place, "updated", at, &rest);
        self.members[step.place].open = Some(self.events.len() - 1);
    }

    fn delete(&mut self, place: usize) {
        let at = self.moment(place, false);
        let lead = FAMILY[place].0;
        for child in self.children(place) {
            self.die(child, at, &json!({ "lead_id": lead }));
        }
        self.die(place, at, &json!({}));
    }

    fn die(&mut self, place: usize, at: DateTime<Utc>, rest: &Value) {
        let member = &mut self.members[place];
        (member.alive, member.version) = (false, Some(at));
        self.tell(place, "deleted", at, rest);
    }

    fn merge(&mut self, source: usize) {
        let at = self.moment(source, false);
        let destination = 1 - source;
        let meta = json!({
            "merge_source_lead_id": FAMILY[source].0, "merge_destination_lead_id": FAMILY[destination].0
        });
        for child in self.children(source) {
            let object = self.members[child].values.as_mut().unwrap();
            object.insert("lead_id".to_owned(), json!(FAMILY[destination].0));
            self.write(child, &[], at);
            let data = json!(self.members[child].values);
            let changed = ["lead_id", "date_updated"];
            let rest = json!({ "data": data, "changed_fields": changed, "meta": meta });
            self.tell(child, "updated", at, &rest);
        }
        self.write(destination, &[], at);
        let data = json!(self.members[destination].values);
        self.tell(
            destination,
            "merged",
            at,
            &json!({ "data": data, "meta": meta }),
        );
        self.members[source].merged = true;
        self.die(source, at, &json!({ "meta": meta }));
    }

    /// Living children of a lead.
    fn children(&self, lead: usize) -> Vec<usize> {
        let of_lead = |place: &usize| {
            let member = &self.members[*place];
            let parent = member
                .values
                .as_ref()
                .and_then(|object| object.get("lead_id"));
            lead < 2 && member.alive && parent == Some(&json!(FAMILY[lead].0))
        };
        (2..FAMILY.len()).filter(of_lead).collect()
    }

    /// Tells of a change; `rest` goes over the defaults.
    fn tell(&mut self, place: usize, action: &str, at: DateTime<Utc>, rest: &Value) {
        let (id, kind) = FAMILY[place];
        let naive = at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        let mut event = json!({
            "id": format!("ev_{}", self.events.len()), "object_type": kind.as_str(), "object_id": id,
            "action": action, "date_created": naive, "date_updated": naive, "changed_fields": [],
            "previous_data": {}, "meta": {}, "data": null, "user_id": "user_a",
        });
        for (key, value) in rest.as_object().unwrap() {
            event[key] = value.clone();
        }
        self.events.push(event);
        self.members[place].open = None;
    }
}

fn classic(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}
