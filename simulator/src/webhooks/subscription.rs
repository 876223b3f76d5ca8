//! One subscription: what it asks for, how its deliveries went, what waits (dossier 5.1).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::filter;
use super::queue::{Delivery, Queue};
use crate::app::lock;
use crate::world::event::Event;
use crate::world::id::Id;
use crate::world::moment::Moment;

/// Attempts kept in `history`, of each outcome.
const HISTORY: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Active,
    Paused,
}

/// What a client chooses about a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) url: String,
    pub(crate) events: Vec<EventChoice>,
    pub(crate) event_filter: Option<Value>,
    pub(crate) verify_ssl: bool,
    pub(crate) status: Status,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct EventChoice {
    object_type: String,
    action: String,
    extra_filter: Option<Value>,
}

impl Settings {
    /// Reads the keys that a body has over earlier settings; the error is field and message.
    pub(crate) fn read(
        earlier: Option<Self>,
        body: &serde_json::Map<String, Value>,
    ) -> Result<Self, (&'static str, String)> {
        let blank = Self {
            url: String::new(),
            events: Vec::new(),
            event_filter: None,
            verify_ssl: true,
            status: Status::Active,
        };
        let creating = earlier.is_none();
        let mut settings = earlier.unwrap_or(blank);
        match body.get("url").and_then(Value::as_str) {
            Some(url) => {
                let scheme = url::Url::parse(url).map(|url| url.scheme().to_owned());
                if !scheme.is_ok_and(|scheme| scheme == "https" || scheme == "http") {
                    return Err(("url", "Value must be an http or https URL.".into()));
                }
                url.clone_into(&mut settings.url);
            }
            None if creating => return Err(("url", "This field is required.".into())),
            None => {}
        }
        match body.get("events") {
            Some(given) => settings.events = choices(given).map_err(|why| ("events", why))?,
            None if creating => return Err(("events", "This field is required.".into())),
            None => {}
        }
        if let Some(given) = body.get("event_filter") {
            settings.event_filter = Some(given.clone()).filter(|given| !given.is_null());
        }
        if settings
            .event_filter
            .as_ref()
            .is_some_and(|given| !filter::is_valid(given))
        {
            return Err(("event_filter", "Invalid filter.".into()));
        }
        if let Some(given) = body.get("verify_ssl") {
            let wrong = || ("verify_ssl", "Value must be a boolean.".to_owned());
            settings.verify_ssl = given.as_bool().ok_or_else(wrong)?;
        }
        settings.status = match body.get("status").map(Value::as_str) {
            None => settings.status,
            Some(Some("active")) => Status::Active,
            Some(Some("paused")) => Status::Paused,
            Some(_) => return Err(("status", "Value must be active or paused.".into())),
        };
        Ok(settings)
    }
}

fn choices(given: &Value) -> Result<Vec<EventChoice>, String> {
    let items = given.as_array().filter(|items| !items.is_empty());
    let items = items.ok_or("Value must be a list of events.")?;
    items
        .iter()
        .map(|item| {
            let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
            let extra_filter = item
                .get("extra_filter")
                .filter(|given| !given.is_null())
                .cloned();
            if extra_filter
                .as_ref()
                .is_some_and(|given| !filter::is_valid(given))
            {
                return Err("Invalid extra_filter.".into());
            }
            Ok(EventChoice {
                object_type: text("object_type").ok_or("object_type is required.")?,
                action: text("action").ok_or("action is required.")?,
                extra_filter,
            })
        })
        .collect()
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: Id,
    pub(super) key: [u8; 32],
    created: Moment,
    created_by: Option<Id>,
    pub(super) wake: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    updated: Moment,
    counters: BTreeMap<&'static str, u64>,
    errors: VecDeque<Attempt>,
    successes: VecDeque<Attempt>,
    latest_error: Option<String>,
    queue: Queue,
    in_flight: usize,
    /// Since when no delivery has succeeded.
    failing_since: Option<Instant>,
    closed: bool,
}

/// A line of `history`.
#[derive(Debug, Clone, Serialize)]
struct Attempt {
    attempt_number: u32,
    datetime: Moment,
    error: Option<&'static str>,
    event_id: Id,
    response_status_code: Option<u16>,
}

/// What a worker does next.
#[derive(Debug)]
pub(super) enum Next {
    Deliver(Box<Delivery>),
    /// Until then, or until woken.
    Wait(Option<Instant>),
    Stop,
}

