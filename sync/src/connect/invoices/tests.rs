//! What is proposed for types as people make them.

use super::{CustomType, decide, propose};
use closegraph_entity::custom_type::{Kind, TypeField};
use closegraph_entity::invoice_mapping::{Lines, Role, State};
use closegraph_entity::receivable::Status;

/// A type with fields given as `name: type`, the choices of a choices field behind it in brackets.
fn custom_type(name: &str, fields: &[&str]) -> CustomType {
    let field = |text: &&str| {
        let (label, rest) = text.split_once(": ").unwrap();
        let (field_type, choices) = rest.split_once(" [").unwrap_or((rest, ""));
        let choices = choices
            .trim_end_matches(']')
            .split(", ")
            .filter(|word| !word.is_empty());
        let (field_type, refers) = field_type
            .split_once('>')
            .map_or((field_type, None), |(kind, to)| (kind, Some(to)));
        TypeField {
            id: format!("cf_{label}"),
            name: label.to_owned(),
            field_type: field_type.to_owned(),
            choices: choices.map(str::to_owned).collect(),
            accepts_multiple_values: false,
            referenced_custom_type_id: refers.map(str::to_owned),
        }
    };
    CustomType {
        id: format!("cotype_{name}"),
        kind: Kind::CustomObject,
        name: name.to_owned(),
        archived: false,
        fields: fields.iter().map(field).collect(),
    }
}

fn english() -> CustomType {
    custom_type(
        "Invoice",
        &[
            "Invoice Number: text",
            "Amount: number",
            "Tax: number",
            "Currency: choices [USD, EUR]",
            "Amount Paid: number",
            "Issue Date: date",
            "Due Date: date",
            "Paid Date: date",
            "Status: choices [Draft, Sent, Partially Paid, Paid, Void, Credited]",
            "Billing Contact: contact",
            "Opportunity ID: text",
            "Payment Terms: choices [Net 14, Net 30]",
            "Internal Notes: textarea",
            "Reviewed By: user",
        ],
    )
}

fn used(
    types: &[CustomType],
) -> (
    State,
    Option<closegraph_entity::invoice_mapping::InvoiceMapping>,
) {
    decide(None, types, &propose(types))
}

#[test]
fn invoices_are_found_in_several_languages() {
    let german = custom_type(
        "Rechnung",
        &[
            "Rechnungsnummer: text",
            "Bruttobetrag: text",
            "MwSt: number",
            "Währung: text",
            "Bezahlter Betrag: text",
            "Rechnungsdatum: date",
            "Fällig am: date",
            "Bezahlt am: date",
            "Zahlungsstatus: choices [Entwurf, Offen, Teilweise bezahlt, Bezahlt, Storniert]",
            "Ansprechpartner: contact",
            "Positionen: textarea",
        ],
    );
    let spanish = custom_type(
        "Facturas",
        &[
            "Folio: text",
            "Importe total: text",
            "IVA: number",
            "Moneda: choices [MXN]",
            "Saldo pendiente: number",
            "Fecha de emisión: date",
            "Vencimiento: date",
            "Fecha de pago: date",
            "Estado: choices [Borrador, Emitida, Pago parcial, Pagada, Anulada]",
        ],
    );
    let french = custom_type(
        "Facture client",
        &[
            "N°: text",
            "Montant HT: number",
            "TVA: number",
            "Montant TTC: number",
            "Date de facturation: date",
            "Échéance: date",
            "Statut: choices [Brouillon, Envoyée, Réglée, Annulée]",
        ],
    );
    for (one, amount) in [
        (english(), "cf_Amount"),
        (german, "cf_Bruttobetrag"),
        (spanish, "cf_Importe total"),
        (french, "cf_Montant TTC"),
    ] {
        let (state, mapping) = used(std::slice::from_ref(&one));
        assert_eq!(
            state,
            State::Active,
            "{}: {:?}",
            one.name,
            propose(std::slice::from_ref(&one))
        );
        let mapping = mapping.unwrap();
        assert_eq!(mapping.fields[&Role::Amount], amount);
        assert!(
            mapping.fields.contains_key(&Role::DueOn)
                && mapping.fields.contains_key(&Role::IssuedOn)
        );
        let paid = mapping
            .status_words
            .values()
            .filter(|status| **status == Status::Paid)
            .count();
        assert_eq!(paid, 1, "{:?}", mapping.status_words);
    }
}

