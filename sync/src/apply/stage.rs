//! When a deal entered its present status, where that can be told.
//!
//! Events say when a status changed (they name `status_id` as changed), and may come in any order. The newest that said
//! so is the answer, so a late one counts too, although its content does not.

use super::stored::Live;
use crate::change::{Change, Content};
use crate::close::{Object, ObjectType};
use chrono::{DateTime, Utc};
use closegraph_entity::record::Origin;

const STATUS: &str = "status_id";

/// The instant after `change` was taken, which made `merged` of what was `before`.
pub(super) fn entered(
    object_type: ObjectType,
    before: Option<&Live>,
    merged: &Object,
    change: &Change,
) -> Option<DateTime<Utc>> {
    if object_type != ObjectType::Opportunity {
        return None;
    }
    match (before, &change.content) {
        (_, Content::Partial { changed_fields, .. }) if names_status(changed_fields) => {
            Some(change.version)
        }
        (Some(live), _) if may_be_in(live, merged) => live.stage_entered_at,
        // A status that parts of objects had left out: the events that changed it are known.
        (Some(live), _) if change.origin == Origin::Reread && change.version == live.version => {
            live.stage_entered_at
        }
        // The event that changed it was overtaken by this one, and is still to come.
        (Some(_), Content::Partial { changed_fields, .. }) if !changed_fields.is_empty() => None,
        (Some(_), _) => Some(change.version),
        (None, Content::Full(_)) => created(merged, change),
        (None, _) => None,
    }
}

/// The instant that an overtaken change tells of, where it is newer than the known one.
pub(super) fn entered_late(
    object_type: ObjectType,
    live: &Live,
    change: &Change,
) -> Option<DateTime<Utc>> {
    if object_type != ObjectType::Opportunity {
        return None;
    }
    let at = match &change.content {
        Content::Partial { changed_fields, .. } if names_status(changed_fields) => change.version,
        Content::Full(object) if may_be_in(live, object) => created(object, change)?,
        _ => return None,
    };
    (live.stage_entered_at < Some(at)).then_some(at)
}

/// Whether the row has the status of the object, as far as the row tells.
fn may_be_in(live: &Live, object: &Object) -> bool {
    live.raw.get(STATUS).is_none() || live.raw.text(STATUS) == object.text(STATUS)
}

fn names_status(changed_fields: &[String]) -> bool {
    changed_fields.iter().any(|key| key == STATUS)
}

/// The creation of an object that is told of by its `created` event, or was not changed since.
fn created(object: &Object, change: &Change) -> Option<DateTime<Utc>> {
    let created = object.timestamp("date_created")?;
    (created == change.version || change.event_id.is_some()).then_some(created)
}
