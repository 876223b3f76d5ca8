//! What is taken out of objects and events: the person, and what repeats it.
//!
//! Close repeats a person in other objects: its name beside its id in a deal, in the name of a company that has none of
//! its own, whole in a lead that embeds its contacts.

use super::forgotten::Forgotten;
use crate::change::{Change, Content};
use crate::close::{Object, ObjectType};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

/// Keys of a lead in which Close may repeat one of its contacts.
const OF_LEAD: [&str; 6] = [
    "display_name",
    "primary_email",
    "primary_phone",
    "contacts_summary",
    "recent_calls",
    "summaries",
];

/// What was taken out of an object, by its keys.
type Taken = Map<String, Value>;

/// What of a text is about people, and what is left without it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) held: Value,
    /// `None` where all of it is.
    pub(crate) left: Option<String>,
}

/// What is known of an object beside what stands in it.
#[derive(Clone, Debug, Default)]
struct Beside {
    is_lead: bool,
    lead: Option<String>,
    contact: Option<String>,
}

impl Forgotten {
    /// Takes them out of a change of another object. `stored` says what the change leaves out.
    pub(crate) fn strip_change(&self, change: &mut Change, stored: Option<&Object>) {
        if self.is_empty() {
            return;
        }
        let known = |key: &str| stored.and_then(|object| object.text(key));
        let is_lead = change.object_type == ObjectType::Lead;
        let beside = Beside {
            is_lead,
            lead: if is_lead {
                Some(change.close_id.clone())
            } else {
                known("lead_id")
            },
            contact: known("contact_id"),
        };
        match &mut change.content {
            Content::Full(object) | Content::Partial { data: object, .. } => {
                self.strip(object, &beside);
            }
            Content::Deleted { .. } => {}
        }
    }

    /// What is left of an event, or of an object that waits among the events, where it is about one of them or repeats
    /// one.
    pub(crate) fn strip_event(&self, object_type: &str, payload: &str) -> Option<Part> {
        let is_named = || self.contacts.iter().any(|id| payload.contains(id.as_str()));
        let Ok(mut event) = Object::parse(payload) else {
            return is_named().then(|| whole(payload));
        };
        let told = event.text("object_type");
        let object_type = told.as_deref().unwrap_or(object_type);
        let id = event.text(if told.is_some() { "object_id" } else { "id" });
        if object_type == "contact" && id.as_deref().is_some_and(|id| self.is_person(id)) {
            return Some(whole(payload));
        }
        // A message, a call, a task: whatever may stand in what is not modelled.
        if ObjectType::of_event(object_type).is_none() {
            return is_named().then(|| whole(payload));
        }
        let is_lead = object_type == "lead";
        let mut beside = Beside {
            is_lead,
            lead: if is_lead { id } else { event.text("lead_id") },
            contact: None,
        };
        let taken = if told.is_some() {
            self.strip_parts(&mut event, &mut beside)
        } else {
            self.strip(&mut event, &beside)
        };
        (!taken.is_empty()).then(|| Part {
            held: taken.into(),
            left: Some(event.to_json()),
        })
    }

    /// Strips the two objects that an event carries.
    fn strip_parts(&self, event: &mut Object, beside: &mut Beside) -> Taken {
        let mut taken = Taken::new();
        for key in ["data", "previous_data"] {
            let Some(mut object) = event.get(key).and_then(object) else {
                continue;
            };
            let found = self.strip(&mut object, beside);
            beside.contact = object.text("contact_id").or(beside.contact.take());
            if !found.is_empty() {
                taken.insert(key.to_owned(), found.into());
                set(event, key, &object);
            }
        }
        taken
    }

    /// Strips the raw object of a row.
    pub(super) fn strip_raw(&self, object_type: &str, raw: &str) -> Option<Part> {
        let mut object = Object::parse(raw).ok()?;
        let beside = Beside {
            is_lead: object_type == "lead",
            ..Beside::default()
        };
        let taken = self.strip(&mut object, &beside);
        (!taken.is_empty()).then(|| Part {
            held: taken.into(),
            left: Some(object.to_json()),
        })
    }

    fn strip(&self, object: &mut Object, beside: &Beside) -> Taken {
        let mut taken = Taken::new();
        let own = |key: &str, beside: &Option<String>| match object.get(key) {
            Some(_) => object.text(key),
            None => beside.clone(),
        };
        let lead_key = if beside.is_lead { "id" } else { "lead_id" };
        let (contact, lead) = (
            own("contact_id", &beside.contact),
            own(lead_key, &beside.lead),
        );
        if contact.is_some_and(|id| self.is_person(&id)) {
            take(object, "contact_name", &mut taken);
        }
        if lead.is_some_and(|id| self.is_company(&id)) {
            let keys: &[&str] = if beside.is_lead {
                &OF_LEAD
            } else {
                &["lead_name"]
            };
            for key in keys {
                if object.read(key).is_some_and(|value| self.is_named(&value)) {
                    take(object, key, &mut taken);
                }
            }
        }
        for key in ["contacts", "opportunities", "tasks"] {
            self.strip_embedded(object, key, &mut taken);
        }
        taken
    }

    /// Strips the children that a lead embeds.
    fn strip_embedded(&self, object: &mut Object, key: &str, taken: &mut Taken) {
        let Some(children) = object.read::<Vec<Object>>(key) else {
            return;
        };
        let (mut left, mut held) = (Vec::with_capacity(children.len()), Vec::new());
        for mut child in children {
            let id = child.text("id");
            if key == "contacts" && id.is_some_and(|id| self.is_person(&id)) {
                held.push(serde_json::to_value(&child).unwrap_or_default());
                continue;
            }
            let found = self.strip(&mut child, &Beside::default());
            held.extend((!found.is_empty()).then_some(Value::Object(found)));
            left.push(child);
        }
        if !held.is_empty() {
            taken.insert(key.to_owned(), held.into());
            set(object, key, &left);
        }
    }
}

/// A text of which nothing is to be left.
pub(super) fn whole(text: &str) -> Part {
    Part {
        held: serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        left: None,
    }
}

fn object(raw: &RawValue) -> Option<Object> {
    Object::parse(raw.get()).ok()
}

fn take(object: &mut Object, key: &str, taken: &mut Taken) {
    if object.get(key).is_some_and(|value| value.get() != "null")
        && let Some(value) = object.take(key)
    {
        let value = serde_json::from_str(value.get()).unwrap_or_default();
        taken.insert(key.to_owned(), value);
    }
}

fn set(object: &mut Object, key: &str, value: &impl serde::Serialize) {
    if let Ok(value) = to_raw_value(value) {
        object.set(key, value);
    }
}
