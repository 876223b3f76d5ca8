//! Leads, whole with their children; odd data where Close has it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::dice::Dice;
use super::names::{COMPANY_FIRST, COMPANY_SECOND, DESCRIPTIONS, PLACES, Place, STREETS};
use super::{DAY, Maker, PAST};
use crate::world::custom_field::FieldOn;
use crate::world::id::{Id, IdKind};
use crate::world::lead::{Address, Lead};
use crate::world::moment::Moment;
use crate::world::records::Records;
use crate::world::write::Body;

/// The lead whose description holds a NUL character, which Postgres cannot store.
const NUL_LEAD: u32 = 7;

/// When an object was made and last changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dates {
    pub(super) created: Moment,
    pub(super) updated: Moment,
}

impl Maker<'_> {
    /// One lead with its contacts and opportunities. `import`: the instant of the bulk import
    /// that made it.
    pub(super) fn lead(
        &mut self,
        number: u32,
        import: Option<Moment>,
        dice: &mut Dice,
        records: &mut Records,
    ) {
        let dates = match import {
            Some(at) => Dates {
                created: at,
                updated: at,
            },
            None => self.dates(dice),
        };
        let place = PLACES.get(dice.below(PLACES.len())).unwrap_or(&FALLBACK);
        let name = company(dice);
        let contacts = self
            .config
            .contacts_per_lead
            .unwrap_or_else(|| several(dice, 2));
        let contact_ids: Vec<Arc<Id>> = (0..contacts)
            .map(|_| Arc::new(dice.id(IdKind::Contact)))
            .collect();
        let lead = Lead {
            id: dice.id(IdKind::Lead),
            name: match number % 97 {
                5 => None,
                6 => Some("".into()),
                8 => Some(format!("{name} (Example)").into()),
                _ => Some(name.as_str().into()),
            },
            description: description(number, dice),
            url: url(&name, dice),
            status: dice.small(self.organization.lead_statuses.len()),
            addresses: self.addresses(place, dice),
            custom: self.custom(FieldOn::Lead, &contact_ids, dice),
            created_by: import.is_none().then(|| dice.small(6)),
            updated_by: (import.is_none() && !dice.chance(0.05)).then(|| dice.small(6)),
            created: dates.created,
            updated: dates.updated,
        };
        let handle = records.leads.push(lead);
        let mut places = Vec::with_capacity(contact_ids.len());
        for id in &contact_ids {
            let contact = self.contact(
                **id,
                handle,
                place,
                &name,
                self.child_dates(dates, import, dice),
                dice,
            );
            places.push(records.contacts.push(contact));
        }
        let deals = self
            .config
            .opportunities_per_lead
            .unwrap_or_else(|| several(dice, 1));
        for _ in 0..deals {
            let deal = self.deal(handle, &places, &contact_ids, dates, dice);
            records.opportunities.push(deal);
        }
    }

    fn dates(&self, dice: &mut Dice) -> Dates {
        let created = dice.moment(self.now.plus(-PAST), self.now.plus(-DAY / 24));
        // Most leads were last touched soon after they were made, some until today.
        let reach = dice.unit().powi(3);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "a span"
        )]
        let span = ((self.now.0 - created.0) as f64 * reach) as i64;
        let updated = created.plus(dice.between(0, span.max(1)));
        Dates {
            created,
            updated: Moment(updated.0.min(self.now.0 - 1)),
        }
    }

    /// A child is made after its lead and last changed no later than it.
    pub(super) fn child_dates(
        &self,
        lead: Dates,
        import: Option<Moment>,
        dice: &mut Dice,
    ) -> Dates {
        if import.is_some() {
            return lead;
        }
        let created = dice.moment(lead.created, lead.updated);
        Dates {
            created,
            updated: dice.moment(created, lead.updated),
        }
    }

    fn addresses(&mut self, place: &Place, dice: &mut Dice) -> Box<[Address]> {
        let count = if dice.chance(0.15) {
            0
        } else {
            dice.between(1, 8) / 8 + 1
        };
        let labels = ["business", "mailing", "office", "headquarters"];
        (0..count)
            .map(|_| Address {
                label: self.texts.get(dice.pick(&labels)),
                address_1: Some(Arc::from(format!(
                    "{} {}",
                    dice.between(1, 240),
                    dice.pick(STREETS)
                ))),
                address_2: match dice.below(3) {
                    0 => None,
                    1 => Some(self.texts.get("")),
                    _ => Some(self.texts.get("Suite 2")),
                },
                city: Some(self.texts.get(place.city)),
                state: Some(self.texts.get(place.state)),
                zipcode: Some(self.texts.get(place.zipcode)),
                country: Some(self.texts.get(place.country)),
            })
            .collect()
    }
}

const FALLBACK: Place = Place {
    country: "US",
    city: "Austin",
    state: "TX",
    zipcode: "78701",
    timezone: "America/Chicago",
    dialling: "1",
    number: "512 555 01##",
};

/// A small number with the given mean: 1 or 2.
fn several(dice: &mut Dice, mean: u32) -> u32 {
    let spread: &[u32] = match mean {
        2 => &[0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4],
        _ => &[0, 0, 0, 1, 1, 1, 1, 1, 2, 2],
    };
    spread
        .get(dice.below(spread.len()))
        .copied()
        .unwrap_or(mean)
}

pub(crate) fn company(dice: &mut Dice) -> String {
    let (first, second) = (dice.pick(COMPANY_FIRST), dice.pick(COMPANY_SECOND));
    let ending = dice.pick(&["", "", " Ltd", " GmbH", " Inc.", " S.A.", " & Sons"]);
    format!("{first} {second}{ending}")
}

/// A company's name as it stands in a domain.
pub(super) fn slug(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

fn description(number: u32, dice: &mut Dice) -> Option<Box<str>> {
    if number == NUL_LEAD {
        return Some("Pasted from an old system:\u{0}broken off here".into());
    }
    match dice.below(4) {
        0 => None,
        1 => Some("".into()),
        _ => Some(dice.pick(DESCRIPTIONS).into()),
    }
}

fn url(name: &str, dice: &mut Dice) -> Option<Box<str>> {
    let domain = format!("{}.example", slug(name));
    match dice.below(12) {
        0 => None,
        1 => Some("".into()),
        2 | 3 => Some(domain.into()),
        4 => Some(format!("https://social.example/company/{}", slug(name)).into()),
        _ => Some(format!("https://{domain}").into()),
    }
}

/// The body of a POST that makes a new lead with one or two contacts.
pub(crate) fn new_lead_body(dice: &mut Dice) -> Body {
    let name = company(dice);
    let contacts: Vec<Value> = (0..dice.between(1, 2))
        .map(|_| Value::Object(super::new_contact_body(None, dice)))
        .collect();
    let domain = slug(&name);
    let body = json!({
        "name": name,
        "url": format!("https://{domain}.example"),
        "contacts": contacts,
    });
    match body {
        Value::Object(body) => body,
        _ => Body::new(),
    }
}
