//! Writes as the REST API takes them: JSON bodies in, changed objects and events out.

mod body;
mod contact;
mod custom_record;
mod definition;
mod lead;
mod merge;
mod opportunity;

pub(crate) use self::definition::FieldChange;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::World;
use super::event::Event;
use super::fields::Selection;
use super::id::{Id, IdKind};
use super::invoice::{Invoice, Truth};
use super::moment::Moment;
use super::records::{Kind, View, to_object};
use super::store::Handle;

/// A JSON object.
pub(crate) type Body = Map<String, Value>;

/// Why a write was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The object does not exist: 404.
    NotFound,
    /// A field is wrong: 400 with `field-errors`.
    Field { name: String, message: String },
}

impl Refused {
    pub(crate) fn field(name: &str, message: &str) -> Self {
        Self::Field {
            name: name.into(),
            message: message.into(),
        }
    }
}

/// Who writes, and through which request.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    /// None for imports and system work.
    pub(crate) user: Option<u8>,
    pub(crate) api_key_id: Option<Id>,
    pub(crate) request_id: Id,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// Today where the user is (`x-tz-offset`).
    pub(crate) today: NaiveDate,
}

impl Actor {
    fn meta(&self) -> Map<String, Value> {
        let mut meta = Map::new();
        meta.insert("request_method".into(), self.method.into());
        meta.insert("request_path".into(), self.path.as_str().into());
        meta
    }
}

/// One write in progress: the world, who writes, and what its events share.
pub(crate) struct Write<'w> {
    pub(crate) world: &'w mut World,
    actor: &'w Actor,
    meta: Map<String, Value>,
}

impl<'w> Write<'w> {
    pub(crate) fn new(world: &'w mut World, actor: &'w Actor) -> Self {
        Self {
            meta: actor.meta(),
            world,
            actor,
        }
    }

    fn view(&self, kind: Kind, place: Handle) -> Option<View> {
        self.world.records.view(kind, place)
    }

    fn created(&mut self, kind: Kind, place: Handle) -> Result<View, Refused> {
        self.whole(kind, place, "created")
    }

    /// An event that carries the whole object and no changes.
    fn whole(&mut self, kind: Kind, place: Handle, action: &'static str) -> Result<View, Refused> {
        let view = self.view(kind, place).ok_or(Refused::NotFound)?;
        let data = Value::Object(to_object(
            &self.world.organization,
            &Selection::Event,
            &view,
        ));
        let parts = Parts {
            action,
            data,
            ..Parts::of(&view)
        };
        self.emit(parts);
        Ok(view)
    }

    /// An event with what differs between `before` and now; none when nothing does.
    fn updated(&mut self, kind: Kind, place: Handle, before: &View) -> Result<View, Refused> {
        let view = self.view(kind, place).ok_or(Refused::NotFound)?;
        let old = to_object(&self.world.organization, &Selection::Event, before);
        let new = to_object(&self.world.organization, &Selection::Event, &view);
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let changed: Vec<&String> = names
            .into_iter()
            .filter(|name| old.get(*name) != new.get(*name))
            .collect();
        if changed.is_empty() {
            return Ok(view);
        }
        let previous = changed
            .iter()
            .map(|name| ((*name).clone(), old.get(*name).cloned().unwrap_or_default()));
        let parts = Parts {
            action: "updated",
            previous: previous.collect(),
            changed: changed.iter().map(|name| name.as_str().into()).collect(),
            data: Value::Object(new),
            ..Parts::of(&view)
        };
        self.emit(parts);
        Ok(view)
    }

    fn deleted(&mut self, before: &View) {
        let previous = to_object(&self.world.organization, &Selection::Event, before);
        self.emit(Parts {
            action: "deleted",
            previous,
            ..Parts::of(before)
        });
    }

    fn emit(&mut self, parts: Parts) {
        let now = self.world.clock.stamp();
        let id = if parts.custom {
            self.world.mint_custom(IdKind::Event)
        } else {
            self.world.mint(IdKind::Event)
        };
        let event = Event {
            id,
            created: now,
            updated: now,
            organization_id: self.world.organization.id,
            user_id: self
                .actor
                .user
                .and_then(|place| Some(self.world.organization.user(place)?.id)),
            request_id: self.actor.request_id,
            api_key_id: self.actor.api_key_id,
            object_type: parts.object_type,
            object_id: parts.object_id,
            lead_id: parts.lead_id,
            action: parts.action,
            changed_fields: parts.changed,
            data: parts.data.to_string().into(),
            previous_data: parts.previous,
            meta: self.meta.clone(),
        };
        self.world.emit(event);
    }

