//! Between the truth and the fields of a layout: written by the simulated people, read again when
//! a client writes the fields itself.

use std::sync::Arc;

use super::{Invoice, Line, Phase, Role, Truth};
use crate::config::InvoiceLayout;
use crate::world::custom::{CustomValue, CustomValues};
use crate::world::custom_field::{CustomField, FieldOn, FieldType};
use crate::world::decimal::{Decimal, exponent};
use crate::world::id::Id;
use crate::world::organization::Organization;

fn text(text: &str) -> CustomValue {
    CustomValue::Text(text.into())
}

fn id(id: Id) -> CustomValue {
    CustomValue::Id(Arc::new(id))
}

/// An amount in the form that its field has in the layout.
fn amount(field: &CustomField, layout: InvoiceLayout, amount: Decimal) -> CustomValue {
    match (field.kind, layout) {
        (FieldType::Number, _) => CustomValue::Exact(amount),
        (_, InvoiceLayout::German) => CustomValue::Text(amount.german().into()),
        _ => CustomValue::Text(amount.fixed().into()),
    }
}

/// `description; quantity; unit price; total`, a line each, numbers as in Germany.
fn rows(lines: &[Line]) -> Option<CustomValue> {
    let german = |number: Option<Decimal>| number.map(Decimal::german).unwrap_or_default();
    let rows: Vec<String> = lines
        .iter()
        .map(|line| {
            format!(
                "{}; {}; {}; {}",
                line.description.as_deref().unwrap_or_default(),
                german(line.quantity),
                german(line.unit_price),
                german(line.total),
            )
        })
        .collect();
    (!rows.is_empty()).then(|| CustomValue::Text(rows.join("\n").into()))
}

fn read_rows(given: &str) -> Vec<Line> {
    given
        .lines()
        .filter(|row| !row.trim().is_empty())
        .map(|row| {
            let mut parts = row.split(';').map(str::trim);
            let description = parts.next().filter(|part| !part.is_empty());
            let mut number = || parts.next().and_then(Decimal::parse_german);
            Line {
                description: description.map(Box::from),
                quantity: number(),
                unit_price: number(),
                total: number(),
                ..Line::default()
            }
        })
        .collect()
}

impl Invoice {
    fn value(&self, role: Role, field: &CustomField, layout: InvoiceLayout) -> Option<CustomValue> {
        let money = |minor: i64| amount(field, layout, self.major(minor));
        let choice = |place: usize| field.choices.get(place).map(|word| text(word));
        match role {
            Role::Number => self.number.as_deref().map(text),
            Role::Total => self.total.map(money),
            Role::Tax => self.tax.map(money),
            Role::Paid => self.paid.map(money),
            Role::Balance => self
                .total
                .zip(self.paid)
                .map(|(all, paid)| money(all - paid)),
            Role::Currency => Some(text(&self.currency)),
            Role::IssuedOn => self.issued_on.map(|day| text(&day.to_string())),
            Role::DueOn => self.due_on.map(|day| text(&day.to_string())),
            Role::PaidOn => self.paid_on.map(|day| text(&day.to_string())),
            Role::Status => self.phase.place().and_then(choice),
            Role::Terms => choice(self.terms),
            Role::Contact => self.contact.map(id),
            Role::Deal => self.deal.as_ref().map(|deal| text(deal.as_str())),
            Role::Rows => rows(&self.rows),
            _ => None,
        }
    }
}

impl Line {
    fn value(&self, role: Role, field: &CustomField, layout: InvoiceLayout) -> Option<CustomValue> {
        let number = |number: Decimal| amount(field, layout, number);
        match role {
            Role::LineInvoice => self.invoice.map(id),
            Role::LineDescription => self.description.as_deref().map(text),
            Role::LineQuantity => self.quantity.map(number),
            Role::LineUnitPrice => self.unit_price.map(number),
            Role::LineTaxRate => self.tax_rate.map(number),
            Role::LineTotal => self.total.map(number),
            _ => None,
        }
    }
}

impl Truth {
    /// Puts what it says into the fields that say it; other fields stay.
    pub(crate) fn fill(&self, organization: &Organization, on: FieldOn, values: &mut CustomValues) {
        let layout = organization.invoices;
        for (place, field) in organization.fields_of(on) {
            let Some(role) = field.role else { continue };
            match self {
                Self::Other => {}
                Self::Invoice(invoice) => values.set(place, invoice.value(role, field, layout)),
                Self::Line(line) => values.set(place, line.value(role, field, layout)),
            }
        }
    }

