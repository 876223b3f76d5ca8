//! `GET /_sim/invoices`: what the invoices are, whatever fields tell it; and changes of the fields
//! that tell it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::app::App;
use crate::rest::Shared;
use crate::rest::answer::{Answer, Failure, ok};
use crate::rest::body::JsonBody;
use crate::world::invoice::{Line, Truth};
use crate::world::records::{Kind, Records};
use crate::world::store::{Order, Window};
use crate::world::write::{Body, FieldChange};

/// The truth of every live invoice, oldest first.
pub(crate) fn truth(app: &App) -> Vec<Value> {
    app.read(|world| {
        let records = &world.records;
        let kinds = Kind::CUSTOM.into_iter();
        kinds.flat_map(|kind| of_kind(records, kind)).collect()
    })
}

fn of_kind(records: &Records, kind: Kind) -> Vec<Value> {
    let all = records.custom(kind).walk(Order::Created, Window::ALL);
    all.filter_map(|(_, record)| {
        let Truth::Invoice(invoice) = &record.truth else {
            return None;
        };
        let lead = records.leads.get(record.lead)?;
        let objects = records.custom_objects.of_lead(record.lead);
        let objects: Vec<_> = objects.map(|(_, object)| Arc::clone(object)).collect();
        let own = objects.iter().filter_map(|object| match &object.truth {
            Truth::Line(line) if line.invoice == Some(record.id) => Some(&**line),
            _ => None,
        });
        let lines: Vec<&Line> = own.chain(&invoice.rows).collect();
        Some(invoice.told(record.id, lead.id, &lines))
    })
    .collect()
}

pub(super) async fn invoices(State(app): Shared) -> Answer {
    let mut lines = String::new();
    for invoice in truth(&app) {
        lines.push_str(&invoice.to_string());
        lines.push('\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

/// `{"name"?, "choices"?: {"Paid": "Settled"}, "rewrite"?: true}`; the field by its id or name.
pub(super) async fn change_field(
    State(app): Shared,
    Path(named): Path<String>,
    JsonBody(body): JsonBody,
) -> Answer {
    let words = match body.get("choices") {
        None => Vec::new(),
        Some(Value::Object(words)) => words
            .iter()
            .map(|(old, new)| {
                let new = new.as_str().map(str::to_owned);
                let wrong = || Failure::field("choices", "Value must be old words to new ones.");
                Ok((old.clone(), new.ok_or_else(wrong)?))
            })
            .collect::<Result<_, Failure>>()?,
        Some(_) => {
            let message = "Value must be old words to new ones.";
            return Err(Failure::field("choices", message));
        }
    };
    let change = FieldChange {
        name: text(&body, "name")?.map(str::to_owned),
        words,
        rewrite: body.get("rewrite").and_then(Value::as_bool).unwrap_or(true),
    };
    let id = app.redefine(|world| world.change_field(&named, &change))?;
    Ok(ok(&json!({ "id": id })))
}

/// `{"name": "…"}`; the custom type by its id or name.
pub(super) async fn rename_type(
    State(app): Shared,
    Path(named): Path<String>,
    JsonBody(body): JsonBody,
) -> Answer {
    let name = text(&body, "name")?;
    let name = name.ok_or_else(|| Failure::field("name", "This field is required."))?;
    let id = app.redefine(|world| world.rename_type(&named, name))?;
    Ok(ok(&json!({ "id": id })))
}

fn text<'b>(body: &'b Body, name: &str) -> Result<Option<&'b str>, Failure> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(Failure::field(name, "Value must be a text.")),
    }
}
