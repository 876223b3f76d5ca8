//! New invoices, and what becomes of them; odd where people's are.

use chrono::{NaiveDate, TimeDelta};

use super::dice::Dice;
use crate::config::InvoiceLayout;
use crate::world::decimal::{Decimal, exponent};
use crate::world::invoice::{Invoice, Line, Phase, Role};
use crate::world::organization::Organization;

/// Days until an invoice is due, in the order of the payment terms' choices.
pub(crate) const TERMS: [i64; 4] = [14, 30, 60, 0];

const SERVICES: &[&str] = &[
    "Annual licence",
    "Onboarding",
    "Support, priority",
    "Consulting, hours",
    "Delivery & installation",
    "Training day",
    "Wartung",
    "Suscripción mensual",
    "部品",
];

/// A new invoice and those of its lines that are objects of their own.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) invoice: Invoice,
    pub(crate) lines: Vec<Line>,
}

/// A line of about this amount in minor units; its price includes the tax.
pub(crate) fn line(share: i64, scale: u32, rate: &str, dice: &mut Dice) -> Line {
    let quantity = dice.pick(&["1", "1", "1", "2", "3", "5", "10", "1.5", "0.25"]);
    let quantity = Decimal::parse(quantity).unwrap_or(Decimal::new(1, 0));
    let hundredths = quantity.units_at(2).unwrap_or(100);
    let unit = (share.saturating_mul(100) / hundredths.max(1)).max(1);
    Line {
        invoice: None,
        description: Some(dice.pick(SERVICES).into()),
        quantity: Some(quantity),
        unit_price: Some(Decimal::new(unit, scale)),
        total: Some(Decimal::new(quantity.times(unit), scale)),
        tax_rate: Decimal::parse(rate),
    }
}

fn currency(organization: &Organization, dice: &mut Dice) -> Box<str> {
    let free = ["EUR", "USD", "CHF", "JPY", "KWD"].map(std::borrow::Cow::Borrowed);
    let mut fields = organization.custom_fields.iter();
    let field = fields.find(|field| field.role == Some(Role::Currency));
    let choices = field.map_or(&[][..], |field| &field.choices);
    let pool = if choices.is_empty() {
        &free[..]
    } else {
        choices
    };
    let own = organization.currency.as_str();
    let home = match pool.first() {
        Some(first) if !choices.is_empty() && pool.iter().all(|one| one != own) => first,
        _ => own,
    };
    if dice.chance(0.7) {
        return home.into();
    }
    dice.one(pool).map_or(home, |one| one).into()
}

fn number(layout: InvoiceLayout, issued: NaiveDate, dice: &mut Dice) -> Box<str> {
    let form = match layout {
        InvoiceLayout::German => format!("R-{}-######", issued.format("%Y")),
        InvoiceLayout::Spanish => "F######".into(),
        _ => "INV-######".into(),
    };
    dice.digits(&form).into()
}

/// The lines that stand in the invoice, and those that are objects of their own.
fn laid_out(layout: InvoiceLayout, lines: Vec<Line>) -> (Vec<Line>, Vec<Line>) {
    match layout {
        InvoiceLayout::German => {
            let untaxed = |line| Line {
                tax_rate: None,
                ..line
            };
            (lines.into_iter().map(untaxed).collect(), Vec::new())
        }
        InvoiceLayout::Spanish => (Vec::new(), Vec::new()),
        _ => (Vec::new(), lines),
    }
}

