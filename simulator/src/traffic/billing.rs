//! What people do with invoices: one action at a time, with dice of its own, so that the other
//! traffic of a seed is the same with invoices and without.

use std::sync::Arc;

use super::action::Outcome;
use crate::app::App;
use crate::config::InvoiceLayout;
use crate::generate::{Dice, Draft, line};
use crate::world::World;
use crate::world::custom_record::CustomRecord;
use crate::world::decimal::Decimal;
use crate::world::id::IdKind;
use crate::world::invoice::{Invoice, Line, Phase, Role, Truth};
use crate::world::organization::StatusType;
use crate::world::records::Kind;
use crate::world::store::Handle;
use crate::world::write::Actor;

/// How often each action comes, in a hundred.
const WEIGHTS: [(Action, usize); 10] = [
    (Action::Issue, 28),
    (Action::Send, 6),
    (Action::PayPart, 18),
    (Action::PayAll, 22),
    (Action::Void, 4),
    (Action::Unpay, 5),
    (Action::LowerPaid, 5),
    (Action::Delete, 3),
    (Action::AddLine, 5),
    (Action::RemoveLine, 4),
];

#[derive(Debug, Clone, Copy)]
enum Action {
    Issue,
    Send,
    PayPart,
    PayAll,
    Void,
    Unpay,
    LowerPaid,
    Delete,
    AddLine,
    RemoveLine,
}

/// Whether there are invoices to work on.
pub(super) fn bills(app: &App) -> bool {
    use InvoiceLayout::{English, German, Spanish};
    matches!(app.config.invoices, English | German | Spanish)
}

/// Makes one change; nothing when no invoice fits it.
pub(super) fn act(app: &App, dice: &mut Dice) {
    let mut throw = dice.below(WEIGHTS.iter().map(|(_, weight)| weight).sum());
    let mut chosen = Action::Issue;
    for (action, weight) in WEIGHTS {
        if throw < weight {
            chosen = action;
            break;
        }
        throw -= weight;
    }
    let outcome = app.write(|world| Billing { world, dice }.act(chosen));
    if let Some(Err(refused)) = outcome {
        tracing::warn!(action = ?chosen, ?refused, "billing made a write that was refused");
    }
}

struct Billing<'b> {
    world: &'b mut World,
    dice: &'b mut Dice,
}

/// An invoice and the instance that tells it.
struct Found {
    record: Arc<CustomRecord>,
    invoice: Invoice,
}

