//! Whether a mapping that a person made fits the types of the organization.

use super::super::custom_type::{CustomType, Kind, TypeField};
use super::{InvoiceMapping, LineRole, Lines, Role};
use iso_currency::Currency;
use std::collections::BTreeMap;

impl Role {
    /// The word of the role, as a mapping is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Amount => "amount",
            Self::Tax => "tax",
            Self::Currency => "currency",
            Self::AmountPaid => "amount_paid",
            Self::Balance => "balance",
            Self::IssuedOn => "issued_on",
            Self::DueOn => "due_on",
            Self::PaidOn => "paid_on",
            Self::Status => "status",
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
            Self::Terms => "terms",
        }
    }

    /// Close's types of fields that can hold it.
    pub const fn field_types(self) -> &'static [&'static str] {
        match self {
            Self::Amount | Self::Tax | Self::AmountPaid | Self::Balance => {
                &["number", "text", "hidden"]
            }
            Self::IssuedOn | Self::DueOn | Self::PaidOn => &["date", "datetime"],
            Self::Contact => &["contact"],
            Self::Status | Self::Currency => &["choices", "text", "hidden"],
            Self::Terms => &["choices", "text", "number", "hidden"],
            Self::Number => &["text", "number", "hidden"],
            Self::Opportunity => &["text", "hidden"],
        }
    }
}

impl LineRole {
    /// The word of the role, as a mapping is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::Description => "description",
            Self::Quantity => "quantity",
            Self::UnitPrice => "unit_price",
            Self::TaxRate => "tax_rate",
            Self::Total => "total",
        }
    }

    /// Close's types of fields that can hold it.
    pub const fn field_types(self) -> &'static [&'static str] {
        match self {
            Self::Invoice => &["custom_object"],
            Self::Description => &["text", "textarea", "choices", "hidden"],
            Self::Quantity | Self::UnitPrice | Self::TaxRate | Self::Total => {
                &["number", "text", "hidden"]
            }
        }
    }
}

impl InvoiceMapping {
    /// The same, with status words and currency spelled as they are compared.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        let words = std::mem::take(&mut self.status_words).into_iter();
        self.status_words = words
            .map(|(word, status)| (word.trim().to_lowercase(), status))
            .collect();
        self.currency = self.currency.map(|code| code.trim().to_uppercase());
        self
    }

    /// What a normalized mapping gets wrong about the types of its organization, each with what is allowed; nothing
    /// where it can be used.
    pub fn check(&self, types: &[CustomType]) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        match types.iter().find(|one| one.id == self.type_id) {
            None => wrong.push(unknown_type("type", &self.type_id, types)),
            Some(own) => self.check_type(own, types, &mut wrong),
        }
        if let Some(code) = &self.currency
            && Currency::from_code(code).is_none()
        {
            wrong.push(format!(
                "currency: {code:?} is none of ISO 4217's codes, such as EUR"
            ));
        }
        if self
            .status_words
            .keys()
            .any(|word| word.trim().is_empty() || *word != word.trim().to_lowercase())
        {
            wrong.push(
                "status words: each is the word that invoices have, in lower case and not empty"
                    .to_owned(),
            );
        }
        match self.fields.contains_key(&Role::Status) {
            true if self.status_words.is_empty() => wrong.push(
                "status words: with a status field, say which of its words means draft, issued, paid or void"
                    .to_owned(),
            ),
            false if !self.status_words.is_empty() => wrong
                .push("status words: they need a field with the role status".to_owned()),
            _ => {}
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn check_type(&self, own: &CustomType, types: &[CustomType], wrong: &mut Vec<String>) {
        if own.archived {
            wrong.push(format!("type: \"{}\" is archived in Close", own.name));
        }
        if own.kind != self.kind {
            let kind = own.kind.as_str();
            wrong.push(format!("kind: \"{}\" is a {kind}", own.name));
        }
        if !self.fields.contains_key(&Role::Amount) {
            wrong.push("fields: a field with the role amount is needed".to_owned());
        }
        check_fields(own, &self.fields, Role::as_str, Role::field_types, wrong);
        match &self.lines {
            None => {}
            Some(Lines::Objects { type_id, fields }) => {
                match types.iter().find(|one| one.id == *type_id) {
                    None => wrong.push(unknown_type("lines", type_id, types)),
                    Some(lines) => check_line_type(own, lines, fields, wrong),
                }
            }
            Some(Lines::Text {
                field,
                separator,
                columns,
            }) => check_text(own, field, separator, columns, wrong),
        }
    }
}