    /// What the fields say, when a client wrote them. `published`: not the draft of an activity.
    pub(crate) fn read(
        organization: &Organization,
        on: FieldOn,
        values: &CustomValues,
        published: bool,
    ) -> Self {
        let read = Read {
            organization,
            on,
            values,
        };
        if read.has(Role::LineInvoice) {
            return Self::Line(Box::new(read.line()));
        }
        if read.has(Role::Status) {
            return Self::Invoice(Box::new(read.invoice(published)));
        }
        Self::Other
    }
}

/// The fields of one instance, by role.
struct Read<'r> {
    organization: &'r Organization,
    on: FieldOn,
    values: &'r CustomValues,
}

impl Read<'_> {
    fn field(&self, role: Role) -> Option<(u8, &CustomField)> {
        let mut fields = self.organization.fields_of(self.on);
        fields.find(|(_, field)| field.role == Some(role))
    }

    fn has(&self, role: Role) -> bool {
        self.field(role).is_some()
    }

    fn value(&self, role: Role) -> Option<&CustomValue> {
        self.values.get(self.field(role)?.0)
    }

    fn text(&self, role: Role) -> Option<&str> {
        match self.value(role)? {
            CustomValue::Text(text) => Some(text).map(|text| &**text),
            _ => None,
        }
    }

    fn id(&self, role: Role) -> Option<Id> {
        match self.value(role)? {
            CustomValue::Id(id) => Some(**id),
            CustomValue::Text(text) => Id::parse(text),
            _ => None,
        }
    }

    fn decimal(&self, role: Role) -> Option<Decimal> {
        match self.value(role)? {
            CustomValue::Exact(number) => Some(*number),
            CustomValue::Whole(whole) => Some(Decimal::new(*whole, 0)),
            // The shortest text that is this float is what the client wrote.
            CustomValue::Decimal(float) => Decimal::parse(&float.to_string()),
            CustomValue::Text(text) if self.organization.invoices == InvoiceLayout::German => {
                Decimal::parse_german(text)
            }
            CustomValue::Text(text) => Decimal::parse(text),
            _ => None,
        }
    }

    fn place(&self, role: Role) -> Option<usize> {
        let (_, field) = self.field(role)?;
        let word = self.text(role)?;
        field.choices.iter().position(|choice| *choice == word)
    }

    fn line(&self) -> Line {
        Line {
            invoice: self.id(Role::LineInvoice),
            description: self.text(Role::LineDescription).map(Box::from),
            quantity: self.decimal(Role::LineQuantity),
            unit_price: self.decimal(Role::LineUnitPrice),
            total: self.decimal(Role::LineTotal),
            tax_rate: self.decimal(Role::LineTaxRate),
        }
    }

    fn invoice(&self, published: bool) -> Invoice {
        let currency = self
            .text(Role::Currency)
            .unwrap_or(&self.organization.currency);
        let scale = exponent(currency);
        let minor = |role| self.decimal(role).and_then(|amount| amount.units_at(scale));
        let day = |role| self.text(role).and_then(|text| text.parse().ok());
        let total = minor(Role::Total);
        let balance = minor(Role::Balance);
        let phase = self
            .place(Role::Status)
            .and_then(|place| Phase::ALL.get(place));
        Invoice {
            number: self.text(Role::Number).map(Box::from),
            phase: match phase {
                Some(phase) if published => *phase,
                Some(_) => Phase::Draft,
                None if published => Phase::Sent,
                None => Phase::Draft,
            },
            currency: currency.into(),
            total,
            tax: minor(Role::Tax),
            paid: minor(Role::Paid).or_else(|| Some(total? - balance?)),
            issued_on: day(Role::IssuedOn),
            due_on: day(Role::DueOn),
            paid_on: day(Role::PaidOn),
            contact: self.id(Role::Contact),
            deal: self.id(Role::Deal),
            terms: self.place(Role::Terms).unwrap_or(usize::MAX),
            rows: self.text(Role::Rows).map(read_rows).unwrap_or_default(),
        }
    }
}