impl Billing<'_> {
    fn act(&mut self, action: Action) -> Outcome {
        use Phase::{Draft, Paid, PartlyPaid, Sent, Void};
        match action {
            Action::Issue => self.issue(),
            Action::Send => self.change(&[Draft], |invoice, billing| {
                invoice.phase = Sent;
                let today = billing.world.clock.now().date();
                invoice.issued_on = invoice.issued_on.or(Some(today));
                let number = billing.dice.digits("INV-S-######");
                invoice.number.get_or_insert_with(|| number.into());
            }),
            Action::PayPart => self.change(&[Sent, PartlyPaid], |invoice, billing| {
                let percent = billing.dice.between(10, 60);
                let open = invoice.open().unwrap_or(0);
                billing.pay(invoice, (open * percent / 100).max(1));
            }),
            Action::PayAll => self.change(&[Sent, PartlyPaid], |invoice, billing| {
                billing.pay(invoice, invoice.open().unwrap_or(0));
            }),
            Action::Void => self.change(&[Draft, Sent], |invoice, _| invoice.phase = Void),
            Action::Unpay => self.change(&[Paid], |invoice, _| {
                (invoice.phase, invoice.paid, invoice.paid_on) = (Sent, Some(0), None);
            }),
            Action::LowerPaid => self.change(&[Paid, PartlyPaid], |invoice, billing| {
                let paid = invoice.paid.unwrap_or(0);
                let paid = paid * billing.dice.between(10, 90) / 100;
                invoice.paid = Some(paid);
                invoice.phase = if paid > 0 { PartlyPaid } else { Sent };
            }),
            Action::Delete => self.delete(),
            Action::AddLine => self.add_line(),
            Action::RemoveLine => self.remove_line(),
        }
    }

    fn pay(&mut self, invoice: &mut Invoice, amount: i64) {
        invoice.paid = Some(invoice.paid.unwrap_or(0) + amount);
        let settled = invoice.open().is_some_and(|open| open <= 0);
        invoice.phase = if settled {
            Phase::Paid
        } else {
            Phase::PartlyPaid
        };
        invoice.paid_on = Some(self.world.clock.now().date());
    }

    fn issue(&mut self) -> Outcome {
        let organization = Arc::clone(&self.world.organization);
        let places = self.world.records.places(Kind::Opportunity);
        let deal = (0..60).find_map(|_| {
            let place = Handle::try_from(self.dice.below(places)).ok()?;
            let deal = self.world.records.opportunities.get(place)?;
            let won = deal.status_type(&organization) == Some(StatusType::Won);
            won.then(|| Arc::clone(deal))
        })?;
        let amount = deal.value.filter(|value| *value > 0);
        let amount = amount.unwrap_or_else(|| self.dice.amount());
        let today = self.world.clock.now().date();
        let mut draft = Draft::new(&organization, amount, today, self.dice);
        if organization.told_in(Role::Deal).is_some() && self.dice.chance(0.6) {
            draft.invoice.deal = Some(deal.id);
        }
        if organization.told_in(Role::Contact).is_some() {
            let contact = deal
                .contact
                .and_then(|place| self.world.records.contacts.get(place));
            draft.invoice.contact = contact.map(|contact| contact.id);
        }
        if self.dice.chance(0.1) {
            draft.invoice.phase = Phase::Draft;
        }
        let (kind, _) = organization.told_in(Role::Status)?;
        let actor = self.actor("POST", format!("/api/v1/{}/", kind.path()));
        let truth = Truth::Invoice(Box::new(draft.invoice));
        let id = match self.world.tell(&actor, deal.lead, truth) {
            Ok(view) => view.id(),
            Err(refused) => return Some(Err(refused)),
        };
        for line in draft.lines {
            let actor = self.actor("POST", "/api/v1/custom_object/".into());
            let line = Line {
                invoice: Some(id),
                ..line
            };
            let told = self
                .world
                .tell(&actor, deal.lead, Truth::Line(Box::new(line)));
            if let Err(refused) = told {
                return Some(Err(refused));
            }
        }
        Some(Ok(()))
    }

    /// A random invoice in one of the phases, with a total that is owed.
    fn any(&mut self, phases: &[Phase]) -> Option<Found> {
        let (kind, _) = self.world.organization.told_in(Role::Status)?;
        let places = self.world.records.places(kind);
        (0..80).find_map(|_| {
            let place = Handle::try_from(self.dice.below(places)).ok()?;
            let record = self.world.records.custom(kind).get(place)?;
            let Truth::Invoice(invoice) = &record.truth else {
                return None;
            };
            let fits = phases.contains(&invoice.phase) && invoice.total > Some(0);
            fits.then(|| Found {
                record: Arc::clone(record),
                invoice: (**invoice).clone(),
            })
        })
    }

    fn change(
        &mut self,
        phases: &[Phase],
        change: impl FnOnce(&mut Invoice, &mut Self),
    ) -> Outcome {
        let mut found = self.any(phases)?;
        change(&mut found.invoice, self);
        Some(self.retell(&found.record, found.invoice))
    }

    fn retell(
        &mut self,
        record: &CustomRecord,
        invoice: Invoice,
    ) -> Result<(), crate::world::write::Refused> {
        let (kind, id) = (record.kind(), record.id);
        let actor = self.actor("PUT", format!("/api/v1/{}/{id}/", kind.path()));
        let told = self.world.retell(kind, &actor, id.as_str(), invoice);
        told.map(drop)
    }

    /// The lines that are objects of their own go with it.
    fn delete(&mut self) -> Outcome {
        let found = self.any(&Phase::ALL)?;
        let kind = found.record.kind();
        for id in self.lines_of(&found.record) {
            let path = format!("/api/v1/custom_object/{id}/");
            let actor = self.actor("DELETE", path);
            let gone = self.world.delete(Kind::CustomObject, &actor, id.as_str());
            if gone.is_err() {
                return Some(gone);
            }
        }
        let id = found.record.id;
        let actor = self.actor("DELETE", format!("/api/v1/{}/{id}/", kind.path()));
        Some(self.world.delete(kind, &actor, id.as_str()))
    }

    fn lines_of(&self, invoice: &CustomRecord) -> Vec<crate::world::id::Id> {
        let objects = self.world.records.custom_objects.of_lead(invoice.lead);
        objects
            .filter_map(|(_, object)| match &object.truth {
                Truth::Line(line) if line.invoice == Some(invoice.id) => Some(object.id),
                _ => None,
            })
            .collect()
    }

    fn add_line(&mut self) -> Outcome {
        let Found {
            record,
            mut invoice,
        } = self.any(&[Phase::Draft, Phase::Sent])?;
        let scale = invoice.scale();
        let share = (invoice.total? / 5).max(1);
        let new = line(share, scale, "19", self.dice);
        let added = new.total.and_then(|total| total.units_at(scale))?;
        let organization = &self.world.organization;
        if organization.told_in(Role::LineInvoice).is_some() {
            let line = Line {
                invoice: Some(record.id),
                ..new
            };
            let actor = self.actor("POST", "/api/v1/custom_object/".into());
            let told = self
                .world
                .tell(&actor, record.lead, Truth::Line(Box::new(line)));
            if let Err(refused) = told {
                return Some(Err(refused));
            }
        } else if organization.told_in(Role::Rows).is_some() {
            invoice.rows.push(Line {
                tax_rate: None,
                ..new
            });
        } else {
            return None;
        }
        invoice.total = Some(invoice.total? + added);
        let tax = Decimal::new(19, 0).tax_within(added);
        invoice.tax = invoice.tax.map(|before| before + tax);
        Some(self.retell(&record, invoice))
    }

    fn remove_line(&mut self) -> Outcome {
        let Found {
            record,
            mut invoice,
        } = self.any(&[Phase::Draft, Phase::Sent])?;
        let ids = self.lines_of(&record);
        let gone = if ids.len() > 1 {
            let id = *self.dice.one(&ids)?;
            let object = self.world.records.custom_objects.find(id.as_str());
            let (_, object) = object?;
            let Truth::Line(line) = &object.truth else {
                return None;
            };
            let gone = line.total;
            let actor = self.actor("DELETE", format!("/api/v1/custom_object/{id}/"));
            let deleted = self.world.delete(Kind::CustomObject, &actor, id.as_str());
            if deleted.is_err() {
                return Some(deleted);
            }
            gone
        } else if invoice.rows.len() > 1 {
            let row = self.dice.below(invoice.rows.len());
            invoice.rows.remove(row).total
        } else {
            return None;
        };
        let gone = gone?.units_at(invoice.scale())?;
        invoice.total = Some(invoice.total? - gone);
        Some(self.retell(&record, invoice))
    }

    fn actor(&mut self, method: &'static str, path: String) -> Actor {
        // Now and then it is the accounting software that writes.
        let user = (!self.dice.chance(0.1)).then(|| self.dice.small(6));
        Actor {
            user,
            api_key_id: None,
            request_id: self.world.mint_custom(IdKind::Request),
            method,
            path,
            today: self.world.clock.now().date(),
        }
    }
}