fn unknown_type(place: &str, given: &str, types: &[CustomType]) -> String {
    let known = types.iter().filter(|one| !one.archived);
    let known: Vec<String> = known
        .map(|one| format!("{} ({})", one.id, one.name))
        .collect();
    let known = if known.is_empty() {
        "none was read from Close".to_owned()
    } else {
        known.join(", ")
    };
    format!("{place}: {given:?} is no type of this organization; there are {known}")
}

/// Each field is there, can hold its role, and has no other.
fn check_fields<R: Copy + Ord>(
    own: &CustomType,
    fields: &BTreeMap<R, String>,
    word: fn(R) -> &'static str,
    allowed: fn(R) -> &'static [&'static str],
    wrong: &mut Vec<String>,
) {
    let mut taken: BTreeMap<&str, R> = BTreeMap::new();
    for (role, id) in fields {
        let role_word = word(*role);
        if let Some(other) = taken.insert(id, *role) {
            let other = word(other);
            wrong.push(format!(
                "{role_word}: {id} has the role {other} already; a field has one role"
            ));
        }
        let Some(field) = own.fields.iter().find(|field| field.id == *id) else {
            let able = able(own, allowed(*role));
            wrong.push(format!(
                "{role_word}: {id:?} is no field of \"{}\"; {able}",
                own.name
            ));
            continue;
        };
        if !allowed(*role).contains(&field.field_type.as_str()) {
            let able = able(own, allowed(*role));
            wrong.push(format!(
                "{role_word}: \"{}\" is of type {}; {able}",
                field.name, field.field_type
            ));
        }
    }
}

/// The fields of a type that are of one of these types.
fn able(own: &CustomType, allowed: &[&str]) -> String {
    let able = |field: &&TypeField| allowed.contains(&field.field_type.as_str());
    let able: Vec<String> = own
        .fields
        .iter()
        .filter(able)
        .map(|field| format!("{} ({})", field.id, field.name))
        .collect();
    let types = allowed.join(", ");
    if able.is_empty() {
        format!("it takes a field of type {types}, of which there is none")
    } else {
        format!("it takes a field of type {types}: {}", able.join(", "))
    }
}

fn check_line_type(
    own: &CustomType,
    lines: &CustomType,
    fields: &BTreeMap<LineRole, String>,
    wrong: &mut Vec<String>,
) {
    if lines.id == own.id || lines.kind != Kind::CustomObject || lines.archived {
        wrong.push(format!(
            "lines: \"{}\" can't hold them; they are Custom Objects of another type that is not archived",
            lines.name
        ));
        return;
    }
    check_fields(
        lines,
        fields,
        LineRole::as_str,
        LineRole::field_types,
        wrong,
    );
    match fields.get(&LineRole::Invoice) {
        None => wrong
            .push("lines: a field with the role invoice is needed, which refers to it".to_owned()),
        Some(id) => {
            let field = lines.fields.iter().find(|field| field.id == *id);
            let refers = field.and_then(|field| field.referenced_custom_type_id.as_deref());
            if refers.is_some_and(|refers| refers != own.id) {
                wrong.push(format!(
                    "lines: invoice: {id} does not refer to \"{}\"",
                    own.name
                ));
            }
        }
    }
    if fields.len() < 2 {
        wrong.push("lines: say which field is the description, the price or the total".to_owned());
    }
}

fn check_text(
    own: &CustomType,
    field: &str,
    separator: &str,
    columns: &[LineRole],
    wrong: &mut Vec<String>,
) {
    const TEXTS: [&str; 3] = ["textarea", "text", "hidden"];
    let found = own.fields.iter().find(|own| own.id == field);
    if !found.is_some_and(|found| TEXTS.contains(&found.field_type.as_str())) {
        let able = able(own, &TEXTS);
        wrong.push(format!("lines: {field:?} can't hold them; {able}"));
    }
    if separator.is_empty() {
        wrong.push("lines: the separator is what stands between two values of a row".to_owned());
    }
    let repeats = columns
        .iter()
        .enumerate()
        .any(|(place, column)| columns.iter().take(place).any(|before| before == column));
    if columns.is_empty() || repeats || columns.contains(&LineRole::Invoice) {
        wrong.push(
            "lines: columns are description, quantity, unit_price, tax_rate and total, each at most once, in the order of a row"
                .to_owned(),
        );
    }
}

#[cfg(test)]
mod tests {
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
}
