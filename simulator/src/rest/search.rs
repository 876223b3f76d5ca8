//! `POST /data/search/` (dossier 3.3): queries over leads, contacts and opportunities, ids only
//! unless fields are named, cursors that live 30 seconds, at most 10,000 objects a walk.

mod candidate;
mod condition;
mod cursor;
mod moments;
mod node;
mod sort;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use rand::RngExt;
use serde_json::{Map, Value};

use self::candidate::Candidate;
use self::cursor::Cursor;
use self::moments::Zone;
use self::node::Node;
use self::sort::Sorting;
use super::Shared;
use super::answer::{Answer, Failure};
use super::body::JsonBody;
use super::caller::Caller;
use crate::app::{App, lock};
use crate::world::fields::Selection;
use crate::world::organization::Organization;
use crate::world::records::{Kind, Records, Shown, View};

const MAX_LIMIT: usize = 200;
const MOST_OBJECTS: usize = 10_000;

/// A request that was understood.
struct Search {
    node: Node,
    sorting: Sorting,
    limit: usize,
    /// Objects of the whole walk.
    most: usize,
    skip: usize,
    counts: bool,
}

/// One page.
struct Found {
    views: Vec<View>,
    more: bool,
    /// All matches; known only when they were asked for.
    total: Option<usize>,
}

pub(super) async fn search(State(app): Shared, caller: Caller, JsonBody(body): JsonBody) -> Answer {
    let zone = Zone {
        now: app.clock.now(),
        offset: caller.offset(),
    };
    let fingerprint = cursor::fingerprint(&body);
    let word = Kind::CustomActivity.as_str();
    if app.faults().refuse_activity_search
        && body
            .get("_fields")
            .is_some_and(|fields| fields.get(word).is_some())
    {
        return Err(Failure::field(
            "query",
            format!("{word} is no known object type"),
        ));
    }
    let search = Search {
        node: Node::read(body.get("query").unwrap_or(&Value::Null), zone)?,
        sorting: Sorting::read(body.get("sort"))?,
        limit: whole(&body, "_limit", 100, MAX_LIMIT)?,
        most: whole(&body, "results_limit", MOST_OBJECTS, usize::MAX)?.min(MOST_OBJECTS),
        skip: skip(&app, &body, fingerprint)?,
        counts: body
            .get("include_counts")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    };
    let found = app.listed(|records| search.page(records, &app.organization()));
    let walked = search.skip + found.views.len();
    let next = (found.more && walked < search.most && !found.views.is_empty()).then(|| {
        let lifetime = i64::try_from(app.config.search_cursor_lifetime.as_micros());
        let expires = app.clock.now().plus(lifetime.unwrap_or(i64::MAX));
        Cursor {
            skip: walked,
            expires: expires.0,
            query: fingerprint,
        }
        .encode()
    });
    let counts = found.total.map(|total| (total.min(search.most), total));
    let bytes = write(
        &app.organization(),
        &found.views,
        body.get("_fields"),
        next,
        counts,
    );
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

fn whole(
    body: &Map<String, Value>,
    name: &str,
    default: usize,
    max: usize,
) -> Result<usize, Failure> {
    let Some(given) = body.get(name).filter(|given| !given.is_null()) else {
        return Ok(default);
    };
    let number = given
        .as_u64()
        .and_then(|number| usize::try_from(number).ok());
    let number = number.ok_or_else(|| Failure::field(name, "Input should be a valid integer"))?;
    if number > max {
        return Err(Failure::field(
            name,
            format!("Input should be less than or equal to {max}"),
        ));
    }
    Ok(number)
}

/// How far the walk has come, by the cursor.
fn skip(app: &App, body: &Map<String, Value>, fingerprint: u64) -> Result<usize, Failure> {
    let Some(given) = body.get("cursor").filter(|given| !given.is_null()) else {
        return Ok(0);
    };
    let invalid = || Failure::field("cursor", "Invalid cursor");
    let cursor = given
        .as_str()
        .and_then(Cursor::decode)
        .ok_or_else(invalid)?;
    let fault = app.faults().expired_cursors;
    let fault = fault > 0.0 && lock(&app.fault_rng).random_bool(fault.min(1.0));
    if fault || cursor.expires < app.clock.now().0 {
        return Err(Failure::field("cursor", "Expired cursor"));
    }
    if cursor.query == fingerprint {
        Ok(cursor.skip)
    } else {
        Err(invalid())
    }
}

impl Search {
    fn page(&self, records: &Records, organization: &Organization) -> Found {
        let kinds: Vec<Kind> = Kind::ALL
            .into_iter()
            .filter(|kind| self.node.may_match(*kind))
            .collect();
        let room = self.limit.min(self.most.saturating_sub(self.skip));
        if let ([kind], Some((order, descending))) = (kinds.as_slice(), self.sorting.by_date()) {
            let mut matching =
                candidate::walk(records, organization, *kind, &self.node, order, descending)
                    .filter(|candidate| self.node.matches(candidate));
            let page = matching.by_ref().skip(self.skip).take(room);
            let views: Vec<View> = page.filter_map(|candidate| candidate.view()).collect();
            let further = if self.counts {
                matching.count()
            } else {
                matching.take(1).count()
            };
            let total = self.counts.then_some(self.skip + views.len() + further);
            return Found {
                views,
                more: further > 0,
                total,
            };
        }
        let mut matching: Vec<Candidate<'_>> = kinds
            .iter()
            .flat_map(|kind| {
                let order = crate::world::store::Order::Updated;
                candidate::walk(records, organization, *kind, &self.node, order, true)
            })
            .filter(|candidate| self.node.matches(candidate))
            .collect();
        self.sorting.apply(&mut matching);
        let total = matching.len();
        let page = matching.iter().skip(self.skip).take(room);
        let views: Vec<View> = page.filter_map(Candidate::view).collect();
        let more = self.skip + views.len() < total;
        Found {
            views,
            more,
            total: self.counts.then_some(total),
        }
    }
}

/// Writes the answer straight from the shared versions.
fn write(
    organization: &Organization,
    views: &[View],
    fields: Option<&Value>,
    next: Option<String>,
    counts: Option<(usize, usize)>,
) -> Vec<u8> {
    let named = |kind: Kind| {
        let names = fields
            .and_then(|fields| fields.get(kind.as_str()))
            .and_then(Value::as_array);
        Selection::named(
            names
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .chain(["id"]),
        )
    };
    let selections = Kind::ALL.map(|kind| (kind, named(kind)));
    let mut out = Vec::with_capacity(views.len() * 256 + 64);
    out.extend_from_slice(b"{\"data\":[");
    for (place, view) in views.iter().enumerate() {
        let kind = view.kind();
        let Some((_, selection)) = selections.iter().find(|(one, _)| *one == kind) else {
            continue;
        };
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"__object_type\":\"");
        out.extend_from_slice(kind.as_str().as_bytes());
        out.extend_from_slice(b"\",");
        // The object's own brace is left out: its keys follow the one above.
        let object = serde_json::to_vec(&Shown {
            organization,
            selection,
            view,
        });
        out.extend_from_slice(object.unwrap_or_default().get(1..).unwrap_or(b"}"));
    }
    let cursor = next.map_or_else(|| "null".to_owned(), |cursor| format!("\"{cursor}\""));
    out.extend_from_slice(format!("],\"cursor\":{cursor}").as_bytes());
    if let Some((limited, total)) = counts {
        let count = format!(",\"count\":{{\"limited\":{limited},\"total\":{total}}}");
        out.extend_from_slice(count.as_bytes());
    }
    out.push(b'}');
    out
}
