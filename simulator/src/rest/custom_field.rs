//! `/custom_field/…/` and `/custom_field_schema/…/` (dossier 4.7).

use axum::extract::{Path, State};
use serde_json::json;

use super::Shared;
use super::answer::{Answer, Failure, ok};
use super::params::Params;
use crate::world::custom_field::{CustomField, FieldOn, ShownField};
use crate::world::organization::Organization;
use crate::world::records::Kind;

fn field_on(text: &str) -> Option<FieldOn> {
    let all = [FieldOn::Lead, FieldOn::Contact, FieldOn::Opportunity];
    all.into_iter().find(|on| on.as_str() == text)
}

/// All fields of a type, shared ones included, in display order.
pub(super) fn definitions(organization: &Organization, on: FieldOn) -> Vec<ShownField<'_>> {
    let fields = organization.fields_of(on);
    fields
        .map(|(_, field)| ShownField {
            organization,
            field,
        })
        .collect()
}

/// Whether a field stands in the list of this name.
fn listed_under(list: &str, field: &CustomField) -> bool {
    match list {
        "shared" => field.shared,
        "custom_object_type" => matches!(field.on.first(), Some(FieldOn::CustomObject(_))),
        _ => !field.shared && field.on.first().is_some_and(|on| on.as_str() == list),
    }
}

const LISTS: [&str; 6] = [
    "lead",
    "contact",
    "opportunity",
    "activity",
    "custom_object_type",
    "shared",
];

pub(super) async fn list(State(app): Shared, Path(list): Path<String>, params: Params) -> Answer {
    if !LISTS.contains(&list.as_str()) {
        return Err(Failure::NoSuchPath);
    }
    let organization = &*app.organization();
    let fields = organization.custom_fields.iter();
    let fields: Vec<ShownField<'_>> = fields
        .filter(|field| listed_under(&list, field))
        .map(|field| ShownField {
            organization,
            field,
        })
        .collect();
    if list == "custom_object_type" {
        // A whole list (dossier 3.1).
        return Ok(ok(&json!({ "data": fields })));
    }
    let limit = params.limit(100, 1_000)?;
    let skip = params.skip(usize::MAX)?;
    let page: Vec<_> = fields.iter().skip(skip).take(limit).collect();
    let has_more = skip + page.len() < fields.len();
    Ok(ok(&json!({ "data": page, "has_more": has_more })))
}

pub(super) async fn one(State(app): Shared, Path((list, id)): Path<(String, String)>) -> Answer {
    let organization = &*app.organization();
    let mut fields = organization.custom_fields.iter();
    let field = fields.find(|field| field.id.as_str() == id && listed_under(&list, field));
    Ok(ok(&ShownField {
        organization,
        field: field.ok_or(Failure::NotFound)?,
    }))
}

pub(super) async fn schema(State(app): Shared, Path(on): Path<String>) -> Answer {
    let on = field_on(&on).ok_or(Failure::NotFound)?;
    let organization = app.organization();
    let fields = definitions(&organization, on);
    Ok(ok(&json!({ "object_type": on.as_str(), "fields": fields })))
}

/// The schema of one custom type.
pub(super) async fn type_schema(
    State(app): Shared,
    Path((on, id)): Path<(String, String)>,
) -> Answer {
    let kind = match on.as_str() {
        "custom_object" => Kind::CustomObject,
        "activity" => Kind::CustomActivity,
        _ => return Err(Failure::NoSuchPath),
    };
    let organization = app.organization();
    let (place, one) = organization.find_type(kind, &id).ok_or(Failure::NotFound)?;
    let fields = definitions(&organization, one.fields_on(place));
    Ok(ok(
        &json!({ "object_type": format!("{on}/{id}"), "fields": fields }),
    ))
}
