//! `/lead/`: the list with its legacy query and `id__in`, one lead, writes, merge (dossier 4.3).

use axum::extract::{Path, State};

use super::Shared;
use super::answer::{Answer, Failure, nothing, ok};
use super::body::JsonBody;
use super::caller::Caller;
use super::lead_query::{LeadQuery, Sort};
use super::object;
use super::page::{Page, Plain};
use super::params::Params;
use crate::world::records::{Kind, Records, View};
use crate::world::store::{Handle, Order, Window};

const MAX_LIMIT: usize = 200;
const MAX_SKIP: usize = 35_000;

pub(super) async fn list(State(app): Shared, params: Params) -> Answer {
    let limit = params.limit(100, MAX_LIMIT)?;
    let skip = params.skip(MAX_SKIP)?;
    if params.get("query").is_some() && app.faults().refuse_lead_query {
        return Err(Failure::field(
            "query",
            "The query parameter is no longer supported.",
        ));
    }
    let query = params.get("query").map(LeadQuery::parse).transpose();
    let query = query
        .map_err(|message| Failure::field("query", message))?
        .unwrap_or_default();
    let ids = params.list("id__in");
    let (views, total) = app.listed(|records| match &ids {
        Some(ids) => by_ids(records, ids, &query, skip, limit),
        None => page(records, &query, skip, limit),
    });
    Ok(ok(&Page {
        organization: &app.organization(),
        selection: &object::selection(&app, params.selection()),
        has_more: skip + views.len() < total,
        views: &views,
        total: Some(total),
        more: Plain,
    }))
}

fn views(records: &Records, places: impl Iterator<Item = Handle>) -> Vec<View> {
    places
        .filter_map(|place| records.view(Kind::Lead, place))
        .collect()
}

fn by_ids(
    records: &Records,
    ids: &[&str],
    query: &LeadQuery,
    skip: usize,
    limit: usize,
) -> (Vec<View>, usize) {
    let found = ids.iter().filter_map(|id| records.leads.find(id));
    let mut found: Vec<_> = found.filter(|(_, lead)| query.matches(lead)).collect();
    found.sort_by_key(|(place, lead)| (std::cmp::Reverse(lead.updated), *place));
    found.dedup_by_key(|(place, _)| *place);
    let total = found.len();
    (
        views(
            records,
            found.iter().skip(skip).take(limit).map(|(place, _)| *place),
        ),
        total,
    )
}

fn page(records: &Records, query: &LeadQuery, skip: usize, limit: usize) -> (Vec<View>, usize) {
    let Sort { order, ascending } = query.sort;
    let (window, other) = match order {
        Order::Updated => (query.updated, query.created),
        Order::Created => (query.created, query.updated),
    };
    let plain = other == Window::ALL && query.name.is_none();
    let matching = records
        .leads
        .walk(order, window)
        .filter(|(_, lead)| plain || query.matches(lead));
    let places =
        |walk: &mut dyn Iterator<Item = Handle>| views(records, walk.skip(skip).take(limit));
    let mut ascending_places = matching.map(|(place, _)| place);
    let views = if ascending {
        places(&mut ascending_places)
    } else {
        places(&mut ascending_places.rev())
    };
    let total = if plain {
        records.leads.count(order, window)
    } else {
        records
            .leads
            .walk(order, window)
            .filter(|(_, lead)| query.matches(lead))
            .count()
    };
    (views, total)
}

pub(super) async fn one(State(app): Shared, Path(id): Path<String>, params: Params) -> Answer {
    object::get(&app, Kind::Lead, &id, params.selection())
}

pub(super) async fn create(State(app): Shared, caller: Caller, JsonBody(body): JsonBody) -> Answer {
    object::create(&app, Kind::Lead, &caller, &body)
}

pub(super) async fn update(
    State(app): Shared,
    Path(id): Path<String>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Answer {
    object::update(&app, Kind::Lead, &caller, &id, &body)
}

pub(super) async fn delete(State(app): Shared, Path(id): Path<String>, caller: Caller) -> Answer {
    object::delete(&app, Kind::Lead, &caller, &id)
}

pub(super) async fn merge(State(app): Shared, caller: Caller, JsonBody(body): JsonBody) -> Answer {
    let given = |name: &str| {
        let id = body.get(name).and_then(serde_json::Value::as_str);
        id.ok_or_else(|| Failure::field(name, "This field is required."))
    };
    let (source, destination) = (given("source")?, given("destination")?);
    app.write(|world| {
        let actor = caller.actor(world);
        world.merge(&actor, source, destination)
    })?;
    Ok(nothing())
}
