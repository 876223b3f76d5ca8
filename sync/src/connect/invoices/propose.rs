//! Which type may hold the invoices, and what its fields mean, with a score and the reasons.

use super::CustomType;
use super::words::{plain, says, status_words, words};
use closegraph_entity::custom_type::{Kind, TypeField};
use closegraph_entity::invoice_mapping::{
    Decimals, InvoiceMapping, LineRole, Lines, Proposal, ProposedField, Role,
};
use sea_orm::Iterable;
use std::collections::{BTreeMap, BTreeSet};

/// Below it a type is not worth a person's time.
const WORTH_ASKING: i32 = 25;
/// A type without an amount is never sure.
const WITHOUT_AMOUNT: i32 = 50;

/// Types that may hold the invoices, the best first.
pub fn propose(types: &[CustomType]) -> Vec<Proposal> {
    let live = types.iter().filter(|one| !one.archived);
    let mut proposals: Vec<Proposal> = live.filter_map(|one| of_type(one, types)).collect();
    let lines: BTreeSet<String> = proposals
        .iter()
        .filter_map(|proposal| match &proposal.mapping.lines {
            Some(Lines::Objects { type_id, .. }) => Some(type_id.clone()),
            _ => None,
        })
        .collect();
    // A type of lines is no type of invoices.
    proposals.retain(|proposal| !lines.contains(&proposal.mapping.type_id));
    proposals.sort_by(|one, other| {
        other
            .score
            .cmp(&one.score)
            .then_with(|| one.mapping.type_id.cmp(&other.mapping.type_id))
    });
    proposals
}

fn of_type(one: &CustomType, types: &[CustomType]) -> Option<Proposal> {
    let (mut score, reason) = name_score(&plain(&one.name))?;
    let mut reasons = vec![reason];
    let fields = assign(&one.fields);
    for field in &fields {
        score += weight(field.role) * i32::from(field.score) / 100;
    }
    for conflict in conflicts(&one.fields, &fields) {
        score -= 15;
        reasons.push(conflict);
    }
    let by_role: BTreeMap<Role, String> = fields
        .iter()
        .map(|field| (field.role, field.field_id.clone()))
        .collect();
    if !by_role.contains_key(&Role::Amount) {
        score = score.min(WITHOUT_AMOUNT);
        reasons.push("no field is an amount".to_owned());
    }
    let mut words = BTreeMap::new();
    if let Some(status) = by_role.get(&Role::Status)
        && let Some(field) = one.fields.iter().find(|field| field.id == *status)
    {
        words = status_words(&field.choices);
        let unknown = field
            .choices
            .iter()
            .filter(|choice| !words.contains_key(&choice.trim().to_lowercase()));
        let unknown: Vec<&str> = unknown.map(String::as_str).collect();
        if !unknown.is_empty() {
            reasons.push(format!(
                "these status words are not known: {}",
                unknown.join(", ")
            ));
        }
    }
    let lines = lines(one, types);
    if lines.is_some() {
        score += 5;
        reasons.push("it has lines".to_owned());
    }
    // A type that is called an invoice is shown to a person, whatever its fields are.
    let score = u8::try_from(score.clamp(WORTH_ASKING, 100)).unwrap_or_default();
    Some(Proposal {
        type_name: one.name.clone(),
        score,
        mapping: InvoiceMapping {
            type_id: one.id.clone(),
            kind: one.kind,
            fields: by_role,
            lines,
            status_words: words,
            decimals: Decimals::Auto,
            currency: None,
        },
        reasons,
        fields,
    })
}

/// What a type's name speaks for; `None` where it is no invoice to a customer.
fn name_score(name: &str) -> Option<(i32, String)> {
    let found = words().types.invoice.iter().find(|word| says(name, word))?;
    if let Some(word) = words()
        .types
        .not_receivable
        .iter()
        .find(|word| says(name, word))
    {
        tracing::debug!(name, word, "a type holds what is owed to others");
        return None;
    }
    if let Some(word) = words().types.part.iter().find(|word| says(name, word)) {
        return Some((5, format!("its name says {found}, and {word}")));
    }
    let whole = name == *found;
    Some((
        if whole { 35 } else { 28 },
        format!("its name says {found}"),
    ))
}

