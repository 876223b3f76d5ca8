//! Changes of custom types, custom fields and their choices, as an admin makes them (dossier 4.7,
//! 5.7): the definition's event, then those of the objects that hold a changed word.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::custom_record::custom;
use super::{Body, Parts, Refused, Write};
use crate::world::custom::CustomValue;
use crate::world::custom_field::{CustomField, FieldOn, ShownField};
use crate::world::custom_type::ShownType;
use crate::world::id::{Id, IdKind};
use crate::world::organization::Organization;
use crate::world::records::Kind;
use crate::world::write::Actor;
use crate::world::{World, store};

/// What changes about a custom field.
#[derive(Debug, Default)]
pub(crate) struct FieldChange {
    pub(crate) name: Option<String>,
    /// Old words and new ones, of a field of choices.
    pub(crate) words: Vec<(String, String)>,
    /// Whether objects that hold an old word get the new one.
    pub(crate) rewrite: bool,
}

impl World {
    /// Changes the field with this id or name, of an invoice type or any other custom type. The
    /// answer is the field's id.
    pub(crate) fn change_field(
        &mut self,
        named: &str,
        change: &FieldChange,
    ) -> Result<Id, Refused> {
        let place = custom_place(&self.organization, named).ok_or(Refused::NotFound)?;
        let mut organization = (*self.organization).clone();
        let now = self.clock.stamp();
        let field = organization.custom_fields.get_mut(usize::from(place));
        let field = field.ok_or(Refused::NotFound)?;
        rewrite(field, change)?;
        field.updated = now;
        let (id, on) = (
            field.id,
            field.on.first().copied().ok_or(Refused::NotFound)?,
        );
        let before = std::mem::replace(&mut self.organization, Arc::new(organization));
        let (kind, of_type, path, object_type) = match on {
            FieldOn::CustomActivity(of_type) => (
                Kind::CustomActivity,
                of_type,
                "activity",
                "custom_fields.activity",
            ),
            FieldOn::CustomObject(of_type) => (
                Kind::CustomObject,
                of_type,
                "custom_object_type",
                "custom_fields.custom_object",
            ),
            _ => return Err(Refused::NotFound),
        };
        let actor = self.admin(format!("/api/v1/custom_field/{path}/{id}/"));
        let show = |organization: &Organization| {
            let field = organization.custom_field(place)?;
            serde_json::to_value(ShownField {
                organization,
                field,
            })
            .ok()
        };
        let (old, new) = (show(&before), show(&self.organization));
        let mut write = Write::new(self, &actor);
        write.definition(object_type, id, old, new);
        if change.rewrite && !change.words.is_empty() {
            write.reword(kind, of_type, place, &change.words)?;
        }
        Ok(id)
    }

    /// Renames the custom type with this id or name; the answer is its id.
    pub(crate) fn rename_type(&mut self, named: &str, name: &str) -> Result<Id, Refused> {
        let mut organization = (*self.organization).clone();
        let mut types = organization.custom_types.iter();
        let is = |one: &str| one == named;
        let place = types.position(|one| is(one.id.as_str()) || is(&one.name));
        let place = place.ok_or(Refused::NotFound)?;
        let now = self.clock.stamp();
        let one = organization
            .custom_types
            .get_mut(place)
            .ok_or(Refused::NotFound)?;
        one.name = Cow::Owned(name.to_owned());
        one.name_plural = Cow::Owned(format!("{name}s"));
        one.updated = now;
        let (id, kind) = (one.id, one.kind);
        let place = u8::try_from(place).map_err(|_| Refused::NotFound)?;
        let before = std::mem::replace(&mut self.organization, Arc::new(organization));
        let (path, object_type) = match kind {
            Kind::CustomActivity => ("custom_activity", "custom_activity_type"),
            _ => ("custom_object_type", "custom_object_type"),
        };
        let actor = self.admin(format!("/api/v1/{path}/{id}/"));
        let show = |organization: &Organization| {
            let shown = organization.custom_type(place)?;
            serde_json::to_value(ShownType {
                organization,
                place,
                shown,
            })
            .ok()
        };
        let (old, new) = (show(&before), show(&self.organization));
        Write::new(self, &actor).definition(object_type, id, old, new);
        Ok(id)
    }

    fn admin(&mut self, path: String) -> Actor {
        Actor {
            user: Some(0),
            api_key_id: None,
            request_id: self.mint_custom(IdKind::Request),
            method: "PUT",
            path,
            today: self.clock.now().date(),
        }
    }
}

/// The place of the custom type's field with this id or name.
fn custom_place(organization: &Organization, named: &str) -> Option<u8> {
    let of_type =
        |on: &FieldOn| matches!(on, FieldOn::CustomObject(_) | FieldOn::CustomActivity(_));
    let place = organization.custom_fields.iter().position(|field| {
        field.on.first().is_some_and(of_type) && (field.id.as_str() == named || field.name == named)
    });
    u8::try_from(place?).ok()
}

fn rewrite(field: &mut CustomField, change: &FieldChange) -> Result<(), Refused> {
    if let Some(name) = &change.name {
        field.name = Cow::Owned(name.clone());
    }
    for (old, new) in &change.words {
        let mut choices = field.choices.iter_mut();
        let word = choices.find(|word| **word == *old);
        let word = word.ok_or_else(|| Refused::field("choices", "No such choice."))?;
        *word = Cow::Owned(new.clone());
    }
    Ok(())
}

impl Write<'_> {
    /// The `updated` event of a definition, with what differs.
    fn definition(
        &mut self,
        object_type: &'static str,
        id: Id,
        old: Option<Value>,
        new: Option<Value>,
    ) {
        let object = |value: Option<Value>| match value {
            Some(Value::Object(object)) => object,
            _ => Map::new(),
        };
        let (old, new): (Body, Body) = (object(old), object(new));
        let changed: BTreeSet<Box<str>> = new
            .iter()
            .filter(|(name, value)| old.get(*name) != Some(*value))
            .map(|(name, _)| name.as_str().into())
            .collect();
        let previous = old
            .into_iter()
            .filter(|(name, _)| changed.contains(name.as_str()));
        let parts = Parts {
            object_type,
            object_id: id,
            lead_id: None,
            custom: true,
            action: "updated",
            previous: previous.collect(),
            changed,
            data: Value::Object(new),
        };
        self.emit(parts);
    }

    /// The new words in the objects that hold the old ones.
    fn reword(
        &mut self,
        kind: Kind,
        of_type: u8,
        field: u8,
        words: &[(String, String)],
    ) -> Result<(), Refused> {
        let places = self.world.records.places(kind);
        for place in 0..store::Handle::try_from(places).unwrap_or(store::Handle::MAX) {
            let Some(before) = self.view(kind, place) else {
                continue;
            };
            let mut record = custom(&before)?;
            let word = match record.custom.get(field) {
                Some(CustomValue::Text(word)) if record.of_type == of_type => word,
                _ => continue,
            };
            if let Some((_, new)) = words.iter().find(|(old, _)| **old == **word) {
                let new = CustomValue::Text(new.as_str().into());
                record.custom.set(field, Some(new));
                self.change_custom(place, record, &before)?;
            }
        }
        Ok(())
    }
}