impl Draft {
    /// One of about `amount` hundredths of the organization's currency, sent and unpaid.
    pub(crate) fn new(
        organization: &Organization,
        amount: i64,
        issued: NaiveDate,
        dice: &mut Dice,
    ) -> Self {
        let layout = organization.invoices;
        let currency = currency(organization, dice);
        let scale = exponent(&currency);
        let amount = match scale {
            // Rates that nobody should rely on.
            0 => amount.saturating_mul(3) / 2,
            3 => amount.saturating_mul(3),
            _ => amount,
        };
        let rate = dice.pick(&["0", "5", "10", "19", "20", "21", "7.7"]);
        let count = dice.between(1, 4);
        let lines: Vec<Line> = (0..count)
            .map(|_| line((amount / count).max(1), scale, rate, dice))
            .collect();
        let totals = lines.iter().filter_map(|line| line.total?.units_at(scale));
        let total: i64 = totals.sum();
        let percent = Decimal::parse(rate).unwrap_or(Decimal::new(0, 0));
        let terms = dice.below(TERMS.len());
        let days = TERMS.get(terms).copied().unwrap_or(0);
        let (rows, lines) = laid_out(layout, lines);
        let wrong = if dice.chance(0.04) {
            dice.between(1, 900)
        } else {
            0
        };
        Self {
            invoice: Invoice {
                number: Some(number(layout, issued, dice)),
                phase: Phase::Sent,
                currency,
                total: Some(total + wrong),
                tax: Some(percent.tax_within(total)),
                paid: (layout == InvoiceLayout::Spanish || dice.chance(0.5)).then_some(0),
                issued_on: Some(issued),
                due_on: (!dice.chance(0.04)).then(|| issued + TimeDelta::days(days)),
                paid_on: None,
                contact: None,
                deal: None,
                terms,
                rows,
            },
            lines,
        }
    }

    /// What has become of it by today.
    pub(super) fn grow_old(
        &mut self,
        organization: &Organization,
        today: NaiveDate,
        dice: &mut Dice,
    ) {
        let invoice = &mut self.invoice;
        let due = invoice.due_on.or(invoice.issued_on);
        let chances = if due.is_some_and(|due| due < today) {
            [72, 8, 13, 3, 3]
        } else {
            [28, 14, 43, 3, 4]
        };
        let [paid, partly, sent, void, credit] = chances;
        let roll = dice.between(0, 99);
        if roll < paid {
            invoice.pay(100, today, dice);
        } else if roll < paid + partly {
            let percent = dice.between(5, 90);
            invoice.pay(percent, today, dice);
        } else if roll < paid + partly + sent {
            if dice.chance(0.1) {
                (invoice.total, invoice.tax, invoice.paid) = (None, None, None);
            }
        } else if roll < paid + partly + sent + void {
            invoice.phase = Phase::Void;
        } else if roll < paid + partly + sent + void + credit {
            self.credit(organization);
        } else {
            invoice.phase = Phase::Draft;
            if dice.chance(0.5) {
                (invoice.number, invoice.issued_on) = (None, None);
            }
        }
    }

    /// A credit note: everything negative, settled where the layout has a word for that.
    fn credit(&mut self, organization: &Organization) {
        let invoice = &mut self.invoice;
        let mut fields = organization.custom_fields.iter();
        let status = fields.find(|field| field.role == Some(Role::Status));
        if status.is_some_and(|field| field.choices.len() == Phase::ALL.len()) {
            invoice.phase = Phase::Credited;
        }
        let scale = invoice.scale();
        (invoice.total, invoice.tax) = (invoice.total.map(|all| -all), invoice.tax.map(|tax| -tax));
        invoice.due_on = None;
        for line in self.lines.iter_mut().chain(&mut invoice.rows) {
            let minus =
                |number: Decimal, scale| Some(Decimal::new(-number.units_at(scale)?, scale));
            line.quantity = line.quantity.and_then(|number| minus(number, 2));
            line.total = line.total.and_then(|number| minus(number, scale));
        }
    }
}

impl Invoice {
    /// Pays so many percent of the total, a little too much now and then.
    fn pay(&mut self, percent: i64, today: NaiveDate, dice: &mut Dice) {
        let total = self.total.unwrap_or(0);
        let whole = percent == 100;
        let over = if whole && dice.chance(0.03) {
            dice.between(1, (total / 20).max(1))
        } else {
            0
        };
        let amount = if whole {
            total + over
        } else {
            (total * percent / 100).max(1)
        };
        self.phase = if amount >= total {
            Phase::Paid
        } else {
            Phase::PartlyPaid
        };
        self.paid = Some(amount);
        let after = self.issued_on.unwrap_or(today) + TimeDelta::days(dice.between(0, 45));
        self.paid_on = (!dice.chance(0.05)).then_some(after.min(today));
    }
}
