//! Contacts and opportunities of generated leads, and the bodies of new ones.

use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::dice::Dice;
use super::lead::{Dates, slug};
use super::names::{FIRST_NAMES, LAST_NAMES, NOTES, Place, TITLES};
use super::{DAY, Maker};
use crate::world::contact::{Contact, ContactUrl, Email, Phone};
use crate::world::custom_field::FieldOn;
use crate::world::id::{Id, IdKind};
use crate::world::moment::Moment;
use crate::world::opportunity::{Opportunity, ValuePeriod};
use crate::world::organization::StatusType;
use crate::world::store::Handle;
use crate::world::write::Body;

/// A deal's outcome: status type, win date or estimate, date lost.
type Outcome = (StatusType, Option<NaiveDate>, Option<Moment>);

impl Maker<'_> {
    pub(super) fn contact(
        &mut self,
        id: Id,
        lead: Handle,
        place: &Place,
        company: &str,
        dates: Dates,
        dice: &mut Dice,
    ) -> Contact {
        let (first, last) = (dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES));
        let phones = self.phones(place, dice);
        let timezone = phones.iter().any(|phone| phone.country.is_some());
        Contact {
            id,
            lead,
            name: match dice.below(50) {
                0 => None,
                1 => Some("".into()),
                _ => Some(format!("{first} {last}").into()),
            },
            title: match dice.below(8) {
                0 => None,
                1 => Some(self.texts.get("")),
                _ => Some(self.texts.get(dice.pick(TITLES))),
            },
            emails: self.emails(first, last, company, dice),
            phones,
            urls: if dice.chance(0.15) {
                let url = format!(
                    "https://people.example/{}{}",
                    slug(first),
                    dice.between(10, 99)
                );
                Box::new([ContactUrl {
                    kind: self.texts.get("url"),
                    url: url.into(),
                }])
            } else {
                Box::default()
            },
            timezone: timezone.then(|| self.texts.get(place.timezone)),
            custom: self.custom(FieldOn::Contact, &[], dice),
            created_by: Some(dice.small(6)),
            updated_by: (!dice.chance(0.06)).then(|| dice.small(6)),
            created: dates.created,
            updated: dates.updated,
        }
    }

    fn emails(&mut self, first: &str, last: &str, company: &str, dice: &mut Dice) -> Box<[Email]> {
        let count = match dice.below(10) {
            0 | 1 => 0,
            2 => 2,
            _ => 1,
        };
        (0..count)
            .map(|number| {
                let host = if number == 0 {
                    slug(company)
                } else {
                    "mail".into()
                };
                let kind = if number == 0 { "office" } else { "home" };
                Email {
                    kind: self.texts.get(kind),
                    email: format!("{}.{}@{host}.example", slug(first), slug(last)).into(),
                    is_unsubscribed: dice.chance(0.03),
                }
            })
            .collect()
    }

    fn phones(&mut self, place: &Place, dice: &mut Dice) -> Box<[Phone]> {
        if dice.chance(0.3) {
            return Box::default();
        }
        let kind = self.texts.get(dice.pick(&["office", "mobile", "direct"]));
        let national = dice.digits(place.number);
        if dice.chance(0.05) {
            let phone: Box<str> = format!(
                "ext. {}, ask for {}",
                dice.between(10, 99),
                dice.pick(FIRST_NAMES)
            )
            .into();
            return Box::new([Phone {
                kind,
                phone_formatted: phone.clone(),
                phone,
                country: None,
            }]);
        }
        let formatted = format!("+{} {national}", place.dialling);
        let phone: String = formatted.chars().filter(|letter| *letter != ' ').collect();
        Box::new([Phone {
            kind,
            phone: phone.into(),
            phone_formatted: formatted.into(),
            country: Some(self.texts.get(place.country)),
        }])
    }

    pub(super) fn deal(
        &mut self,
        lead: Handle,
        contacts: &[Handle],
        contact_ids: &[Arc<Id>],
        lead_dates: Dates,
        dice: &mut Dice,
    ) -> Opportunity {
        let created = dice.moment(lead_dates.created, self.now.plus(-1));
        let (outcome, date_won, date_lost) = self.outcome(created, dice);
        let status = self.status(outcome, dice);
        let closed = match outcome {
            StatusType::Active => dice.moment(created, self.now.plus(-1)),
            StatusType::Won | StatusType::Lost => {
                let day = date_won.and_then(|date| date.and_hms_opt(0, 0, 0));
                let day = date_lost
                    .or(day.map(|at| at.and_utc().into()))
                    .unwrap_or(created);
                Moment(
                    day.plus(dice.between(0, DAY))
                        .0
                        .clamp(created.0, self.now.0 - 1),
                )
            }
        };
        Opportunity {
            id: dice.id(IdKind::Opportunity),
            lead,
            contact: if dice.chance(0.25) {
                None
            } else {
                contacts.get(dice.below(contacts.len())).copied()
            },
            owner: dice.small(6),
            status,
            period: match dice.below(10) {
                0 => ValuePeriod::Monthly,
                1 | 2 => ValuePeriod::Annual,
                _ => ValuePeriod::OneTime,
            },
            confidence: match outcome {
                StatusType::Won => 100,
                StatusType::Lost => 0,
                StatusType::Active => dice.small(10) * 10,
            },
            value: if dice.chance(0.06) {
                None
            } else if dice.chance(0.01) {
                Some(0)
            } else {
                Some(dice.amount())
            },
            date_won,
            date_lost,
            note: match dice.below(4) {
                0 => None,
                1 => Some("".into()),
                _ => Some(dice.pick(NOTES).into()),
            },
            custom: self.custom(FieldOn::Opportunity, contact_ids, dice),
            created_by: Some(dice.small(6)),
            updated_by: (!dice.chance(0.05)).then(|| dice.small(6)),
            created,
            updated: closed,
        }
    }

    fn outcome(&self, created: Moment, dice: &mut Dice) -> Outcome {
        let today = self.now.date();
        let closing = dice.moment(created, self.now.plus(-1));
        match dice.below(20) {
            0..=7 => (StatusType::Won, Some(closing.date()), None),
            8..=11 => (
                StatusType::Lost,
                dice.chance(0.3).then(|| closing.date()),
                Some(closing),
            ),
            // Won once and taken back: the date stayed.
            12 => (StatusType::Active, Some(closing.date()), None),
            13 | 14 => (StatusType::Active, None, None),
            _ => {
                let days = chrono::TimeDelta::days(dice.between(-30, 120));
                (StatusType::Active, today.checked_add_signed(days), None)
            }
        }
    }

    fn status(&self, kind: StatusType, dice: &mut Dice) -> u8 {
        let places: Vec<u8> = (0_u8..)
            .zip(&self.organization.opportunity_statuses)
            .filter(|(_, status)| status.kind == kind)
            .map(|(place, _)| place)
            .collect();
        places.get(dice.below(places.len())).copied().unwrap_or(0)
    }
}