/// What a role that is found adds to the score of its type.
const fn weight(role: Role) -> i32 {
    match role {
        Role::Amount => 28,
        Role::Status => 12,
        Role::DueOn => 10,
        Role::Number | Role::IssuedOn => 8,
        Role::AmountPaid | Role::Balance => 6,
        Role::PaidOn => 4,
        Role::Currency | Role::Tax => 3,
        Role::Contact | Role::Opportunity | Role::Terms => 1,
    }
}

/// Close's types that a role can be kept in.
const fn holds(role: Role) -> &'static [&'static str] {
    match role {
        Role::Amount | Role::Tax | Role::AmountPaid | Role::Balance => {
            &["number", "text", "hidden"]
        }
        Role::IssuedOn | Role::DueOn | Role::PaidOn => &["date", "datetime"],
        Role::Contact => &["contact"],
        Role::Status => &["choices"],
        Role::Currency => &["text", "choices", "hidden"],
        Role::Terms => &["choices", "text", "number", "hidden"],
        Role::Number | Role::Opportunity => &["text", "hidden"],
    }
}

/// Gives each role the field that says it best, and each field one role.
fn assign(fields: &[TypeField]) -> Vec<ProposedField> {
    let mut all: Vec<(u8, usize, Role, &TypeField, &str)> = Vec::new();
    for (place, field) in fields.iter().enumerate() {
        for role in Role::iter() {
            if !holds(role).contains(&field.field_type.as_str()) {
                continue;
            }
            if let Some((score, word)) = said(&plain(&field.name), words().names(role)) {
                all.push((fit(role, field, score), place, role, field, word));
            }
        }
    }
    all.sort_by_key(|(score, place, role, _, _)| (std::cmp::Reverse(*score), *place, *role));
    let (mut roles, mut taken) = (BTreeSet::new(), BTreeSet::new());
    let mut assigned = Vec::new();
    for (score, _, role, field, word) in all {
        if score == 0 || roles.contains(&role) || !taken.insert(&field.id) {
            continue;
        }
        roles.insert(role);
        assigned.push(ProposedField {
            role,
            field_id: field.id.clone(),
            field_name: field.name.clone(),
            score,
            reason: format!(
                "\"{}\" says {word}, and is of type {}",
                field.name, field.field_type
            ),
        });
    }
    assigned.sort_by_key(|field| field.role);
    assigned
}

/// The phrase of a role that a name says, and how much of the name it is.
fn said<'w>(name: &str, phrases: &'w [String]) -> Option<(u8, &'w str)> {
    let said = phrases.iter().filter(|phrase| says(name, phrase));
    let longest = said.max_by_key(|phrase| phrase.len())?;
    let words = |text: &str| text.split(' ').count();
    let (own, all) = (words(longest), words(name));
    let score = if own == all { 100 } else { 40 + 40 * own / all };
    Some((u8::try_from(score).unwrap_or(100), longest))
}

/// Names that mean something else beside the word that was found.
fn fit(role: Role, field: &TypeField, score: u8) -> u8 {
    let name = plain(&field.name);
    let against: &[&str] = match role {
        Role::Amount => &[
            "paid",
            "net",
            "netto",
            "neto",
            "ht",
            "tax",
            "vat",
            "discount",
            "rabatt",
            "subtotal",
            "commission",
            "number",
            "count",
            "bezahlt",
            "pagado",
            "paye",
        ],
        Role::Tax => &[
            "rate", "satz", "id", "number", "nummer", "tipo", "taux", "percent", "exempt",
        ],
        Role::Number => &[
            "po",
            "order",
            "bestellnummer",
            "pages",
            "phone",
            "vat",
            "tax",
            "customer",
        ],
        Role::IssuedOn => &[
            "due", "paid", "payment", "delivery", "service", "reminder", "created",
        ],
        Role::AmountPaid | Role::PaidOn => &["not", "un", "commission"],
        Role::Status => &["shipping", "delivery", "versand", "approval"],
        _ => &[],
    };
    if against.iter().any(|word| says(&name, word)) {
        return 0;
    }
    match role {
        Role::Status => {
            let known = status_words(&field.choices).len();
            let share = 100 * known / field.choices.len().max(1);
            // A list of other words is another status.
            if share < 50 {
                0
            } else {
                score.min(u8::try_from(share).unwrap_or(100))
            }
        }
        // A text may hold anything.
        Role::Amount | Role::AmountPaid | Role::Balance | Role::Tax
            if field.field_type != "number" =>
        {
            score.saturating_sub(10)
        }
        _ => score,
    }
}

