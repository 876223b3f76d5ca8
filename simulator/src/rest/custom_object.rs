//! `/custom_object/`: the list needs a lead (dossier 3.2, 4.8).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::Shared;
use super::answer::{Answer, Failure, ok};
use super::body::JsonBody;
use super::caller::Caller;
use super::object;
use super::page::{Page, Plain};
use super::params::Params;
use crate::world::records::{Kind, View};

const MAX_LIMIT: usize = 200;
/// Close publishes none; deep offsets are refused as on leads.
const MAX_SKIP: usize = 35_000;

pub(super) async fn list(State(app): Shared, params: Params) -> Answer {
    let limit = params.limit(100, MAX_LIMIT)?;
    let skip = params.skip(MAX_SKIP)?;
    let lead = params.get("lead_id");
    let lead = lead.ok_or_else(|| Failure::field("lead_id", "Field required"))?;
    let organization = &*app.organization();
    let of_type = params
        .get("custom_object_type_id")
        .map(|id| organization.find_type(Kind::CustomObject, id));
    // Newest first.
    let mut views: Vec<View> = app.listed(|records| {
        let Some((lead, _)) = records.leads.find(lead) else {
            return Vec::new();
        };
        let mut found: Vec<_> = records.custom_objects.of_lead(lead).collect();
        found.retain(|(_, record)| {
            of_type.is_none_or(|one| one.is_some_and(|(place, _)| place == record.of_type))
        });
        found.sort_by_key(|(place, record)| std::cmp::Reverse((record.created, *place)));
        let page = found.iter().skip(skip).take(limit + 1);
        page.filter_map(|(place, _)| records.view(Kind::CustomObject, *place))
            .collect()
    });
    let has_more = views.len() > limit;
    views.truncate(limit);
    Ok(ok(&Page {
        organization,
        selection: &params.selection(),
        views: &views,
        has_more,
        total: None,
        more: Plain,
    }))
}

pub(super) async fn one(State(app): Shared, Path(id): Path<String>, params: Params) -> Answer {
    object::get(&app, Kind::CustomObject, &id, params.selection())
}

/// Newer resources answer 201 and, deleted, 204 with nothing (dossier 1.5).
pub(super) async fn create(State(app): Shared, caller: Caller, JsonBody(body): JsonBody) -> Answer {
    let mut made = object::create(&app, Kind::CustomObject, &caller, &body)?;
    *made.status_mut() = StatusCode::CREATED;
    Ok(made)
}

pub(super) async fn update(
    State(app): Shared,
    Path(id): Path<String>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Answer {
    object::update(&app, Kind::CustomObject, &caller, &id, &body)
}

pub(super) async fn delete(State(app): Shared, Path(id): Path<String>, caller: Caller) -> Answer {
    object::delete(&app, Kind::CustomObject, &caller, &id)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
