//! A record to an invoice.

use super::super::money::exponent;
use super::super::row::{columns, json_text};
use super::super::{Json, MappingContext, indexed};
use super::amount;
use super::custom;
use crate::close::Object;
use chrono::NaiveDate;
use closegraph_entity::invoice_mapping::{Decimals, InvoiceMapping, Role};
use closegraph_entity::receivable::{Flag, PaymentStatus, Status};
use closegraph_entity::record::record_id;
use iso_currency::Currency;
use rust_decimal::Decimal;
use uuid::Uuid;

columns! {
    /// The columns of `receivable`.
    ReceivableColumns in "receivable", raw false {
        company_id: Option<Uuid> => "uuid" / "uuid",
        person_id: Option<Uuid> => "uuid" / "uuid",
        opportunity_id: Option<Uuid> => "uuid" / "uuid",
        number: Option<String> => "text" / "text",
        status: Option<Status> => "text" / "text" through status_text,
        status_label: Option<String> => "text" / "text",
        payment_status: PaymentStatus => "text" / "text" through payment_text,
        issued_on: Option<NaiveDate> => "date" / "date",
        due_on: Option<NaiveDate> => "date" / "date",
        paid_on: Option<NaiveDate> => "date" / "date",
        terms: Option<String> => "text" / "text",
        currency: String => "text" / "text",
        currency_places: i16 => "smallint" / "smallint",
        total_minor: Option<i64> => "bigint" / "bigint",
        tax_minor: Option<i64> => "bigint" / "bigint",
        paid_minor: Option<i64> => "bigint" / "bigint",
        balance_minor: Option<i64> => "bigint" / "bigint",
        flags: Json => "text" / "jsonb" through json_text,
    }
}

fn status_text(status: &Option<Status>) -> Option<&'static str> {
    status.map(Status::as_str)
}

fn payment_text(status: &PaymentStatus) -> &'static str {
    status.as_str()
}

/// Reads the fields of an invoice by their roles, and notes what does not fit.
struct Reader<'a> {
    invoice: &'a Object,
    mapping: &'a InvoiceMapping,
    places: u32,
    flags: Vec<Flag>,
}

impl Reader<'_> {
    fn text(&self, role: Role) -> Option<String> {
        one(self.invoice, &custom(self.mapping.fields.get(&role)?))
    }

    fn date(&self, role: Role) -> Option<NaiveDate> {
        self.invoice.date(&custom(self.mapping.fields.get(&role)?))
    }

    fn flag(&mut self, flag: Flag) {
        if !self.flags.contains(&flag) {
            self.flags.push(flag);
        }
    }

    /// The currency that the invoice names, else the one of its mapping or its organization.
    fn currency(&mut self, context: &MappingContext) -> String {
        let default = self
            .mapping
            .currency
            .clone()
            .unwrap_or_else(|| context.currency.clone());
        let Some(given) = self.text(Role::Currency) else {
            return default;
        };
        currency(&given).unwrap_or_else(|| {
            self.flag(Flag::CurrencyUnknown);
            default
        })
    }

    /// An amount in minor units; unknown, and flagged, where it can't be read.
    fn amount(&mut self, role: Role) -> Option<i64> {
        let key = custom(self.mapping.fields.get(&role)?);
        let amount = decimal(self.invoice, &key, self.mapping.decimals, self.places)?;
        let minor = amount
            .ok()
            .and_then(|amount| amount::minor(amount, self.places));
        if minor.is_none() {
            self.flag(Flag::AmountUnreadable);
        }
        minor
    }

    /// Where it stands, and the word that says so.
    fn status(&mut self) -> (Option<Status>, Option<String>) {
        let label = self.text(Role::Status);
        if self.invoice.text("status").as_deref() == Some("draft") {
            // A custom activity that is not published.
            return (Some(Status::Draft), label);
        }
        let Some(word) = &label else {
            return (Some(Status::Issued), None);
        };
        let status = self
            .mapping
            .status_words
            .get(&word.trim().to_lowercase())
            .copied();
        if status.is_none() {
            self.flag(Flag::StatusUnknown);
        }
        (status, label)
    }
}