/// Fields that are called like a role, and can't hold it.
fn conflicts(fields: &[TypeField], assigned: &[ProposedField]) -> Vec<String> {
    const TELLING: [Role; 6] = [
        Role::Amount,
        Role::DueOn,
        Role::AmountPaid,
        Role::Number,
        Role::Status,
        Role::IssuedOn,
    ];
    let open = TELLING
        .iter()
        .filter(|role| assigned.iter().all(|field| field.role != **role));
    let found = open.flat_map(|role| {
        let named = fields
            .iter()
            .filter(|field| words().names(*role).contains(&plain(&field.name)));
        let wrong = named.filter(|field| {
            assigned
                .iter()
                .all(|assigned| assigned.field_id != field.id)
        });
        wrong.map(move |field| {
            format!(
                "\"{}\" is called like the {role:?}, but is of type {}",
                field.name, field.field_type
            )
        })
    });
    found.collect()
}

/// Where the lines of a type's invoices are.
fn lines(invoice: &CustomType, types: &[CustomType]) -> Option<Lines> {
    let mut objects = types
        .iter()
        .filter(|one| one.kind == Kind::CustomObject && one.id != invoice.id && !one.archived);
    let found = objects.find_map(|one| line_type(invoice, one));
    found.or_else(|| {
        let text = invoice
            .fields
            .iter()
            .filter(|field| field.field_type == "textarea");
        let named = text
            .clone()
            .find(|field| words().types.lines.contains(&plain(&field.name)))?;
        Some(Lines::Text {
            field: named.id.clone(),
            separator: ";".to_owned(),
            columns: vec![
                LineRole::Description,
                LineRole::Quantity,
                LineRole::UnitPrice,
                LineRole::Total,
            ],
        })
    })
}

fn line_type(invoice: &CustomType, one: &CustomType) -> Option<Lines> {
    let refers = |field: &&TypeField| {
        field.referenced_custom_type_id.as_deref() == Some(invoice.id.as_str())
    };
    let reference = one.fields.iter().find(refers)?;
    let mut fields = BTreeMap::from([(LineRole::Invoice, reference.id.clone())]);
    let mut best: Vec<(u8, LineRole, &TypeField)> = Vec::new();
    for field in &one.fields {
        for role in LineRole::iter() {
            let holds: &[&str] = match role {
                LineRole::Description => &["text", "textarea", "choices", "hidden"],
                _ => &["number", "text", "hidden"],
            };
            if holds.contains(&field.field_type.as_str())
                && let Some((score, _)) = said(&plain(&field.name), words().line_names(role))
            {
                best.push((score, role, field));
            }
        }
    }
    best.sort_by_key(|(score, role, _)| (std::cmp::Reverse(*score), *role));
    let mut taken = BTreeSet::new();
    for (_, role, field) in best {
        if !fields.contains_key(&role) && taken.insert(&field.id) {
            fields.insert(role, field.id.clone());
        }
    }
    let amounts =
        fields.contains_key(&LineRole::UnitPrice) || fields.contains_key(&LineRole::Total);
    (amounts && fields.len() >= 3).then(|| Lines::Objects {
        type_id: one.id.clone(),
        fields,
    })
}
