//! A mapping with what a person wants another way.

use super::Usage;
use crate::cli::MappingEdit;
use closegraph_entity::custom_type::{CustomType, TypeField};
use closegraph_entity::invoice_mapping::InvoiceMapping;
use closegraph_sync::connect::Mapped;
use std::collections::BTreeMap;

/// The mapping in use, or the best proposal of the type that is named, with the edit.
pub(super) fn apply(
    edit: &MappingEdit,
    types: &[CustomType],
    mapped: &Mapped,
) -> anyhow::Result<InvoiceMapping> {
    let mut mapping = start(edit, types, mapped)?;
    let own = types.iter().find(|one| one.id == mapping.type_id);
    let fields = own.map_or(&[][..], |one| &one.fields);
    for role in &edit.without {
        mapping.fields.remove(role);
    }
    for assignment in &edit.field {
        let field = find_field(&assignment.value, fields)?;
        // A field means one thing.
        mapping.fields.retain(|_, known| *known != field.id);
        mapping.fields.insert(assignment.key, field.id.clone());
    }
    mapping.status_words.extend(edit.status.iter().cloned());
    if let Some(decimals) = edit.decimals {
        mapping.decimals = decimals.into();
    }
    match edit.currency.as_deref() {
        Some("organization") => mapping.currency = None,
        Some(code) => mapping.currency = Some(code.to_owned()),
        None => {}
    }
    Ok(mapping)
}

fn start(
    edit: &MappingEdit,
    types: &[CustomType],
    mapped: &Mapped,
) -> anyhow::Result<InvoiceMapping> {
    let named = edit
        .type_name
        .as_deref()
        .map(|name| find_type(name, types))
        .transpose()?;
    let used = mapped.mapping.clone();
    let Some(named) = named else {
        let best = mapped
            .proposals
            .first()
            .map(|proposal| proposal.mapping.clone());
        return used.or(best).ok_or_else(|| {
            Usage(format!(
                "nothing looks like invoices: name their type with --type. {}",
                all_types(types)
            ))
            .into()
        });
    };
    let proposed = mapped.proposals.iter().map(|proposal| &proposal.mapping);
    let known = used
        .iter()
        .chain(proposed)
        .find(|mapping| mapping.type_id == named.id);
    Ok(known.cloned().unwrap_or_else(|| InvoiceMapping {
        type_id: named.id.clone(),
        kind: named.kind,
        fields: BTreeMap::new(),
        lines: None,
        status_words: BTreeMap::new(),
        decimals: closegraph_entity::invoice_mapping::Decimals::Auto,
        currency: None,
    }))
}

fn find_type<'a>(given: &str, types: &'a [CustomType]) -> anyhow::Result<&'a CustomType> {
    let is = |one: &&CustomType| one.id == given || one.name.eq_ignore_ascii_case(given);
    let found: Vec<&CustomType> = types.iter().filter(is).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Usage(format!("no type is called {given:?}. {}", all_types(types))).into()),
        several => {
            let ids: Vec<&str> = several.iter().map(|one| one.id.as_str()).collect();
            Err(Usage(format!(
                "several types are called {given:?}, name one by its id: {}",
                ids.join(", ")
            ))
            .into())
        }
    }
}

fn all_types(types: &[CustomType]) -> String {
    if types.is_empty() {
        return "The organization has no custom types.".to_owned();
    }
    let names: Vec<String> = types.iter().map(|one| format!("{:?}", one.name)).collect();
    format!("There are: {}", names.join(", "))
}

fn find_field<'a>(given: &str, fields: &'a [TypeField]) -> anyhow::Result<&'a TypeField> {
    let is = |field: &&TypeField| field.id == given || field.name.eq_ignore_ascii_case(given);
    let found: Vec<&TypeField> = fields.iter().filter(is).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let names: Vec<String> = fields
                .iter()
                .map(|field| format!("{:?}", field.name))
                .collect();
            Err(Usage(format!(
                "no field is called {given:?}. There are: {}",
                names.join(", ")
            ))
            .into())
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|one| one.id.as_str()).collect();
            Err(Usage(format!(
                "several fields are called {given:?}, name one by its id: {}",
                ids.join(", ")
            ))
            .into())
        }
    }
}
