//! `/event/`: the log, newest first, walked by cursors (dossier 6).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Failure, ok};
use super::auth::Credential;
use super::params::Params;
use crate::app::lock;
use crate::world::event::{Event, EventKey};
use crate::world::moment::Moment;
use crate::world::store::Window;

const MAX_LIMIT: usize = 50;
const FILTERS: [&str; 6] = [
    "object_type",
    "object_id",
    "action",
    "lead_id",
    "user_id",
    "request_id",
];

/// The sets of filters that Close allows together.
const ALLOWED: &[&[&str]] = &[
    &[],
    &["object_type", "object_id"],
    &["object_type", "action"],
    &["object_id", "action"],
    &["lead_id"],
    &["lead_id", "object_type"],
    &["lead_id", "object_type", "action"],
    &["lead_id", "user_id"],
    &["lead_id", "user_id", "object_type"],
    &["lead_id", "user_id", "object_type", "action"],
    &["user_id"],
    &["user_id", "object_id"],
    &["user_id", "object_id", "action"],
    &["user_id", "object_type"],
    &["user_id", "object_type", "action"],
    &["request_id"],
];

/// A place in the log, and the window that was asked for first.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    at: i64,
    sequence: u64,
    newer: bool,
    from: i64,
    until: i64,
}

impl Cursor {
    fn encode(key: EventKey, newer: bool, window: Window) -> Option<String> {
        let (at, sequence) = (key.0.0, key.1);
        let cursor = Self {
            at,
            sequence,
            newer,
            from: window.from.0,
            until: window.until.0,
        };
        Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).ok()?))
    }

    fn decode(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

/// How long users who are no admins see what an event is about.
const SHOWN: i64 = 60 * Moment::MINUTE;

/// An event as a user sees it at a moment.
fn shown(event: &Event, by: Credential, now: Moment) -> Result<Value, Failure> {
    let mut shown = serde_json::to_value(event).map_err(|_| Failure::Server(500))?;
    if !by.is_admin()
        && event.updated < now.plus(-SHOWN)
        && let Some(keys) = shown.as_object_mut()
    {
        keys.remove("data");
        keys.remove("previous_data");
    }
    Ok(shown)
}

pub(super) async fn list(
    State(app): Shared,
    Extension(by): Extension<Credential>,
    params: Params,
) -> Answer {
    let limit = params.limit(MAX_LIMIT, MAX_LIMIT)?;
    if params.get("_skip").is_some() {
        return Err(Failure::field("_skip", "Extra inputs are not permitted"));
    }
    let given: Vec<(&str, &str)> = FILTERS
        .iter()
        .filter_map(|name| Some((*name, params.get(name)?)))
        .collect();
    let allowed = ALLOWED
        .iter()
        .any(|set| set.len() == given.len() && given.iter().all(|(name, _)| set.contains(name)));
    if !allowed {
        return Err(Failure::Invalid(
            "This combination of filters is not supported.".into(),
        ));
    }
    let invalid = || Failure::field("_cursor", "Invalid cursor");
    let cursor = match params.get("_cursor") {
        Some(text) => {
            let expired = app.faults().expired_cursors;
            if expired > 0.0 && lock(&app.fault_rng).random_bool(expired.min(1.0)) {
                return Err(Failure::field("_cursor", "Expired cursor"));
            }
            Some(Cursor::decode(text).ok_or_else(invalid)?)
        }
        None => None,
    };
    let mut window = params.window("date_updated")?;
    if let Some(cursor) = &cursor {
        window = window.and(Window {
            from: Moment(cursor.from),
            until: Moment(cursor.until),
        });
    }
    let matches = |event: &Event| {
        window.contains(event.updated)
            && given
                .iter()
                .all(|(name, value)| matches(event, name, value))
    };
    let newer = cursor.as_ref().is_some_and(|cursor| cursor.newer);
    let (mut events, more) = app.read(|world| {
        let key = cursor
            .as_ref()
            .map(|cursor| (Moment(cursor.at), cursor.sequence));
        match key {
            None => take(world.log.newest_first(), &matches, limit),
            Some(key) if newer => take(world.log.newer_than(key), &matches, limit),
            Some(key) => take(world.log.older_than(key), &matches, limit),
        }
    });
    if newer {
        events.reverse();
    }
    let has_older = if newer { cursor.is_some() } else { more };
    let has_newer = if newer { more } else { cursor.is_some() };
    let next = events.last().filter(|_| has_older);
    let previous = events.first().filter(|_| has_newer);
    let now = app.clock.now();
    let data = events.iter().map(|(_, event)| shown(event, by, now));
    Ok(ok(&json!({
        "data": data.collect::<Result<Vec<_>, _>>()?,
        "cursor_next": next.and_then(|(key, _)| Cursor::encode(*key, false, window)),
        "cursor_previous": previous.and_then(|(key, _)| Cursor::encode(*key, true, window)),
    })))
}

/// The first matching events, and whether there are further ones.
fn take<'e>(
    events: impl Iterator<Item = (&'e EventKey, &'e Arc<Event>)>,
    matches: &impl Fn(&Event) -> bool,
    limit: usize,
) -> (Vec<(EventKey, Arc<Event>)>, bool) {
    let mut events = events.filter(|(_, event)| matches(event));
    let page = events
        .by_ref()
        .take(limit)
        .map(|(key, event)| (*key, Arc::clone(event)))
        .collect();
    (page, events.next().is_some())
}

fn matches(event: &Event, name: &str, value: &str) -> bool {
    let id = match name {
        "object_type" => return event.object_type == value,
        "action" => return event.action == value,
        "object_id" => Some(event.object_id),
        "lead_id" => event.lead_id,
        "user_id" => event.user_id,
        _ => Some(event.request_id),
    };
    id.is_some_and(|id| id.as_str() == value)
}

pub(super) async fn one(
    State(app): Shared,
    Extension(by): Extension<Credential>,
    Path(id): Path<String>,
) -> Answer {
    let event = app
        .read(|world| world.log.get(&id).cloned())
        .ok_or(Failure::NotFound)?;
    Ok(ok(&shown(&event, by, app.clock.now())?))
}
