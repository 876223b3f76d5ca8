//! `/custom_object_type/` and `/custom_activity/`, which lists the types of custom activities
//! (dossier 4.8, 4.10).

use axum::extract::{Path, State};
use serde_json::json;

use super::Shared;
use super::answer::{Answer, Failure, ok};
use crate::app::App;
use crate::world::custom_type::ShownType;
use crate::world::records::Kind;

fn types(app: &App, kind: Kind) -> Answer {
    let organization = &*app.organization();
    let types: Vec<_> = organization
        .types_of(kind)
        .map(|(place, shown)| ShownType {
            organization,
            place,
            shown,
        })
        .collect();
    Ok(ok(&json!({ "data": types })))
}

fn one(app: &App, kind: Kind, id: &str) -> Answer {
    let organization = &*app.organization();
    let (place, shown) = organization.find_type(kind, id).ok_or(Failure::NotFound)?;
    Ok(ok(&ShownType {
        organization,
        place,
        shown,
    }))
}

pub(super) async fn object_types(State(app): Shared) -> Answer {
    types(&app, Kind::CustomObject)
}

pub(super) async fn object_type(State(app): Shared, Path(id): Path<String>) -> Answer {
    one(&app, Kind::CustomObject, &id)
}

pub(super) async fn activity_types(State(app): Shared) -> Answer {
    types(&app, Kind::CustomActivity)
}

pub(super) async fn activity_type(State(app): Shared, Path(id): Path<String>) -> Answer {
    one(&app, Kind::CustomActivity, &id)
}
