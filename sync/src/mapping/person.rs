//! Contact to person.

use super::row::{columns, json_text};
use super::{Json, Mapped, MappingContext, MappingError, indexed};
use crate::close::Object;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

columns! {
    /// The columns of `person`.
    PersonColumns in "person", raw true {
        company_id: Option<Uuid> => "uuid" / "uuid",
        name: Option<String> => "text" / "text",
        title: Option<String> => "text" / "text",
        primary_email: Option<String> => "text" / "text",
        primary_phone: Option<String> => "text" / "text",
        emails: Json => "text" / "jsonb" through json_text,
        phones: Json => "text" / "jsonb" through json_text,
        urls: Json => "text" / "jsonb" through json_text,
        time_zone: Option<String> => "text" / "text",
    }
}

#[derive(Deserialize, Serialize)]
struct Email {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    email: String,
}

#[derive(Deserialize, Serialize)]
struct Link {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    url: String,
}

/// Read with Close's names, kept with ours.
#[derive(Deserialize, Serialize)]
struct Phone {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(rename(deserialize = "phone"))]
    number: String,
    #[serde(default, rename(deserialize = "phone_formatted"))]
    formatted: Option<String>,
    #[serde(default)]
    country: Option<String>,
}

impl Mapped for PersonColumns {
    fn map(contact: &Object, context: &MappingContext) -> Result<Self, MappingError> {
        let emails: Vec<Email> = contact.read("emails").unwrap_or_default();
        let phones: Vec<Phone> = contact.read("phones").unwrap_or_default();
        let urls: Vec<Link> = contact.read("urls").unwrap_or_default();
        Ok(Self {
            company_id: context.reference(contact, "lead_id"),
            name: contact
                .text("name")
                .or_else(|| contact.text("display_name"))
                .map(indexed),
            title: contact.text("title"),
            primary_email: emails.first().map(|email| indexed(email.email.clone())),
            primary_phone: phones.first().map(|phone| indexed(phone.number.clone())),
            emails: Json::of(&emails),
            phones: Json::of(&phones),
            urls: Json::of(&urls),
            time_zone: contact.text("timezone"),
        })
    }
}