fn object(body: Value) -> Body {
    match body {
        Value::Object(body) => body,
        _ => Body::new(),
    }
}

/// The body of a POST that makes a new contact.
pub(crate) fn new_contact_body(lead_id: Option<&str>, dice: &mut Dice) -> Body {
    let (first, last) = (dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES));
    let email = format!(
        "{}.{}{}@mail.example",
        slug(first),
        slug(last),
        dice.between(1, 999)
    );
    let mut body = object(json!({
        "name": format!("{first} {last}"),
        "title": dice.pick(TITLES),
        "emails": [{ "type": "office", "email": email }],
        "phones": [{ "type": "mobile", "phone": dice.digits("+4477009#####"), "country": "GB" }],
    }));
    if let Some(id) = lead_id {
        body.insert("lead_id".into(), id.into());
    }
    body
}

/// The body of a POST that makes a new deal.
pub(crate) fn new_deal_body(lead_id: &str, today: NaiveDate, dice: &mut Dice) -> Body {
    let value = (!dice.chance(0.08)).then(|| dice.amount());
    let close = today + chrono::TimeDelta::days(dice.between(5, 90));
    object(json!({
        "lead_id": lead_id,
        "value": value,
        "value_period": dice.pick(&["one_time", "one_time", "annual", "monthly"]),
        "confidence": dice.between(1, 9) * 10,
        "note": dice.pick(NOTES),
        "date_won": dice.chance(0.6).then_some(close),
    }))
}

/// The body of a PUT that changes a contact: a title, a number or an address.
pub(crate) fn contact_edit_body(dice: &mut Dice) -> Body {
    object(match dice.below(3) {
        0 => json!({ "title": dice.pick(TITLES) }),
        1 => {
            json!({ "phones": [{ "type": "office", "phone": dice.digits("+151255501##"), "country": "US" }] })
        }
        _ => {
            let email = format!(
                "{}.{}@mail.example",
                slug(dice.pick(FIRST_NAMES)),
                dice.between(1, 999)
            );
            json!({ "emails": [{ "type": "office", "email": email }] })
        }
    })
}
