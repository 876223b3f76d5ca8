//! What fits, and what is said of what does not.

use super::super::super::receivable::Status;
use super::super::Decimals;
use super::*;

fn field(id: &str, field_type: &str) -> TypeField {
    TypeField {
        id: id.to_owned(),
        name: format!("the {id}"),
        field_type: field_type.to_owned(),
        choices: Vec::new(),
        accepts_multiple_values: false,
        referenced_custom_type_id: (field_type == "custom_object")
            .then(|| "cotype_invoice".to_owned()),
    }
}

fn custom_type(id: &str, fields: &[(&str, &str)]) -> CustomType {
    CustomType {
        id: id.to_owned(),
        kind: Kind::CustomObject,
        name: id.to_owned(),
        archived: false,
        fields: fields.iter().map(|(id, of)| field(id, of)).collect(),
    }
}

fn types() -> Vec<CustomType> {
    vec![
        custom_type(
            "cotype_invoice",
            &[
                ("cf_total", "number"),
                ("cf_due", "date"),
                ("cf_state", "choices"),
                ("cf_notes", "textarea"),
            ],
        ),
        custom_type(
            "cotype_line",
            &[("cf_of", "custom_object"), ("cf_price", "number")],
        ),
    ]
}

fn mapping(fields: &[(Role, &str)]) -> InvoiceMapping {
    let fields = fields.iter().map(|(role, id)| (*role, (*id).to_owned()));
    InvoiceMapping {
        type_id: "cotype_invoice".to_owned(),
        kind: Kind::CustomObject,
        fields: fields.collect(),
        lines: None,
        status_words: BTreeMap::new(),
        decimals: Decimals::Auto,
        currency: None,
    }
}

fn wrong(mapping: &InvoiceMapping) -> String {
    mapping.check(&types()).unwrap_err().join("\n")
}

#[test]
fn a_mapping_that_fits_is_accepted_however_its_words_are_spelled() {
    let mut fits = mapping(&[
        (Role::Amount, "cf_total"),
        (Role::DueOn, "cf_due"),
        (Role::Status, "cf_state"),
    ]);
    fits.status_words = BTreeMap::from([(" Sent ".to_owned(), Status::Issued)]);
    fits.currency = Some("eur".to_owned());
    fits.lines = Some(Lines::Objects {
        type_id: "cotype_line".to_owned(),
        fields: BTreeMap::from([
            (LineRole::Invoice, "cf_of".to_owned()),
            (LineRole::UnitPrice, "cf_price".to_owned()),
        ]),
    });
    let fits = fits.normalized();
    assert_eq!(fits.check(&types()), Ok(()));
    assert!(fits.status_words.contains_key("sent"));
    assert_eq!(fits.currency.as_deref(), Some("EUR"));
}

#[test]
fn what_does_not_fit_is_told_with_what_is_allowed() {
    let mut other = mapping(&[(Role::Amount, "cf_total")]);
    other.type_id = "cotype_none".to_owned();
    assert!(wrong(&other).contains("there are cotype_invoice (cotype_invoice), cotype_line"));
    let amount = wrong(&mapping(&[(Role::Amount, "cf_due")]));
    assert!(
        amount.contains("\"the cf_due\" is of type date; it takes a field of type number, text, hidden: cf_total"),
        "{amount}"
    );
    assert!(wrong(&mapping(&[])).contains("role amount is needed"));
    let contact = mapping(&[(Role::Amount, "cf_total"), (Role::Contact, "cf_gone")]);
    assert!(wrong(&contact).contains("of type contact, of which there is none"));
    let twice = mapping(&[(Role::Amount, "cf_total"), (Role::Tax, "cf_total")]);
    assert!(wrong(&twice).contains("a field has one role"));
    let words = mapping(&[(Role::Amount, "cf_total"), (Role::Status, "cf_state")]);
    assert!(wrong(&words).contains("status words: with a status field"));
    let mut code = mapping(&[(Role::Amount, "cf_total")]);
    code.currency = Some("EURO".to_owned());
    assert!(wrong(&code).contains("ISO 4217"));
}

#[test]
fn lines_stand_in_another_type_or_in_a_text() {
    let mut lines = mapping(&[(Role::Amount, "cf_total")]);
    lines.lines = Some(Lines::Objects {
        type_id: "cotype_line".to_owned(),
        fields: BTreeMap::from([(LineRole::Total, "cf_price".to_owned())]),
    });
    assert!(wrong(&lines).contains("role invoice is needed"));
    lines.lines = Some(Lines::Text {
        field: "cf_due".to_owned(),
        separator: String::new(),
        columns: vec![LineRole::Total, LineRole::Total],
    });
    let wrong = lines.check(&types()).unwrap_err();
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    lines.lines = Some(Lines::Text {
        field: "cf_notes".to_owned(),
        separator: ";".to_owned(),
        columns: vec![LineRole::Description, LineRole::Total],
    });
    assert_eq!(lines.check(&types()), Ok(()));
}
