//! Invoices, their lines and their payments, without a database.

use super::{Meaning, PaidAmount, paid_amount};
use crate::close::Object;
use crate::mapping::MappingContext;
use chrono::{DateTime, NaiveDate, Utc};
use closegraph_entity::invoice_mapping::{InvoiceMapping, LineRole, Lines, Role};
use closegraph_entity::receivable::{Flag, PaymentStatus, Status};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

fn context() -> MappingContext {
    let roles = [
        Role::Number,
        Role::Amount,
        Role::Tax,
        Role::Currency,
        Role::AmountPaid,
        Role::Balance,
        Role::DueOn,
        Role::PaidOn,
        Role::Status,
    ];
    let word = |role: &Role| {
        serde_json::to_value(role)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    let fields = roles
        .iter()
        .map(|role| (*role, format!("cf_{}", word(role))));
    let words = [
        ("draft", Status::Draft),
        ("sent", Status::Issued),
        ("partially paid", Status::Issued),
        ("paid", Status::Paid),
        ("void", Status::Void),
    ];
    MappingContext {
        connection_id: uuid::Uuid::nil(),
        currency: "USD".to_owned(),
        value_exponent: 2,
        labels: Arc::default(),
        time_zone: chrono_tz::America::New_York,
        invoices: Some(Arc::new(InvoiceMapping {
            type_id: "cotype_1".to_owned(),
            kind: closegraph_entity::custom_type::Kind::CustomObject,
            fields: fields.collect(),
            lines: Some(Lines::Text {
                field: "cf_lines".to_owned(),
                separator: ";".to_owned(),
                columns: vec![
                    LineRole::Description,
                    LineRole::Quantity,
                    LineRole::UnitPrice,
                    LineRole::Total,
                ],
            }),
            status_words: words.map(|(word, status)| (word.to_owned(), status)).into(),
            decimals: closegraph_entity::invoice_mapping::Decimals::Auto,
            currency: None,
        })),
        categories: Arc::default(),
    }
}

/// An invoice with these values of its fields.
fn invoice(values: &Value) -> Object {
    let mut object = json!({"id": "custobj_1", "custom_object_type_id": "cotype_1", "lead_id": "lead_1", "name": "INV-1"});
    for (role, value) in values.as_object().unwrap() {
        object[format!("custom.cf_{role}")] = value.clone();
    }
    Object::parse(&object.to_string()).unwrap()
}

fn at(day: u32) -> DateTime<Utc> {
    format!("2026-03-{day:02}T12:00:00Z").parse().unwrap()
}

fn meaning(values: &Value) -> Meaning {
    Meaning::of(&context(), &invoice(values), "custobj_1", at(1), &[])
}

fn flags(meaning: &Meaning) -> Vec<Flag> {
    serde_json::from_str(&meaning.receivable.as_ref().unwrap().columns.flags.0).unwrap()
}

#[test]
fn amounts_and_words_say_whether_it_is_paid() {
    use PaymentStatus::{Overpaid, Paid, Partial, Unknown, Unpaid};
    for (values, status, left) in [
        (
            json!({"amount": 100, "status": "Sent"}),
            Unpaid,
            Some(10_000),
        ),
        (
            json!({"amount": 100, "status": "Sent", "amount_paid": 40.5}),
            Partial,
            Some(5_950),
        ),
        (
            json!({"amount": 100, "status": "Sent", "balance": 25}),
            Partial,
            Some(2_500),
        ),
        (json!({"amount": 100, "status": "Paid"}), Paid, Some(0)),
        (
            json!({"amount": 100, "status": "Paid", "amount_paid": 130}),
            Overpaid,
            Some(-3_000),
        ),
        (
            json!({"amount": 100, "status": "Draft"}),
            Unknown,
            Some(10_000),
        ),
        (
            json!({"amount": 100, "status": "Void"}),
            Unknown,
            Some(10_000),
        ),
        (json!({"status": "Sent"}), Unknown, None),
        (json!({"status": "Paid"}), Paid, None),
        (
            json!({"amount": 100, "status": "Partially Paid"}),
            Partial,
            None,
        ),
        (
            json!({"amount": 100, "status": "Disputed"}),
            Unknown,
            Some(10_000),
        ),
        (
            json!({"amount": -100, "status": "Sent"}),
            Overpaid,
            Some(-10_000),
        ),
        (json!({"amount": 0, "status": "Sent"}), Paid, Some(0)),
    ] {
        let columns = meaning(&values).receivable.unwrap().columns;
        assert_eq!(
            (columns.payment_status, columns.balance_minor),
            (status, left),
            "{values}"
        );
    }
}

#[test]
fn amounts_have_the_decimals_of_their_currency() {
    for (values, total) in [
        (json!({"amount": 1250, "currency": "JPY"}), Some(1_250)),
        (json!({"amount": 1250.5, "currency": "JPY"}), None),
        (json!({"amount": 1.234, "currency": "KWD"}), Some(1_234)),
        (
            json!({"amount": "1.234,50", "currency": "€"}),
            Some(123_450),
        ),
        (json!({"amount": "TBD"}), None),
    ] {
        assert_eq!(
            meaning(&values).receivable.unwrap().columns.total_minor,
            total,
            "{values}"
        );
    }
}

#[test]
fn what_does_not_fit_is_flagged_and_kept() {
    for (values, flag) in [
        (json!({"amount": 1250.555}), Flag::AmountUnreadable),
        (
            json!({"amount": 1, "currency": "Gold"}),
            Flag::CurrencyUnknown,
        ),
        (
            json!({"amount": 1, "status": "Disputed"}),
            Flag::StatusUnknown,
        ),
        (
            json!({"amount": 10, "amount_paid": 4, "balance": 5}),
            Flag::BalanceDiffers,
        ),
        (
            json!({"amount": 10, "amount_paid": 4, "status": "Paid"}),
            Flag::PaidWithBalance,
        ),
    ] {
        assert_eq!(flags(&meaning(&values)), [flag], "{values}");
    }
    assert!(
        flags(&meaning(
            &json!({"amount": 10, "amount_paid": 4, "balance": 6})
        ))
        .is_empty()
    );
}

#[test]
fn lines_are_read_off_text_and_odd_rows_are_kept_whole() {
    let lines = meaning(&json!({"amount": 30, "lines": "Setup; 1; 10,00; 10,00\n\nTraining; 2.5; 8; 20\nsee contract"})).lines;
    let read: Vec<_> = lines.iter().map(|line| &line.columns).collect();
    assert_eq!(read[0].description.as_deref(), Some("Setup"));
    assert_eq!(read[0].total.as_deref(), Some("10"));
    assert_eq!(read[1].quantity.as_deref(), Some("2.5"));
    assert_eq!(
        (read[2].description.as_deref(), read[2].total.as_deref()),
        (Some("see contract"), None)
    );
    assert_eq!(read.len(), 3);
}

fn booked(
    context: &MappingContext,
    now: &Object,
    paid: &[PaidAmount],
) -> Vec<(i64, String, NaiveDate)> {
    let version = paid.last().map_or(at(1), |paid| paid.version);
    let payments = Meaning::of(context, now, "custobj_1", version, paid).payments;
    let fields = payments.into_iter().map(|row| {
        let columns = row.columns;
        (
            columns.amount_minor.unwrap(),
            columns.currency,
            columns.occurred_on.unwrap(),
        )
    });
    fields.collect()
}

fn told(context: &MappingContext, day: u32, values: &Value) -> PaidAmount {
    paid_amount(context, &invoice(values), true, at(day), None).unwrap()
}

#[test]
fn payments_are_what_was_paid_more_and_what_was_taken_back() {
    let context = context();
    let versions = [
        (1, json!({"amount": 100, "status": "Sent"})),
        (
            2,
            json!({"amount": 100, "status": "Sent", "amount_paid": 40}),
        ),
        (
            5,
            json!({"amount": 100, "status": "Paid", "amount_paid": 100, "paid_on": "2026-03-04"}),
        ),
        (
            6,
            json!({"amount": 100, "status": "Sent", "amount_paid": 60, "paid_on": "2026-03-04"}),
        ),
        (
            7,
            json!({"amount": 100, "status": "Sent", "amount_paid": 60, "paid_on": "2026-03-04", "currency": "EUR"}),
        ),
    ];
    let paid: Vec<_> = versions
        .iter()
        .map(|(day, values)| told(&context, *day, values))
        .collect();
    let day = |day| NaiveDate::from_ymd_opt(2026, 3, day).unwrap();
    let entry = |minor, currency: &str, on| (minor, currency.to_owned(), day(on));
    assert_eq!(
        booked(&context, &invoice(&versions[4].1), &paid),
        [
            entry(4_000, "USD", 2),
            entry(6_000, "USD", 4),
            entry(-4_000, "USD", 6),
            entry(-6_000, "USD", 7),
            entry(6_000, "EUR", 4),
        ]
    );
}

#[test]
fn a_payment_without_a_date_is_of_the_day_of_its_event_where_the_organization_is() {
    let context = context();
    let version = "2026-03-02T02:00:00Z".parse().unwrap();
    let now = invoice(&json!({"amount": 100, "status": "Paid"}));
    let paid = paid_amount(&context, &now, true, version, None).unwrap();
    let first = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
    assert_eq!(
        booked(&context, &now, std::slice::from_ref(&paid)),
        [(10_000, "USD".to_owned(), first)]
    );
    // A date that is put in afterwards moves it.
    let later = invoice(&json!({"amount": 100, "status": "Paid", "paid_on": "2026-02-27"}));
    let dated = paid_amount(&context, &later, true, at(9), None).unwrap();
    let moved = NaiveDate::from_ymd_opt(2026, 2, 27).unwrap();
    assert_eq!(
        booked(&context, &later, &[paid, dated]),
        [(10_000, "USD".to_owned(), moved)]
    );
}

#[test]
fn a_part_that_does_not_say_what_was_paid_says_nothing() {
    let part = Object::parse(r#"{"custom_object_type_id":"cotype_1","custom.cf_number":"INV-2"}"#)
        .unwrap();
    assert_eq!(paid_amount(&context(), &part, false, at(1), None), None);
}

proptest! {
    /// Whatever happened, the payments of a receivable add up to what was paid, in its currency, and to nothing in
    /// others.
    #[test]
    fn payments_add_up_to_what_was_paid(
        versions in proptest::collection::vec((1_u32..28, -500_i64..500, prop_oneof!["USD", "EUR", "JPY"], any::<bool>()), 1..12),
    ) {
        let context = context();
        let mut known = BTreeMap::new();
        for (day, amount, currency, dated) in versions {
            let mut values = json!({"amount": 300, "status": "Sent", "amount_paid": amount, "currency": currency});
            if dated {
                values["paid_on"] = json!("2026-02-01");
            }
            known.insert(at(day), (told(&context, day, &values), values));
        }
        let paid: Vec<_> = known.values().map(|(paid, _)| paid.clone()).collect();
        let (last, values) = known.values().next_back().unwrap();
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (minor, currency, _) in booked(&context, &invoice(values), &paid) {
            prop_assert_ne!(minor, 0);
            *sums.entry(currency).or_default() += minor;
        }
        for (currency, sum) in sums {
            prop_assert_eq!(sum, if currency == last.currency { last.paid_minor } else { 0 });
        }
    }
}
