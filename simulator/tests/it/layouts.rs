//! Layouts of invoices: their fields by name, and what they say compared with the truth.

use std::collections::BTreeMap;
use std::time::Duration;

use close_sim::{InvoiceLayout, SimulatorConfig};
use serde_json::{Value, json};

use crate::harness::{Sim, config, start, text};

pub(crate) async fn with(invoices: InvoiceLayout, leads: u32) -> Sim {
    start(SimulatorConfig {
        invoices,
        leads,
        ..config()
    })
    .await
}

/// The lines of a control endpoint, by id.
pub(crate) async fn lines(sim: &Sim, path: &str) -> BTreeMap<String, Value> {
    let url = format!("{}{path}", sim.simulator.control_url());
    let lines = sim
        .client
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|object| (text(&object, "id").to_owned(), object))
        .collect()
}

/// Every custom field's name by its key.
pub(crate) async fn names(sim: &Sim) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for list in ["custom_object_type", "activity"] {
        let fields = sim.get(&format!("custom_field/{list}/")).await.ok();
        for field in fields["data"].as_array().unwrap() {
            names.insert(
                format!("custom.{}", text(field, "id")),
                text(field, "name").to_owned(),
            );
        }
    }
    names
}

/// An instance with its custom fields by name.
pub(crate) fn named(object: &Value, names: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let object = object.as_object().unwrap().iter();
    object
        .map(|(key, value)| (names.get(key).unwrap_or(key).clone(), value.clone()))
        .collect()
}

/// Digits with a point, as minor units of a currency.
fn minor(text: &str, currency: &str) -> i64 {
    let decimals = match currency {
        "JPY" => 0,
        "KWD" => 3,
        _ => 2,
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= decimals, "{text} {currency}");
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}

pub(crate) fn amount(value: Option<&Value>, currency: &str) -> Value {
    match value {
        None => Value::Null,
        Some(Value::String(text)) if text.contains(',') || currency == "JPY" => {
            json!(minor(&text.replace('.', "").replace(',', "."), currency))
        }
        Some(Value::String(text)) => json!(minor(text, currency)),
        Some(number) => json!(minor(&number.to_string(), currency)),
    }
}

fn or_null(value: Option<&Value>) -> Value {
    value.cloned().unwrap_or(Value::Null)
}

pub(crate) const STATES: [(&str, [&str; 6]); 3] = [
    (
        "Status",
        [
            "Draft",
            "Sent",
            "Partially Paid",
            "Paid",
            "Void",
            "Credited",
        ],
    ),
    (
        "Zahlungsstatus",
        [
            "Entwurf",
            "Offen",
            "Teilweise bezahlt",
            "Bezahlt",
            "Storniert",
            "",
        ],
    ),
    (
        "Estado",
        [
            "Borrador",
            "Emitida",
            "Pago parcial",
            "Pagada",
            "Anulada",
            "",
        ],
    ),
];

/// What the fields of an invoice say; the names of number, total, tax, currency, paid, dates.
fn said(object: &BTreeMap<String, Value>, names: [&str; 8], place: usize) -> Value {
    let [number, total, tax, currency, paid, issued, due, paid_on] = names;
    let (status, words) = STATES[place];
    let states = ["draft", "issued", "issued", "paid", "void", "void"];
    let word = object[status].as_str().unwrap();
    let state = words.iter().position(|one| *one == word).unwrap();
    let code = object[currency].as_str().unwrap();
    let get = |name: &str| object.get(name);
    let total = amount(get(total), code);
    let paid = match (paid, amount(get(paid), code)) {
        ("Saldo pendiente", Value::Number(open)) => {
            json!(total.as_i64().unwrap() - open.as_i64().unwrap())
        }
        (_, paid) => paid,
    };
    json!({
        "number": or_null(get(number)), "total_minor": total, "tax_minor": amount(get(tax), code),
        "currency": code, "paid_minor": paid, "issued_on": or_null(get(issued)),
        "due_on": or_null(get(due)), "paid_on": or_null(get(paid_on)), "state": states[state],
        "lead_id": object["lead_id"],
    })
}

/// Compares all invoices with what their fields say; answers the truth.
pub(crate) async fn check(sim: &Sim, place: usize) -> BTreeMap<String, Value> {
    let fields = [
        [
            "Invoice Number",
            "Amount",
            "Tax",
            "Currency",
            "Amount Paid",
            "Issue Date",
            "Due Date",
            "Paid Date",
        ],
        [
            "Rechnungsnummer",
            "Bruttobetrag",
            "MwSt",
            "Währung",
            "Bezahlter Betrag",
            "Rechnungsdatum",
            "Fällig am",
            "Bezahlt am",
        ],
        [
            "Folio",
            "Importe total",
            "IVA",
            "Moneda",
            "Saldo pendiente",
            "Fecha de emisión",
            "Vencimiento",
            "Fecha de pago",
        ],
    ][place];
    let kind = ["custom_object", "custom_activity", "custom_object"][place];
    let (truth, objects) = (
        lines(sim, "invoices").await,
        lines(sim, &format!("objects/{kind}")).await,
    );
    let names = names(sim).await;
    let mut seen = 0;
    for (id, object) in &objects {
        let object = named(object, &names);
        if !object.contains_key(STATES[place].0) {
            continue;
        }
        seen += 1;
        let truth = &truth[id];
        let said = said(&object, fields, place);
        for (key, value) in said.as_object().unwrap() {
            assert_eq!(&truth[key], value, "{key} of {truth} in {object:?}");
        }
        if place == 1 {
            let draft = if truth["state"] == "draft" {
                "draft"
            } else {
                "published"
            };
            assert_eq!(object["status"], draft);
            let rows = object["Positionen"].as_str().unwrap_or_default();
            assert_eq!(
                rows.lines().count(),
                truth["lines"].as_array().unwrap().len()
            );
        }
    }
    assert_eq!(seen, truth.len());
    truth
}

pub(crate) async fn some_traffic(sim: &Sim) {
    sim.simulator.set_traffic(1_500.0);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    sim.simulator.set_traffic(0.0);
    tokio::time::sleep(Duration::from_millis(50)).await;
}
