//! The invoices of generated leads: of the won deals about seven in ten have one, a few leads have
//! one without a deal; or what only looks like invoices.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};

use super::dice::Dice;
use super::invoice::Draft;
use super::{DAY, Maker};
use crate::config::InvoiceLayout;
use crate::world::custom::CustomValue;
use crate::world::custom_field::FieldType;
use crate::world::custom_record::{CustomRecord, Form};
use crate::world::id::{Id, IdKind};
use crate::world::invoice::{Line, Phase, Role, Truth};
use crate::world::moment::Moment;
use crate::world::organization::{Organization, StatusType};
use crate::world::records::{Kind, Records};
use crate::world::store::Handle;

fn morning(day: NaiveDate) -> Moment {
    day.and_hms_opt(0, 0, 0)
        .map_or(Moment::MIN, |at| at.and_utc().into())
}

impl Maker<'_> {
    /// The invoices of the lead in this place, or what only looks like one.
    pub(super) fn invoices(&mut self, lead: Handle, dice: &mut Dice, records: &mut Records) {
        match self.organization.invoices {
            InvoiceLayout::None => return,
            InvoiceLayout::Misleading => return self.pretenders(lead, dice, records),
            _ => {}
        }
        let today = self.now.date();
        let organization = self.organization;
        let won = |status| {
            let status = organization.opportunity_status(status);
            status.is_some_and(|status| status.kind == StatusType::Won)
        };
        let deals = records.opportunities.of_lead(lead).map(|(_, deal)| deal);
        let mut bases: Vec<(Option<Id>, Option<i64>, NaiveDate)> = deals
            .filter(|deal| won(deal.status))
            .filter(|_| dice.chance(0.7))
            .map(|deal| (Some(deal.id), deal.value, deal.date_won.unwrap_or(today)))
            .collect();
        if dice.chance(0.06) {
            let day = today - TimeDelta::days(dice.between(0, 200));
            bases.push((None, None, day));
        }
        for (deal, value, day) in bases {
            let amount = value.filter(|value| *value > 0);
            let amount = amount.unwrap_or_else(|| dice.amount());
            let issued = (day + TimeDelta::days(dice.between(0, 9))).min(today);
            let mut draft = Draft::new(organization, amount, issued, dice);
            draft.invoice.deal =
                deal.filter(|_| told(organization, Role::Deal) && dice.chance(0.6));
            draft.grow_old(organization, today, dice);
            self.invoice(lead, draft, dice, records);
        }
    }

    fn invoice(&mut self, lead: Handle, mut draft: Draft, dice: &mut Dice, records: &mut Records) {
        let contacts: Vec<(Handle, Id)> = records
            .contacts
            .of_lead(lead)
            .map(|(place, contact)| (place, contact.id))
            .collect();
        let contact = dice.one(&contacts).copied().filter(|_| dice.chance(0.75));
        if told(self.organization, Role::Contact) {
            draft.invoice.contact = contact.map(|(_, id)| id);
        }
        let made = records
            .leads
            .get(lead)
            .map_or(Moment::MIN, |lead| lead.created);
        let latest = self.now.plus(-1_000_000);
        let within = |at: Moment| Moment(at.0.min(latest.0).max(made.0));
        let issued = draft.invoice.issued_on.unwrap_or(self.now.date());
        let created = within(morning(issued).plus(dice.between(0, DAY)));
        let changed = draft.invoice.paid_on.unwrap_or(issued);
        let updated = within(morning(changed).plus(dice.between(0, DAY)));
        let dates = (created, Moment(updated.0.max(created.0)));
        let published = draft.invoice.phase != Phase::Draft;
        let place = contact
            .map(|(place, _)| place)
            .filter(|_| draft.invoice.contact.is_some());
        let truth = Truth::Invoice(Box::new(draft.invoice));
        let form = (place, published);
        let id = self.record(Role::Status, lead, truth, dates, form, dice, records);
        for (number, line) in (1..).zip(draft.lines) {
            let at = dates.0.plus(number * 1_013);
            let line = Line {
                invoice: id,
                ..line
            };
            let truth = Truth::Line(Box::new(line));
            let form = (None, true);
            self.record(
                Role::LineInvoice,
                lead,
                truth,
                (at, at),
                form,
                dice,
                records,
            );
        }
    }

    /// One instance of the type whose fields have the role. `dates`: created and updated; `form`:
    /// an activity's contact and whether it is published.
    #[expect(clippy::too_many_arguments, reason = "one instance's parts")]
    fn record(
        &mut self,
        role: Role,
        lead: Handle,
        truth: Truth,
        dates: (Moment, Moment),
        form: (Option<Handle>, bool),
        dice: &mut Dice,
        records: &mut Records,
    ) -> Option<Id> {
        let (kind, of_type) = self.organization.told_in(role)?;
        let mut record = self.instance(kind, of_type, lead, dates, dice);
        match &mut record.form {
            Form::Object { name } => *name = truth.name(),
            Form::Activity {
                contact, published, ..
            } => (*contact, *published) = form,
        }
        truth.fill(self.organization, record.on(), &mut record.custom);
        record.truth = truth;
        let id = record.id;
        records.custom_mut(kind).push(record);
        Some(id)
    }

    /// An instance with some of its type's fields set, which mean nothing yet.
    fn instance(
        &mut self,
        kind: Kind,
        of_type: u8,
        lead: Handle,
        (created, updated): (Moment, Moment),
        dice: &mut Dice,
    ) -> CustomRecord {
        let (id, form) = match kind {
            Kind::CustomActivity => {
                let form = Form::Activity {
                    contact: None,
                    user: Some(dice.small(6)),
                    published: true,
                    at: created,
                };
                (IdKind::Activity, form)
            }
            _ => (IdKind::CustomObject, Form::Object { name: "".into() }),
        };
        let mut record = CustomRecord {
            id: dice.id(id),
            of_type,
            lead,
            form,
            custom: Default::default(),
            truth: Truth::Other,
            created_by: Some(dice.small(6)),
            updated_by: (!dice.chance(0.05)).then(|| dice.small(6)),
            created,
            updated,
        };
        record.custom = self.custom(record.on(), &[], dice);
        record
    }

    /// Instances of the types that only look like invoices.
    fn pretenders(&mut self, lead: Handle, dice: &mut Dice, records: &mut Records) {
        for kind in Kind::CUSTOM {
            let Some((of_type, _)) = self.organization.types_of(kind).next() else {
                continue;
            };
            if !dice.chance(0.3) {
                continue;
            }
            let made = records
                .leads
                .get(lead)
                .map_or(self.now, |lead| lead.created);
            let created = dice.moment(made, self.now.plus(-2));
            let dates = (created, dice.moment(created, self.now.plus(-1)));
            let contacts = records.contacts.of_lead(lead);
            let contacts: Vec<Arc<Id>> = contacts.map(|(_, one)| Arc::new(one.id)).collect();
            let mut record = self.instance(kind, of_type, lead, dates, dice);
            // Most fields are filled in: nothing but their meaning tells them from an invoice's.
            for _ in 0..6 {
                let more = self.custom(record.on(), &contacts, dice);
                for (place, _) in self.organization.fields_of(record.on()) {
                    if record.custom.get(place).is_none() {
                        record.custom.set(place, more.get(place).cloned());
                    }
                }
            }
            if let Form::Object { name } = &mut record.form {
                *name = dice.digits("Insert ####").into();
            }
            let shipping = "Left the warehouse";
            for (place, field) in self.organization.fields_of(record.on()) {
                if field.kind == FieldType::Text && field.name == "Status" {
                    let text = CustomValue::Text(shipping.into());
                    record.custom.set(place, Some(text));
                }
            }
            records.custom_mut(kind).push(record);
        }
    }
}

/// Whether the layout has a field in this role.
fn told(organization: &Organization, role: Role) -> bool {
    organization.told_in(role).is_some()
}
