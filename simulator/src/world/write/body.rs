//! Reading the keys of a write's body. A key that is absent leaves its field as it is; a key that
//! no field has is ignored, as Close does (dossier 1.5).

use std::sync::Arc;

use serde_json::Value;

use super::{Body, Refused, Write};
use crate::world::contact::{ContactUrl, Email, Phone};
use crate::world::custom::{self, CustomValue, CustomValues};
use crate::world::custom_field::FieldOn;
use crate::world::lead::Address;
use crate::world::organization::Organization;

pub(super) const NOT_TEXT: &str = "Value must be of basestring type.";

/// A text that may be null. The outer `None`: the key is absent.
pub(super) fn text<'b>(body: &'b Body, name: &str) -> Result<Option<Option<&'b str>>, Refused> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) => Ok(Some(Some(text))),
        Some(_) => Err(Refused::field(name, NOT_TEXT)),
    }
}

/// Sets an optional text from the body, when it names one.
pub(super) fn set_text<T: for<'t> From<&'t str>>(
    body: &Body,
    name: &str,
    field: &mut Option<T>,
) -> Result<(), Refused> {
    if let Some(given) = text(body, name)? {
        *field = given.map(T::from);
    }
    Ok(())
}

fn list<'b>(body: &'b Body, name: &str) -> Result<Option<Vec<&'b Body>>, Refused> {
    let wrong = || Refused::field(name, "Value must be a list of objects.");
    match body.get(name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(Vec::new())),
        Some(Value::Array(items)) => {
            let items = items.iter().map(|item| item.as_object().ok_or_else(wrong));
            items.collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(wrong()),
    }
}

fn optional(body: &Body, name: &str) -> Option<Arc<str>> {
    body.get(name).and_then(Value::as_str).map(Arc::from)
}

fn kind(body: &Body) -> Arc<str> {
    optional(body, "type").unwrap_or_else(|| Arc::from("office"))
}

pub(super) fn set_addresses(body: &Body, field: &mut Box<[Address]>) -> Result<(), Refused> {
    if let Some(items) = list(body, "addresses")? {
        let addresses = items.iter().map(|item| Address {
            label: optional(item, "label").unwrap_or_else(|| Arc::from("business")),
            address_1: optional(item, "address_1"),
            address_2: optional(item, "address_2"),
            city: optional(item, "city"),
            state: optional(item, "state"),
            zipcode: optional(item, "zipcode"),
            country: optional(item, "country"),
        });
        *field = addresses.collect();
    }
    Ok(())
}

pub(super) fn set_emails(body: &Body, field: &mut Box<[Email]>) -> Result<(), Refused> {
    if let Some(items) = list(body, "emails")? {
        let emails = items.iter().map(|item| {
            let email = item.get("email").and_then(Value::as_str);
            let email = email.ok_or_else(|| Refused::field("emails", "email is required."))?;
            Ok(Email {
                kind: kind(item),
                email: email.into(),
                is_unsubscribed: false,
            })
        });
        *field = emails.collect::<Result<_, Refused>>()?;
    }
    Ok(())
}

pub(super) fn set_phones(body: &Body, field: &mut Box<[Phone]>) -> Result<(), Refused> {
    if let Some(items) = list(body, "phones")? {
        let phones = items.iter().map(|item| {
            let phone = item.get("phone").and_then(Value::as_str);
            let phone = phone.ok_or_else(|| Refused::field("phones", "phone is required."))?;
            Ok(Phone {
                kind: kind(item),
                phone: phone.into(),
                phone_formatted: phone.into(),
                country: optional(item, "country"),
            })
        });
        *field = phones.collect::<Result<_, Refused>>()?;
    }
    Ok(())
}

pub(super) fn set_urls(body: &Body, field: &mut Box<[ContactUrl]>) -> Result<(), Refused> {
    if let Some(items) = list(body, "urls")? {
        let urls = items.iter().map(|item| {
            let url = item.get("url").and_then(Value::as_str);
            let url = url.ok_or_else(|| Refused::field("urls", "url is required."))?;
            Ok(ContactUrl {
                kind: optional(item, "type").unwrap_or_else(|| Arc::from("url")),
                url: url.into(),
            })
        });
        *field = urls.collect::<Result<_, Refused>>()?;
    }
    Ok(())
}

/// `custom.cf_x`, `custom.cf_x.add`, `custom.cf_x.remove`, and the old `custom` object by name
/// or id (dossier 4.3).
pub(super) fn set_custom(
    organization: &Organization,
    on: FieldOn,
    body: &Body,
    values: &mut CustomValues,
) -> Result<(), Refused> {
    for (place, field) in organization.fields_of(on) {
        let old_form = body.get("custom").and_then(Value::as_object);
        let by_name =
            old_form.and_then(|old| old.get(&*field.name).or_else(|| old.get(field.id.as_str())));
        let refused = |message: &str| Refused::field(&field.key, message);
        if let Some(given) = body.get(&*field.key).or(by_name) {
            values.set(
                place,
                custom::read(organization, field, given).map_err(refused)?,
            );
        }
        if !field.many {
            continue;
        }
        let mut items = match values.get(place) {
            Some(CustomValue::Many(items)) => items.to_vec(),
            _ => Vec::new(),
        };
        if let Some(given) = body.get(&format!("{}.add", field.key)) {
            let one = custom::read_one(organization, field, given).map_err(refused)?;
            if !items.contains(&one) {
                items.push(one);
            }
        }
        if let Some(given) = body.get(&format!("{}.remove", field.key)) {
            let one = custom::read_one(organization, field, given).map_err(refused)?;
            items.retain(|item| *item != one);
        }
        values.set(
            place,
            (!items.is_empty()).then(|| CustomValue::Many(items.into())),
        );
    }
    Ok(())
}

impl Write<'_> {
    /// The place of the user that the body names under a key.
    pub(super) fn user(&self, body: &Body, name: &str) -> Result<Option<u8>, Refused> {
        match text(body, name)? {
            Some(Some(id)) => {
                let place = self.world.organization.user_place(id);
                place
                    .map(Some)
                    .ok_or_else(|| Refused::field(name, "Invalid user."))
            }
            _ => Ok(None),
        }
    }
}