impl Subscription {
    pub(super) fn new(
        id: Id,
        key: [u8; 32],
        settings: Settings,
        created_by: Option<Id>,
        created: Moment,
    ) -> Self {
        let state = State {
            settings,
            updated: created.plus(7),
            counters: BTreeMap::new(),
            errors: VecDeque::new(),
            successes: VecDeque::new(),
            latest_error: None,
            queue: Queue::default(),
            in_flight: 0,
            failing_since: None,
            closed: false,
        };
        Self {
            id,
            key,
            created,
            created_by,
            wake: Notify::new(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        lock(&self.state).settings.clone()
    }

    /// New settings; a pause empties the queue, since what happens then is lost.
    pub(crate) fn change(&self, settings: Settings, now: Moment) {
        let mut state = lock(&self.state);
        if settings.status == Status::Paused {
            state.queue.clear();
        }
        state.failing_since = None;
        state.settings = settings;
        state.updated = now;
    }

    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.queue.clear();
        self.wake.notify_one();
    }

    pub(super) fn wants(&self, event: &Event) -> bool {
        let state = lock(&self.state);
        state.settings.status == Status::Active
            && state.settings.events.iter().any(|choice| {
                choice.object_type == event.object_type && choice.action == event.action
            })
    }

    /// Whether the event passes the filters, in the state in which it is delivered.
    pub(super) fn passes(&self, event: &Event) -> bool {
        let settings = self.settings();
        let choices = settings.events.iter().filter(|choice| {
            choice.object_type == event.object_type && choice.action == event.action
        });
        let filters: Vec<Option<&Value>> =
            choices.map(|choice| choice.extra_filter.as_ref()).collect();
        let plain = settings.event_filter.is_none() && filters.contains(&None);
        if plain {
            return true;
        }
        let Ok(value) = serde_json::to_value(event) else {
            return false;
        };
        settings
            .event_filter
            .as_ref()
            .is_none_or(|one| filter::passes(one, &value))
            && filters
                .iter()
                .any(|one| one.is_none_or(|one| filter::passes(one, &value)))
    }

    /// Adds an event to the queue; too many pause the subscription and lose them all.
    pub(super) fn enqueue(&self, event: &Arc<Event>, due: Instant, most: usize) {
        let mut state = lock(&self.state);
        state.queue.offer(event, due);
        if state.queue.len() >= most {
            state.queue.clear();
            state.settings.status = Status::Paused;
            tracing::warn!(subscription = %self.id, "paused: too many undelivered events");
        }
        self.wake.notify_one();
    }

    pub(super) fn requeue(&self, delivery: Delivery, due: Instant) {
        let mut state = lock(&self.state);
        if state.settings.status == Status::Active && !state.closed {
            state.queue.push(delivery, due);
            self.wake.notify_one();
        }
    }

    pub(super) fn next(&self, most_in_flight: usize) -> Next {
        let mut state = lock(&self.state);
        if state.closed {
            return Next::Stop;
        }
        if state.in_flight >= most_in_flight {
            return Next::Wait(None);
        }
        match state.queue.pop(Instant::now()) {
            Some(delivery) => {
                state.in_flight += 1;
                Next::Deliver(Box::new(delivery))
            }
            None => Next::Wait(state.queue.next_due()),
        }
    }

    pub(super) fn landed(&self) {
        let mut state = lock(&self.state);
        state.in_flight = state.in_flight.saturating_sub(1);
        self.wake.notify_one();
    }

    pub(super) fn pending(&self) -> usize {
        let state = lock(&self.state);
        state.queue.len() + state.in_flight
    }

    /// Notes how an attempt went; whether it pauses the subscription.
    pub(super) fn note(
        &self,
        delivery: &Delivery,
        outcome: Result<u16, &'static str>,
        at: Moment,
        pause_after: Duration,
    ) -> bool {
        let mut state = lock(&self.state);
        let status = outcome.ok();
        let success = status.is_some_and(|status| (200..300).contains(&status));
        let error = if success {
            None
        } else {
            Some(outcome.err().unwrap_or("HTTPError"))
        };
        let attempt = Attempt {
            attempt_number: delivery.attempts,
            datetime: at,
            error,
            event_id: delivery.event.id,
            response_status_code: status,
        };
        let first = delivery.attempts <= 1;
        let counter = match (first, success) {
            (true, true) => "first_success",
            (true, false) => "first_fail",
            (false, true) => "retry_success",
            (false, false) => "retry_fail",
        };
        *state.counters.entry(counter).or_default() += 1;
        let kept = if success {
            &mut state.successes
        } else {
            &mut state.errors
        };
        kept.push_front(attempt);
        kept.truncate(HISTORY);
        if success {
            state.failing_since = None;
            return false;
        }
        let code = status.map_or_else(|| "None".into(), |status| status.to_string());
        let name = error.unwrap_or_default();
        state.latest_error = Some(format!("Exception name: {name}, Status code: {code}"));
        let since = *state.failing_since.get_or_insert_with(Instant::now);
        let pause = since.elapsed() >= pause_after;
        if pause {
            state.settings.status = Status::Paused;
            state.queue.clear();
            tracing::warn!(subscription = %self.id, "paused: every delivery failed for too long");
        }
        pause
    }

    /// As the API shows it; the key comes only in the answer to its creation.
    pub(crate) fn created_by(&self) -> Option<Id> {
        self.created_by
    }

    pub(crate) fn shown(&self, with_key: bool) -> Value {
        let state = lock(&self.state);
        let mut object = json!({
            "id": self.id,
            "url": state.settings.url,
            "verify_ssl": state.settings.verify_ssl,
            "status": state.settings.status,
            "events": state.settings.events,
            "event_filter": state.settings.event_filter,
            "counters": state.counters,
            "history": { "errors": state.errors, "successes": state.successes },
            "health_status": null,
            "latest_error": state.latest_error,
            "pause_reason": null,
            "recent_consecutive_fail_buckets_cnt": 0,
            "created_by": self.created_by,
            "updated_by": self.created_by,
            "date_created": self.created.naive(),
            "date_updated": state.updated.naive(),
        });
        if let Some(object) = object.as_object_mut().filter(|_| with_key) {
            object.insert("signature_key".into(), hex::encode(self.key).into());
        }
        object
    }
}