#[test]
fn every_role_gets_its_field() {
    let fields = propose(&[english()]).remove(0).mapping.fields;
    for (role, field) in [
        (Role::Number, "Invoice Number"),
        (Role::Tax, "Tax"),
        (Role::Currency, "Currency"),
        (Role::AmountPaid, "Amount Paid"),
        (Role::IssuedOn, "Issue Date"),
        (Role::DueOn, "Due Date"),
        (Role::PaidOn, "Paid Date"),
        (Role::Status, "Status"),
        (Role::Contact, "Billing Contact"),
        (Role::Opportunity, "Opportunity ID"),
        (Role::Terms, "Payment Terms"),
    ] {
        assert_eq!(fields.get(&role), Some(&format!("cf_{field}")), "{role:?}");
    }
}

#[test]
fn lines_are_found_by_what_they_refer_to() {
    let lines = custom_type(
        "Invoice Line",
        &[
            "Invoice: custom_object>cotype_Invoice",
            "Description: text",
            "Quantity: number",
            "Unit Price: number",
            "Tax Rate: number",
            "Line Total: number",
        ],
    );
    let (state, mapping) = used(&[lines, english()]);
    assert_eq!(state, State::Active);
    let Some(Lines::Objects { type_id, fields }) = mapping.unwrap().lines else {
        panic!("no lines");
    };
    assert_eq!((type_id.as_str(), fields.len()), ("cotype_Invoice Line", 6));
}

#[test]
fn misleading_names_wait_for_a_person() {
    let misleading = custom_type(
        "Invoice",
        &[
            "Amount: choices [Small, Medium, Large]",
            "Due: user",
            "Paid: contact",
            "Number: number",
            "Status: text",
        ],
    );
    assert_eq!(used(std::slice::from_ref(&misleading)).0, State::Waiting);
    let only_amount = custom_type("Invoice", &["Amount: number", "Notes: textarea"]);
    assert_eq!(used(&[only_amount]).0, State::Waiting);
    let shipping = custom_type(
        "Invoice",
        &[
            "Pages: number",
            "Total commission: number",
            "Status: choices [Packed, Shipped]",
            "Date: date",
        ],
    );
    assert_eq!(used(&[shipping]).0, State::Waiting);
}

#[test]
fn two_that_are_sure_wait_for_a_person() {
    let mut other = english();
    other.id = "cotype_other".to_owned();
    assert_eq!(used(&[english(), other]).0, State::Waiting);
}

#[test]
fn what_is_owed_to_others_is_never_proposed() {
    for name in [
        "Supplier invoice",
        "Eingangsrechnungen",
        "Facture fournisseur",
        "Project",
    ] {
        let fields = ["Amount: number", "Due Date: date", "Invoice Number: text"];
        assert_eq!(used(&[custom_type(name, &fields)]).0, State::None, "{name}");
    }
}

#[test]
fn a_mapping_in_use_follows_renamed_fields_and_takes_up_new_words() {
    let (_, mapping) = used(&[english()]);
    let mut renamed = english();
    renamed.name = "Client document".to_owned();
    for field in &mut renamed.fields {
        field.name = format!("x {}", field.id.len());
    }
    renamed.fields[8].choices.push("Paid in full".to_owned());
    let (state, still) = decide(mapping.clone(), &[renamed.clone()], &propose(&[renamed]));
    let (still, mapping) = (still.unwrap(), mapping.unwrap());
    assert_eq!((state, &still.fields), (State::Active, &mapping.fields));
    assert_eq!(still.status_words["paid in full"], Status::Paid);
    let mut gone = english();
    gone.fields.retain(|field| field.name != "Amount");
    let (state, _) = decide(Some(mapping), &[gone.clone()], &propose(&[gone]));
    assert_eq!(state, State::Waiting);
}