impl ReceivableColumns {
    pub(super) fn of(invoice: &Object, context: &MappingContext, mapping: &InvoiceMapping) -> Self {
        let mut read = Reader {
            invoice,
            mapping,
            places: 2,
            flags: Vec::new(),
        };
        let currency = read.currency(context);
        read.places = exponent(&currency);
        let (status, status_label) = read.status();
        let (total, tax) = (read.amount(Role::Amount), read.amount(Role::Tax));
        let amounts = Amounts::of(&mut read, total, status, status_label.as_deref());
        let status = match status {
            // Without a word, the amounts say when it is paid.
            Some(Status::Issued) if status_label.is_none() && amounts.is_settled() => {
                Some(Status::Paid)
            }
            status => status,
        };
        let reference = |text: Option<String>| Some(record_id(context.connection_id, &text?));
        Self {
            company_id: context.reference(invoice, "lead_id"),
            person_id: reference(
                read.text(Role::Contact)
                    .or_else(|| invoice.text("contact_id")),
            ),
            opportunity_id: reference(
                read.text(Role::Opportunity)
                    .filter(|id| id.starts_with("oppo_")),
            ),
            // The name of a record is its number where no field is.
            number: match mapping.fields.contains_key(&Role::Number) {
                true => read.text(Role::Number),
                false => invoice.text("name"),
            }
            .map(indexed),
            status,
            status_label,
            payment_status: amounts.payment_status,
            // A custom activity has a date of its own.
            issued_on: match mapping.fields.contains_key(&Role::IssuedOn) {
                true => read.date(Role::IssuedOn),
                false => invoice.date("activity_at"),
            },
            due_on: read.date(Role::DueOn),
            paid_on: read.date(Role::PaidOn),
            terms: read.text(Role::Terms),
            currency,
            currency_places: i16::try_from(read.places).unwrap_or_default(),
            total_minor: total,
            tax_minor: tax,
            paid_minor: amounts.paid,
            balance_minor: total
                .zip(amounts.paid)
                .and_then(|(total, paid)| total.checked_sub(paid)),
            flags: Json::of(&read.flags),
        }
    }
}

/// What was paid of an invoice.
struct Amounts {
    total: Option<i64>,
    paid: Option<i64>,
    payment_status: PaymentStatus,
}

impl Amounts {
    fn of(
        read: &mut Reader<'_>,
        total: Option<i64>,
        status: Option<Status>,
        word: Option<&str>,
    ) -> Self {
        let (told, left) = (read.amount(Role::AmountPaid), read.amount(Role::Balance));
        let is_unreadable = read.flags.contains(&Flag::AmountUnreadable);
        let by_balance = total
            .zip(left)
            .and_then(|(total, left)| total.checked_sub(left));
        let in_part = word.is_some_and(is_partial);
        let paid = match (told.or(by_balance), status) {
            (Some(paid), _) => Some(paid),
            (None, _) if is_unreadable => None,
            (None, Some(Status::Paid)) => total,
            (None, _) if in_part => None,
            (None, _) => Some(0),
        };
        if told
            .zip(by_balance)
            .is_some_and(|(told, by_balance)| told != by_balance)
        {
            read.flag(Flag::BalanceDiffers);
        }
        let owed = total.zip(paid).is_some_and(|(total, paid)| paid < total);
        if status == Some(Status::Paid) && owed {
            read.flag(Flag::PaidWithBalance);
        }
        let payment_status = match status {
            None | Some(Status::Draft | Status::Void) => PaymentStatus::Unknown,
            Some(status) => payment_status(total, paid, status, in_part),
        };
        Self {
            total,
            paid,
            payment_status,
        }
    }

    fn is_settled(&self) -> bool {
        self.total.is_some() && self.paid >= self.total
    }
}

fn payment_status(
    total: Option<i64>,
    paid: Option<i64>,
    status: Status,
    in_part: bool,
) -> PaymentStatus {
    match (total, paid) {
        (Some(total), Some(paid)) if paid > total => PaymentStatus::Overpaid,
        (Some(total), Some(paid)) if paid == total => PaymentStatus::Paid,
        (Some(_), Some(paid)) if paid > 0 => PaymentStatus::Partial,
        (Some(_), Some(_)) => PaymentStatus::Unpaid,
        _ if status == Status::Paid => PaymentStatus::Paid,
        _ if in_part => PaymentStatus::Partial,
        _ => PaymentStatus::Unknown,
    }
}

/// Whether a status word says that a part was paid, in some of the languages that people use.
fn is_partial(word: &str) -> bool {
    const STEMS: [&str; 7] = [
        "partial", "partly", "teilw", "teilbez", "parcial", "partiel", "parzial",
    ];
    let word = word.to_lowercase();
    STEMS.iter().any(|stem| word.contains(stem))
}

/// The code of a currency, given by its code or by a sign that no other currency has.
fn currency(given: &str) -> Option<String> {
    let given = given.trim();
    let by_sign = match given {
        "€" => Some("EUR"),
        "£" => Some("GBP"),
        "₹" => Some("INR"),
        "₪" => Some("ILS"),
        "₺" => Some("TRY"),
        _ => None,
    };
    let code = by_sign.map_or_else(|| given.to_ascii_uppercase(), str::to_owned);
    Currency::from_code(&code).map(|known| known.code().to_owned())
}

/// A value as text; of several, the first.
pub(super) fn one(object: &Object, key: &str) -> Option<String> {
    object.text(key).or_else(|| {
        let many: Vec<String> = object.read(key)?;
        many.into_iter().find(|text| !text.trim().is_empty())
    })
}

/// An amount, whether it is kept as a number or as text: nothing where there is none, an error where it can't be read.
pub(super) fn decimal(
    object: &Object,
    key: &str,
    decimals: Decimals,
    places: u32,
) -> Option<Result<Decimal, ()>> {
    let text = object.text(key)?;
    let is_text = object.get(key)?.get().starts_with('"');
    let amount = if is_text {
        amount::read(&text, decimals, places)
    } else {
        amount::number(&text)
    };
    Some(amount.ok_or(()))
}
