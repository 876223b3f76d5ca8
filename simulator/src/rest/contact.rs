//! `/contact/`: the list knows one filter, `lead_id` (dossier 3.2, 4.4).

use axum::extract::{Path, State};

use super::Shared;
use super::answer::{Answer, ok};
use super::body::JsonBody;
use super::caller::Caller;
use super::object;
use super::page::{Page, Plain};
use super::params::Params;
use crate::world::records::{Kind, Records, View};
use crate::world::store::{Handle, Order, Window};

const MAX_LIMIT: usize = 200;
/// Close publishes none; deep offsets are refused as on leads.
const MAX_SKIP: usize = 35_000;

pub(super) async fn list(State(app): Shared, params: Params) -> Answer {
    let limit = params.limit(100, MAX_LIMIT)?;
    let skip = params.skip(MAX_SKIP)?;
    let lead = params.get("lead_id");
    let mut views = app.listed(|records| page(records, lead, skip, limit + 1));
    let has_more = views.len() > limit;
    views.truncate(limit);
    Ok(ok(&Page {
        organization: &app.organization(),
        selection: &params.selection(),
        views: &views,
        has_more,
        total: None,
        more: Plain,
    }))
}

/// Newest first.
fn page(records: &Records, lead: Option<&str>, skip: usize, limit: usize) -> Vec<View> {
    let views = |places: &mut dyn Iterator<Item = Handle>| {
        let places = places.skip(skip).take(limit);
        places
            .filter_map(|place| records.view(Kind::Contact, place))
            .collect()
    };
    match lead {
        None => {
            let newest = records.contacts.walk(Order::Created, Window::ALL).rev();
            views(&mut newest.map(|(place, _)| place))
        }
        Some(id) => {
            let Some((lead, _)) = records.leads.find(id) else {
                return Vec::new();
            };
            let mut of_lead: Vec<_> = records.contacts.of_lead(lead).collect();
            of_lead.sort_by_key(|(place, contact)| std::cmp::Reverse((contact.created, *place)));
            views(&mut of_lead.iter().map(|(place, _)| *place))
        }
    }
}

pub(super) async fn one(State(app): Shared, Path(id): Path<String>, params: Params) -> Answer {
    object::get(&app, Kind::Contact, &id, params.selection())
}

pub(super) async fn create(State(app): Shared, caller: Caller, JsonBody(body): JsonBody) -> Answer {
    object::create(&app, Kind::Contact, &caller, &body)
}

pub(super) async fn update(
    State(app): Shared,
    Path(id): Path<String>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Answer {
    object::update(&app, Kind::Contact, &caller, &id, &body)
}

pub(super) async fn delete(State(app): Shared, Path(id): Path<String>, caller: Caller) -> Answer {
    object::delete(&app, Kind::Contact, &caller, &id)
}
