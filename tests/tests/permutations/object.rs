//! Objects of Close as histories fill them.

use serde_json::{Map, Value, json};

/// The type that invoices are of.
pub(crate) const INVOICE_TYPE: &str = "cotype_invoice";

/// An object's keys.
pub(crate) type Values = Map<String, Value>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Lead,
    Contact,
    Opportunity,
    Invoice,
}

impl Kind {
    /// Close's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
            Self::Invoice => "custom_object",
        }
    }
}

/// A new object, every standard key of which is there.
pub(crate) fn initial(id: &str, kind: Kind) -> Values {
    let mut object = Values::new();
    object.insert("id".to_owned(), json!(id));
    if kind != Kind::Lead {
        object.insert("lead_id".to_owned(), json!("lead_a"));
    }
    if kind == Kind::Invoice {
        object.insert("custom_object_type_id".to_owned(), json!(INVOICE_TYPE));
    }
    for field in 0..8 {
        for (key, value) in values(kind, field, u8::from(key_needs_value(kind, field))) {
            if !key.starts_with("custom.") {
                object.insert(key.to_owned(), value);
            }
        }
    }
    object
}

const fn key_needs_value(kind: Kind, field: u8) -> bool {
    matches!((kind, field), (Kind::Opportunity, 0 | 7))
}

/// The keys of a field, and the values that a choice gives them; choice 0 clears what can be cleared.
pub(crate) fn values(kind: Kind, field: u8, choice: u8) -> Vec<(&'static str, Value)> {
    let place = usize::from(choice);
    let one_of = |key, choices: [Value; 4]| vec![(key, choices[place].clone())];
    let null = Value::Null;
    match (kind, field) {
        (Kind::Lead, 0) => one_of("name", [null, json!("Nord"), json!("Süd"), json!("Ost")]),
        (Kind::Lead, 1) => one_of("description", [null, json!(""), json!("a"), json!("b")]),
        (Kind::Lead, 2) => one_of(
            "url",
            [
                null,
                json!("a.example"),
                json!("https://b.example/"),
                json!("n/a"),
            ],
        ),
        (Kind::Lead, 3 | 7) => vec![
            ("status_id", json!(format!("stat_{choice}"))),
            ("status_label", json!(format!("Status {choice}"))),
        ],
        (Kind::Lead, 4) => {
            let one = json!([{"label": "business", "city": "Leeds", "country": "GB"}]);
            one_of(
                "addresses",
                [json!([]), one, json!([{"city": "York"}]), null],
            )
        }
        (Kind::Contact, 0) => one_of("name", [null, json!("Ada"), json!("Bea"), json!("Cem")]),
        (Kind::Contact, 1) => one_of("title", [null, json!("CFO"), json!("CEO"), json!("")]),
        (Kind::Contact, 2) => {
            let email = |name: &str| json!([{"type": "office", "email": format!("{name}@a.example"), "is_unsubscribed": false}]);
            one_of("emails", [json!([]), email("ada"), email("bea"), null])
        }
        (Kind::Contact, 3 | 7) => {
            let phone = json!([{"type": "mobile", "phone": "+447700900123", "country": "GB"}]);
            one_of("phones", [json!([]), phone, null, json!([])])
        }
        (Kind::Contact, 4) => one_of(
            "timezone",
            [null, json!("Europe/London"), json!("UTC"), json!("")],
        ),
        (Kind::Opportunity, 0) => {
            let status = ["active", "won", "lost", "active"][place];
            vec![
                ("status_id", json!(format!("stat_{choice}"))),
                ("status_type", json!(status)),
                ("status_label", json!(format!("Status {choice}"))),
            ]
        }
        (Kind::Opportunity, 1) => one_of("value", [null, json!(0), json!(100_000), json!(250_050)]),
        (Kind::Opportunity, 2) => one_of("confidence", [null, json!(0), json!(50), json!(100)]),
        (Kind::Opportunity, 3) => one_of(
            "date_won",
            [
                null,
                json!("2026-02-03"),
                json!("2026-03-31"),
                json!("2026-04-01"),
            ],
        ),
        (Kind::Opportunity, 4) => one_of("note", [null, json!(""), json!("a"), json!("b")]),
        (Kind::Opportunity, 5) => one_of(
            "contact_id",
            [null, json!("cont_a"), json!("cont_b"), json!("cont_a")],
        ),
        (Kind::Opportunity, 7) => {
            let period = ["one_time", "one_time", "monthly", "annual"][place];
            vec![("value_period", json!(period))]
        }
        (Kind::Invoice, field) => invoice(field, choice),
        (_, 5) => one_of("custom.cf_a", [null, json!(1), json!(2.5), json!("1")]),
        _ => one_of(
            "custom.cf_b",
            [null, json!("x"), json!(["x", "y"]), json!({"a": null})],
        ),
    }
}

/// What people fill in of an invoice.
fn invoice(field: u8, choice: u8) -> Vec<(&'static str, Value)> {
    let null = Value::Null;
    let (key, choices) = match field {
        0 => (
            "custom.cf_amount",
            [null, json!(100), json!("250.50"), json!(100)],
        ),
        1 | 5 => (
            "custom.cf_amount_paid",
            [null, json!(40), json!(100), json!(250.5)],
        ),
        2 => (
            "custom.cf_status",
            [null, json!("Sent"), json!("Paid"), json!("Void")],
        ),
        3 => (
            "custom.cf_paid_on",
            [
                null,
                json!("2026-02-03"),
                json!("2026-03-01"),
                json!("2026-02-03"),
            ],
        ),
        4 => (
            "custom.cf_currency",
            [null, json!("USD"), json!("EUR"), json!("JPY")],
        ),
        6 => (
            "custom.cf_lines",
            [
                null,
                json!("a;1;2;2"),
                json!("a;1;2;2\nb;2;3;6"),
                json!("b;2;3;6"),
            ],
        ),
        _ => (
            "name",
            [null, json!("INV-1"), json!("INV-2"), json!("INV-3")],
        ),
    };
    vec![(key, choices[usize::from(choice)].clone())]
}
