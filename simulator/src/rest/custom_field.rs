//! `/custom_field/…/` and `/custom_field_schema/…/` (dossier 4.7). The generated organization has
//! no custom activities or custom object types, so their lists are empty.

use axum::extract::{Path, State};
use serde_json::json;

use super::Shared;
use super::answer::{Answer, Failure, ok};
use super::params::Params;
use crate::world::organization::{FieldOn, Organization, ShownField};

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

pub(super) async fn list(State(app): Shared, Path(on): Path<String>, params: Params) -> Answer {
    let organization = &*app.organization;
    let limit = params.limit(100, 1_000)?;
    let skip = params.skip(usize::MAX)?;
    let fields: Vec<ShownField<'_>> = match (on.as_str(), field_on(&on)) {
        (_, Some(on)) => {
            let own = definitions(organization, on);
            own.into_iter()
                .filter(|shown| !shown.field.shared)
                .collect()
        }
        ("shared", None) => {
            let shared = organization
                .custom_fields
                .iter()
                .filter(|field| field.shared);
            shared
                .map(|field| ShownField {
                    organization,
                    field,
                })
                .collect()
        }
        ("activity" | "custom_object_type", None) => Vec::new(),
        _ => return Err(Failure::NoSuchPath),
    };
    let page: Vec<_> = fields.iter().skip(skip).take(limit).collect();
    let has_more = skip + page.len() < fields.len();
    Ok(ok(&json!({ "data": page, "has_more": has_more })))
}

pub(super) async fn schema(State(app): Shared, Path(on): Path<String>) -> Answer {
    let on = field_on(&on).ok_or(Failure::NotFound)?;
    let fields = definitions(&app.organization, on);
    Ok(ok(&json!({ "object_type": on.as_str(), "fields": fields })))
}
