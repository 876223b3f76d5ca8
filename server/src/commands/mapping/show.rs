//! A mapping, its proposals and a trial of it, for people and as JSON.

use closegraph_entity::custom_type::CustomType;
use closegraph_entity::invoice_mapping::{InvoiceMapping, Lines, Origin, Proposal, State};
use closegraph_sync::connect::{Mapped, Trial, TriedInvoice};
use comfy_table::{Table, presets};
use serde_json::{Value, json};

pub(super) fn json(mapped: &Mapped, types: &[CustomType]) -> Value {
    json!({
        "state": mapped.state,
        "origin": mapped.origin,
        "decidedBy": mapped.decided_by,
        "mapping": mapped.mapping,
        "proposals": mapped.proposals,
        "types": types,
    })
}

pub(super) fn mapped(mapped: &Mapped, types: &[CustomType]) -> String {
    let mut parts = vec![state(mapped)];
    if let Some(mapping) = &mapped.mapping {
        parts.push(table(mapping, types));
    }
    let others = mapped.proposals.iter().filter(|proposal| {
        let used = mapped
            .mapping
            .as_ref()
            .is_some_and(|used| used.type_id == proposal.mapping.type_id);
        !used || mapped.state != State::Active
    });
    parts.extend(others.map(|proposal| proposed(proposal, types)));
    parts.join("\n\n")
}

fn state(mapped: &Mapped) -> String {
    let by = mapped
        .decided_by
        .as_deref()
        .map_or(String::new(), |by| format!(" (by {by})"));
    match (mapped.state, mapped.origin) {
        (State::Active, Origin::Proposed) => "Invoices are mapped as proposed.".to_owned(),
        (State::Active, Origin::Person) => format!("Invoices are mapped as a person said{by}."),
        (State::Waiting, _) => "Something looks like invoices, and a person has to decide: closegraph mapping test tries \
             the best proposal, closegraph mapping set --type TYPE uses one, closegraph mapping set --none says that \
             there are none."
            .to_owned(),
        (State::None, Origin::Person) => format!("A person said that there are no invoices{by}."),
        (State::None, Origin::Proposed) => "Nothing looks like invoices.".to_owned(),
    }
}

/// What each field of a mapping means.
fn table(mapping: &InvoiceMapping, types: &[CustomType]) -> String {
    let own = types.iter().find(|one| one.id == mapping.type_id);
    let field_name = |id: &str| {
        let field = own.and_then(|one| one.fields.iter().find(|field| field.id == id));
        field.map_or_else(
            || format!("{id} (gone)"),
            |field| format!("{} ({})", field.name, field.field_type),
        )
    };
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["ROLE", "FIELD"]);
    for (role, field) in &mapping.fields {
        table.add_row([role.as_str().to_owned(), field_name(field)]);
    }
    let lines = match &mapping.lines {
        None => "none".to_owned(),
        Some(Lines::Text { field, .. }) => format!("rows of {}", field_name(field)),
        Some(Lines::Objects { type_id, .. }) => {
            let name = types
                .iter()
                .find(|one| one.id == *type_id)
                .map_or("(gone)", |one| one.name.as_str());
            format!("records of {name}")
        }
    };
    let words: Vec<String> = mapping
        .status_words
        .iter()
        .map(|(word, means)| format!("{word} = {}", means.as_str()))
        .collect();
    let name = own.map_or("(gone)", |one| one.name.as_str());
    let currency = mapping
        .currency
        .as_deref()
        .unwrap_or("the organization's, where an invoice names none");
    format!(
        "Type: {name} ({})\n{table}\nLines: {lines}\nStatus words: {}\nCurrency: {currency}",
        mapping.type_id,
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(", ")
        },
    )
}

fn proposed(proposal: &Proposal, types: &[CustomType]) -> String {
    let reasons: Vec<String> = proposal
        .reasons
        .iter()
        .map(|reason| format!("  - {reason}"))
        .collect();
    format!(
        "Proposal, {} of 100 sure (75 are needed):\n{}\n{}",
        proposal.score,
        reasons.join("\n"),
        table(&proposal.mapping, types)
    )
}

pub(super) fn trial(trial: &Trial) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header([
        "NUMBER", "STATUS", "PAYMENT", "ISSUED", "DUE", "TOTAL", "PAID", "LEFT", "FLAGS",
    ]);
    for invoice in &trial.invoices {
        table.add_row(line(invoice));
    }
    let mut summary = format!(
        "{} tried: {} with an amount, {} in all.",
        super::super::count(trial.records as i64, "record"),
        trial.with_total,
        super::super::count(trial.lines as i64, "line"),
    );
    let counted = |counts: &std::collections::BTreeMap<String, usize>| -> String {
        let each: Vec<String> = counts
            .iter()
            .map(|(word, count)| format!("{word} ({count})"))
            .collect();
        each.join(", ")
    };
    if !trial.flagged.is_empty() {
        summary.push_str(&format!("\nFlagged: {}", counted(&trial.flagged)));
    }
    if !trial.unknown_words.is_empty() {
        summary.push_str(&format!(
            "\nStatus words that are not mapped: {}",
            counted(&trial.unknown_words)
        ));
    }
    if trial.invoices.is_empty() {
        return summary;
    }
    format!("{table}\n\n{summary}")
}

fn line(invoice: &TriedInvoice) -> Vec<String> {
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let money =
        |minor: Option<i64>| text(minor.map(|minor| amount(minor, invoice.currency_places)));
    let flags: Vec<String> = invoice
        .flags
        .iter()
        .filter_map(|flag| Some(serde_json::to_value(flag).ok()?.as_str()?.to_owned()))
        .collect();
    let status = invoice.status.map(|status| status.as_str().to_owned());
    vec![
        text(invoice.number.clone()),
        text(status.or_else(|| Some(format!("? {}", invoice.status_label.as_deref()?)))),
        invoice.payment_status.as_str().to_owned(),
        text(invoice.issued_on.map(|day| day.to_string())),
        text(invoice.due_on.map(|day| day.to_string())),
        format!("{} {}", money(invoice.total_minor), invoice.currency),
        money(invoice.paid_minor),
        money(invoice.balance_minor),
        flags.join(" "),
    ]
}

/// Minor units in major ones, exact.
fn amount(minor: i64, places: i16) -> String {
    let places = usize::try_from(places).unwrap_or_default();
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if minor < 0 { "-" } else { "" };
    match fraction {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}
