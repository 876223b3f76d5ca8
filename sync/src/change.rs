//! The one shape in which everything that Close tells us enters the mirror.

use crate::close::{Object, ObjectType, parse_timestamp};
use chrono::{DateTime, Utc};
use closegraph_entity::record::Origin;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Something that Close said about one object.
#[derive(Clone, Debug)]
pub struct Change {
    pub object_type: ObjectType,
    pub close_id: String,
    /// The object's own `date_updated`, else the event's: never our clock.
    pub version: DateTime<Utc>,
    pub content: Content,
    pub origin: Origin,
    /// The inbox row that said so.
    pub event_id: Option<Uuid>,
    /// Close id of the user who caused it.
    pub actor: Option<String>,
}

/// What was said.
#[derive(Clone, Debug)]
pub enum Content {
    /// The whole object: a read without `_fields`, or a `created` event. Custom fields that it lacks are unset.
    Full(Object),
    /// The object in an `updated` event: a standard key that it lacks is unchanged, unless it is named as changed.
    Partial {
        data: Object,
        changed_fields: Vec<String>,
    },
    /// It is gone, perhaps merged into another object of its type.
    Deleted { merged_into: Option<String> },
}

/// Why an event or object is no change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is no timestamp")]
    Timestamp(&'static str),
    #[error("{0} is no id")]
    Id(&'static str),
    #[error("the event can't be read: {0}")]
    Shape(#[from] serde_json::Error),
    /// Close hides what older events are about from credentials without admin rights.
    #[error("the event does not carry the object")]
    Hidden {
        object_type: ObjectType,
        close_id: String,
        version: DateTime<Utc>,
    },
}

impl Change {
    /// A complete object that was read from Close.
    pub fn read(
        object_type: ObjectType,
        object: Object,
        origin: Origin,
    ) -> Result<Self, ChangeError> {
        let close_id = object.text("id").ok_or(ChangeError::Missing("id"))?;
        check_id("id", &close_id)?;
        let version = object
            .timestamp("date_updated")
            .ok_or(ChangeError::Timestamp("date_updated"))?;
        let content = Content::Full(object);
        Ok(Self {
            object_type,
            close_id,
            version,
            content,
            origin,
            event_id: None,
            actor: None,
        })
    }
}

/// An id stands in paths that are read from Close, so it is nothing but a word.
fn check_id(name: &'static str, id: &str) -> Result<(), ChangeError> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let has_letter = id.bytes().any(|byte| byte.is_ascii_alphanumeric());
    let valid = has_letter && id.len() <= LONGEST_ID && id.bytes().all(is_word);
    valid.then_some(()).ok_or(ChangeError::Id(name))
}

/// Close's ids have about 50 bytes.
const LONGEST_ID: usize = 255;

/// The parts of an event that matter here; `data` and `previous_data` may be missing altogether.
#[derive(Debug, Deserialize)]
struct Event<'a> {
    action: String,
    object_type: String,
    object_id: String,
    date_updated: String,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    changed_fields: Option<Vec<String>>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Debug, Default, Deserialize)]
struct Meta {
    #[serde(default)]
    merge_source_lead_id: Option<String>,
    #[serde(default)]
    merge_destination_lead_id: Option<String>,
}

/// The changes that an event of a modelled type means; none for an action that is not modelled.
///
/// The id is always `object_id`: `data.id` and `previous_data.id` have been seen to differ from it.
pub fn changes_of_event(
    payload: &str,
    event_id: Uuid,
    origin: Origin,
) -> Result<Vec<Change>, ChangeError> {
    let event: Event<'_> = serde_json::from_str(payload)?;
    let Some(object_type) = ObjectType::of_event(&event.object_type) else {
        return Ok(Vec::new());
    };
    check_id("object_id", &event.object_id)?;
    let happened =
        parse_timestamp(&event.date_updated).ok_or(ChangeError::Timestamp("date_updated"))?;
    let meta = event.meta.unwrap_or_default();
    let change = |close_id: String, version, content| Change {
        object_type,
        close_id,
        version,
        content,
        origin,
        event_id: Some(event_id),
        actor: event.user_id.clone(),
    };
    let data = || match event.data {
        Some(raw) if raw.get().trim_start().starts_with('{') => Ok(Object::parse(raw.get())?),
        _ => Err(ChangeError::Hidden {
            object_type,
            close_id: event.object_id.clone(),
            version: happened,
        }),
    };
    let versioned = |data: &Object| data.timestamp("date_updated").unwrap_or(happened);
    match event.action.as_str() {
        "created" => {
            let data = data()?;
            let version = versioned(&data);
            Ok(vec![change(event.object_id, version, Content::Full(data))])
        }
        "updated" => {
            let data = data()?;
            let version = versioned(&data);
            let changed_fields = event.changed_fields.clone().unwrap_or_default();
            Ok(vec![change(
                event.object_id,
                version,
                Content::Partial {
                    data,
                    changed_fields,
                },
            )])
        }
        "deleted" => {
            let merged_into = meta
                .merge_destination_lead_id
                .filter(|_| meta.merge_source_lead_id.as_deref() == Some(&event.object_id));
            Ok(vec![change(
                event.object_id,
                happened,
                Content::Deleted { merged_into },
            )])
        }
        "merged" => {
            let source = meta
                .merge_source_lead_id
                .ok_or(ChangeError::Missing("meta.merge_source_lead_id"))?;
            check_id("meta.merge_source_lead_id", &source)?;
            let destination = event.object_id.clone();
            let gone = Content::Deleted {
                merged_into: Some(destination.clone()),
            };
            let mut changes = vec![change(source, happened, gone)];
            if let Ok(data) = data() {
                let version = versioned(&data);
                let content = Content::Partial {
                    data,
                    changed_fields: Vec::new(),
                };
                changes.push(change(destination, version, content));
            }
            Ok(changes)
        }
        _ => Ok(Vec::new()),
    }
}
