//! An event as it was delivered, read as far as storing it needs.

use crate::close::{ObjectType, parse_timestamp};
use chrono::{DateTime, Utc};
use closegraph_entity::record::Origin;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Bytes of an id, a type or an action: what is indexed has to fit into an index.
const LONGEST_WORD: usize = 255;

/// An event as it was delivered.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Id of its row, in the log and in the inbox.
    pub(super) id: Uuid,
    pub(super) connection_id: Uuid,
    pub(super) origin: Origin,
    pub(super) close_event_id: String,
    pub(super) event_updated_at: DateTime<Utc>,
    pub(super) object_type: String,
    pub(super) object_id: String,
    pub(super) action: String,
    pub(super) payload: String,
    /// Why Postgres refused it.
    pub(super) refused: Option<String>,
}

/// Why a body is no event.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error("the body is no event: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("event.date_updated is no timestamp: {0:?}")]
    Timestamp(String),
    #[error("{0} is longer than {LONGEST_WORD} bytes")]
    Long(&'static str),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    object_type: String,
    action: String,
    #[serde(default)]
    object_id: Option<String>,
    date_updated: Option<String>,
    #[serde(default)]
    date_created: Option<String>,
}

impl Delivery {
    /// Reads `{"subscription_id", "event": {…}}`.
    pub fn from_envelope(
        connection_id: Uuid,
        origin: Origin,
        body: &str,
    ) -> Result<Self, DeliveryError> {
        let envelope: Envelope<'_> = serde_json::from_str(body)?;
        Self::from_event(connection_id, origin, envelope.event.get())
    }

    /// Reads the event itself, as the event log sends it.
    pub fn from_event(
        connection_id: Uuid,
        origin: Origin,
        event: &str,
    ) -> Result<Self, DeliveryError> {
        let payload = crate::close::storable(event).into_owned();
        let head: Head = serde_json::from_str(&payload)?;
        let at = head.date_updated.or(head.date_created).unwrap_or_default();
        let event_updated_at = parse_timestamp(&at).ok_or(DeliveryError::Timestamp(at))?;
        for (name, word) in [
            ("event.id", Some(&head.id)),
            ("event.object_type", Some(&head.object_type)),
            ("event.object_id", head.object_id.as_ref()),
            ("event.action", Some(&head.action)),
        ] {
            if word.is_some_and(|word| word.len() > LONGEST_WORD) {
                return Err(DeliveryError::Long(name));
            }
        }
        let name = format!("{}/{}", head.id, event_updated_at.timestamp_micros());
        Ok(Self {
            id: Uuid::new_v5(&connection_id, name.as_bytes()),
            connection_id,
            origin,
            close_event_id: head.id,
            event_updated_at,
            object_type: head.object_type,
            object_id: head.object_id.unwrap_or_default(),
            action: head.action,
            payload,
            refused: None,
        })
    }

    /// The event as it is stored: JSON text without what Postgres refuses in one.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// The same event as a dead letter: Postgres can't hold it as JSON, so it is kept as text.
    pub(super) fn as_dead_letter(&self, reason: String) -> Self {
        Self {
            payload: serde_json::Value::from(self.payload.as_str()).to_string(),
            refused: Some(reason),
            ..self.clone()
        }
    }

    /// What was logged and can't be read as an event any more, as a dead letter.
    pub(super) fn unreadable(
        connection_id: Uuid,
        seq: i64,
        received_at: DateTime<Utc>,
        logged: &str,
        reason: String,
    ) -> Self {
        let name = format!("delivery/{seq}");
        Self {
            id: Uuid::new_v5(&connection_id, name.as_bytes()),
            connection_id,
            origin: Origin::Webhook,
            close_event_id: name,
            event_updated_at: received_at,
            object_type: String::new(),
            object_id: String::new(),
            action: String::new(),
            payload: serde_json::Value::from(logged).to_string(),
            refused: Some(reason),
        }
    }

    pub(super) fn state(&self) -> &'static str {
        match (&self.refused, self.is_modelled()) {
            (Some(_), _) => "dead",
            (None, true) => "pending",
            (None, false) => "ignored",
        }
    }

    /// Whether we do something with it.
    pub fn is_modelled(&self) -> bool {
        let action = self.action.as_str();
        ObjectType::of_event(&self.object_type).is_some_and(|object_type| {
            matches!(action, "created" | "updated" | "deleted")
                || (action == "merged" && object_type == ObjectType::Lead)
        })
    }

    pub(super) fn close_event_id(&self) -> &str {
        &self.close_event_id
    }

    /// Whether this is the same event, in the same content or, consolidated, in a newer one.
    pub(super) fn is_as_new_as(&self, other: &Self) -> bool {
        self.close_event_id == other.close_event_id
            && self.event_updated_at >= other.event_updated_at
    }

    /// Id of its row, in the log and in the inbox.
    pub(super) const fn id(&self) -> Uuid {
        self.id
    }
}
