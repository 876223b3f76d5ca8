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
mod tests;
