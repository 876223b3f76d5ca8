//! What an invoice is, whatever fields a team keeps it in: the truth behind `/_sim/invoices`, and
//! the values that the fields of a layout carry of it.
//!
//! Close has no invoices (dossier 4.11); a [`Role`] on a custom field says what the field tells of
//! one. Prices include tax: a line's total is quantity times unit price, the lines' totals make the
//! total (but for the few that do not), the tax is the part of it that is tax.

mod fields;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::decimal::{Decimal, exponent};
use super::id::Id;

/// What a custom field says of an invoice or of an invoice's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Number,
    /// The gross total, negative on a credit note.
    Total,
    Tax,
    Currency,
    Paid,
    /// The total less what is paid; such a layout has no field of what is paid.
    Balance,
    IssuedOn,
    DueOn,
    PaidOn,
    /// Choices, in the order of [`Phase::ALL`].
    Status,
    Contact,
    Deal,
    Terms,
    /// One line a row: `description; quantity; unit price; total`, numbers in the layout's form.
    Rows,
    LineInvoice,
    LineDescription,
    LineQuantity,
    LineUnitPrice,
    LineTaxRate,
    LineTotal,
}

/// How far an invoice has come, as its status words tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Draft,
    Sent,
    PartlyPaid,
    Paid,
    Void,
    /// A credit note that is settled; a layout without this word has open credit notes.
    Credited,
}

impl Phase {
    pub(crate) const ALL: [Self; 6] = [
        Self::Draft,
        Self::Sent,
        Self::PartlyPaid,
        Self::Paid,
        Self::Void,
        Self::Credited,
    ];

    /// The four states of the truth. What was credited is as little owed as what is void.
    pub(crate) const fn state(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Sent | Self::PartlyPaid => "issued",
            Self::Paid => "paid",
            Self::Void | Self::Credited => "void",
        }
    }

    /// Its place among a status field's choices.
    fn place(self) -> Option<usize> {
        Self::ALL.iter().position(|one| *one == self)
    }
}

/// Minor units throughout; none is unknown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invoice {
    pub(crate) number: Option<Box<str>>,
    pub(crate) phase: Phase,
    /// ISO 4217.
    pub(crate) currency: Box<str>,
    pub(crate) total: Option<i64>,
    pub(crate) tax: Option<i64>,
    pub(crate) paid: Option<i64>,
    pub(crate) issued_on: Option<NaiveDate>,
    pub(crate) due_on: Option<NaiveDate>,
    pub(crate) paid_on: Option<NaiveDate>,
    pub(crate) contact: Option<Id>,
    pub(crate) deal: Option<Id>,
    /// The place of the payment terms among their field's choices.
    pub(crate) terms: usize,
    /// Those that stand in the invoice itself; others are objects of their own.
    pub(crate) rows: Vec<Line>,
}

/// One line; amounts in major units of its invoice's currency.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Line {
    /// The object of its invoice; none for a row.
    pub(crate) invoice: Option<Id>,
    pub(crate) description: Option<Box<str>>,
    pub(crate) quantity: Option<Decimal>,
    pub(crate) unit_price: Option<Decimal>,
    pub(crate) total: Option<Decimal>,
    /// Percent.
    pub(crate) tax_rate: Option<Decimal>,
}

/// What a custom object or activity stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Truth {
    /// Nothing that has to do with invoices.
    Other,
    Invoice(Box<Invoice>),
    Line(Box<Line>),
}

impl Truth {
    /// What an object that means this is called.
    pub(crate) fn name(&self) -> Box<str> {
        let (given, otherwise) = match self {
            Self::Invoice(invoice) => (&invoice.number, "Invoice"),
            Self::Line(line) => (&line.description, "Line"),
            Self::Other => (&None, "Untitled"),
        };
        given.clone().unwrap_or_else(|| otherwise.into())
    }
}

impl Invoice {
    pub(crate) fn scale(&self) -> u32 {
        exponent(&self.currency)
    }

    pub(crate) fn major(&self, minor: i64) -> Decimal {
        Decimal::new(minor, self.scale())
    }

    /// What is still to be paid.
    pub(crate) fn open(&self) -> Option<i64> {
        Some(self.total? - self.paid.unwrap_or(0))
    }

    /// The truth as `/_sim/invoices` tells it.
    pub(crate) fn told(&self, id: Id, lead_id: Id, lines: &[&Line]) -> Value {
        let minor = |amount: Option<Decimal>| amount.and_then(|one| one.units_at(self.scale()));
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| {
                json!({
                    "description": line.description,
                    "quantity": line.quantity.map(|quantity| quantity.to_string()),
                    "unit_price_minor": minor(line.unit_price),
                    "total_minor": minor(line.total),
                    "tax_rate": line.tax_rate.map(|rate| rate.to_string()),
                })
            })
            .collect();
        json!({
            "id": id,
            "lead_id": lead_id,
            "contact_id": self.contact,
            "opportunity_id": self.deal,
            "number": self.number,
            "state": self.phase.state(),
            "currency": self.currency,
            "total_minor": self.total,
            "tax_minor": self.tax,
            "paid_minor": self.paid,
            "issued_on": self.issued_on,
            "due_on": self.due_on,
            "paid_on": self.paid_on,
            "lines": lines,
        })
    }
}