    fn now(&self) -> Moment {
        self.world.clock.stamp()
    }

    fn find(&self, kind: Kind, id: &str) -> Result<(Handle, View), Refused> {
        let place = self.world.records.find(kind, id).ok_or(Refused::NotFound)?;
        Ok((place, self.view(kind, place).ok_or(Refused::NotFound)?))
    }

    /// A change of a child that shows on its lead only as a newer `date_updated`.
    fn touch_lead(&mut self, place: Handle) {
        if let Some(lead) = self.world.records.leads.get(place) {
            let mut lead = (**lead).clone();
            lead.updated = self.now();
            self.world.put_lead(place, Some(lead));
        }
    }

    /// Moves a lead's `date_updated` and tells what changed on it since `before`.
    fn lead_changed(&mut self, place: Handle, before: &View) -> Result<View, Refused> {
        self.touch_lead(place);
        self.updated(Kind::Lead, place, before)
    }
}

struct Parts {
    object_type: &'static str,
    object_id: Id,
    lead_id: Option<Id>,
    /// About a custom object, a custom activity or their definitions.
    custom: bool,
    action: &'static str,
    changed: BTreeSet<Box<str>>,
    data: Value,
    previous: Map<String, Value>,
}

impl Parts {
    fn of(view: &View) -> Self {
        Self {
            object_type: view.kind().as_str(),
            object_id: view.id(),
            lead_id: Some(view.lead_id()),
            custom: matches!(view, View::Custom(_)),
            action: "",
            changed: BTreeSet::new(),
            data: Value::Null,
            previous: Map::new(),
        }
    }
}

/// What a body may do, one function a kind of object.
impl World {
    pub(crate) fn create(
        &mut self,
        kind: Kind,
        actor: &Actor,
        body: &Body,
    ) -> Result<View, Refused> {
        let mut write = Write::new(self, actor);
        match kind {
            Kind::Lead => write.create_lead(body),
            Kind::Contact => write.create_contact(body),
            Kind::Opportunity => write.create_opportunity(body),
            Kind::CustomObject | Kind::CustomActivity => write.create_custom(kind, body),
        }
    }

    pub(crate) fn update(
        &mut self,
        kind: Kind,
        actor: &Actor,
        id: &str,
        body: &Body,
    ) -> Result<View, Refused> {
        let mut write = Write::new(self, actor);
        match kind {
            Kind::Lead => write.update_lead(id, body),
            Kind::Contact => write.update_contact(id, body),
            Kind::Opportunity => write.update_opportunity(id, body),
            Kind::CustomObject | Kind::CustomActivity => write.update_custom(kind, id, body),
        }
    }

    pub(crate) fn delete(&mut self, kind: Kind, actor: &Actor, id: &str) -> Result<(), Refused> {
        let mut write = Write::new(self, actor);
        match kind {
            Kind::Lead => write.delete_lead(id),
            Kind::Contact => write.delete_contact(id),
            Kind::Opportunity => write.delete_opportunity(id),
            Kind::CustomObject | Kind::CustomActivity => write.delete_custom(kind, id),
        }
    }

    pub(crate) fn merge(
        &mut self,
        actor: &Actor,
        source: &str,
        destination: &str,
    ) -> Result<(), Refused> {
        Write::new(self, actor).merge_leads(source, destination)
    }

    /// A new invoice or line, in the fields of the organization's layout.
    pub(crate) fn tell(
        &mut self,
        actor: &Actor,
        lead: Handle,
        truth: Truth,
    ) -> Result<View, Refused> {
        Write::new(self, actor).tell(lead, truth)
    }

    /// An invoice as it stands from now on.
    pub(crate) fn retell(
        &mut self,
        kind: Kind,
        actor: &Actor,
        id: &str,
        invoice: Invoice,
    ) -> Result<View, Refused> {
        Write::new(self, actor).retell(kind, id, invoice)
    }
}
