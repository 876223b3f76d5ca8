//! Folds the changes of one object onto what is stored, and decides what has to be written.

use super::Outcome;
use super::invoice::Paid;
use super::queue::{Folded, Tombstone, keep, record_type, remove};
use super::stage;
use super::stored::{Known, Live};
use super::trail::Cause;
use crate::change::{Change, Content};
use crate::close::{Object, ObjectType};
use crate::mapping::{
    CompanyColumns, CustomRecordColumns, Mapped, MappingContext, MappingError, MemberColumns,
    OpportunityColumns, PersonColumns,
};
use chrono::{DateTime, Utc};
use closegraph_entity::record::{Origin, record_id};

/// The object while its changes are folded.
struct State {
    live: Option<Live>,
    died: Option<DateTime<Utc>>,
    /// What was paid, where it is an invoice.
    paid: Paid,
    /// The newest change that was taken.
    last: Option<Change>,
    tombstone: Option<Tombstone>,
}

/// Takes the changes, oldest first, and queues what has to be written.
pub(super) fn fold(
    folded: &mut Folded,
    context: &MappingContext,
    object_type: ObjectType,
    close_id: &str,
    known: Known,
    changes: Vec<(usize, Change)>,
    outcomes: &mut [Outcome],
) {
    let before = known.live.clone();
    let mut state = State {
        live: known.live,
        died: known.died,
        paid: known.paid,
        last: None,
        tombstone: None,
    };
    let mut set = |index: usize, outcome| {
        if let Some(slot) = outcomes.get_mut(index) {
            *slot = outcome;
        }
    };
    let mut taken = Vec::with_capacity(changes.len());
    for (index, change) in changes {
        match take(&mut state, context, object_type, change) {
            Taken::Yes => taken.push(index),
            Taken::No(outcome) => set(index, outcome),
        }
    }
    let Some(last) = &state.last else { return };
    let last = Cause::from(last);
    if let Some(live) = &mut state.live {
        live.paid = state.paid.clone();
    }
    let id = record_id(context.connection_id, close_id);
    let written = match &state.live {
        Some(live) => {
            if state.died.is_some() {
                folded.restored.push(id);
            }
            keep(
                folded,
                context,
                object_type,
                close_id,
                before.as_ref(),
                live,
                last,
            )
        }
        None => {
            folded.tombstones.extend(state.tombstone.take());
            folded.paid.extend(state.paid.learned(id));
            remove(
                folded,
                context,
                object_type,
                close_id,
                before.as_ref(),
                last,
            );
            Ok(if before.is_some() {
                Outcome::Deleted
            } else {
                Outcome::Unchanged
            })
        }
    };
    let written = written.unwrap_or_else(|error| Outcome::Invalid(error.to_string()));
    for index in taken {
        set(index, written.clone());
    }
}

/// Whether a change became part of the state.
enum Taken {
    Yes,
    No(Outcome),
}

/// Takes one change into the state, or says why not.
fn take(
    state: &mut State,
    context: &MappingContext,
    object_type: ObjectType,
    change: Change,
) -> Taken {
    let newest = state.live.as_ref().map(|live| live.version).max(state.died);
    if let Content::Deleted { merged_into } = &change.content {
        if state
            .live
            .as_ref()
            .is_some_and(|live| live.version > change.version)
        {
            return Taken::No(Outcome::Stale);
        }
        let known_death = state.live.is_none() && state.died >= Some(change.version);
        if known_death && merged_into.is_none() {
            return Taken::No(Outcome::Unchanged);
        }
        state.tombstone = Some(Tombstone {
            record_type: record_type(object_type),
            close_id: change.close_id.clone(),
            version: change.version,
            merged_into: merged_into.clone().or_else(|| {
                state
                    .tombstone
                    .take()
                    .and_then(|earlier| earlier.merged_into)
            }),
            event_id: change.event_id,
        });
        state.died = state.died.max(Some(change.version));
        state.live = None;
        state.last = Some(change);
        return Taken::Yes;
    }
    if newest > Some(change.version) || (state.live.is_none() && newest == Some(change.version)) {
        if let Some(live) = &mut state.live
            && let Some(at) = stage::entered_late(object_type, live, &change)
        {
            live.stage_entered_at = Some(at);
            state.last.get_or_insert(change);
        } else if is_custom(object_type) && state.paid.take_late(context, &change) {
            state.last.get_or_insert(change);
        }
        return Taken::No(Outcome::Stale);
    }
    let merged = merge(state.live.as_ref().map(|live| &live.raw), &change.content);
    // What can't be mapped must not take earlier, good content along with it.
    if let Err(error) = check(context, object_type, &merged) {
        return Taken::No(if is_incomplete(state, object_type, &change) {
            Outcome::Incomplete
        } else {
            Outcome::Invalid(error.to_string())
        });
    }
    let tie = newest == Some(change.version) && change.origin != Origin::Reread;
    if tie
        && let Some(live) = &state.live
        && differs(context, object_type, &change.close_id, live, &merged)
    {
        return Taken::No(Outcome::Tie);
    }
    let stage_entered_at = stage::entered(object_type, state.live.as_ref(), &merged, &change);
    if is_custom(object_type) {
        state.paid.take(context, &merged, &change);
    }
    state.live = Some(Live {
        version: change.version,
        raw: merged,
        stage_entered_at,
        paid: Paid::default(),
    });
    state.last = Some(change);
    Taken::Yes
}

/// New content over what is stored: absent is not null.
fn merge(stored: Option<&Object>, content: &Content) -> Object {
    let mut merged = stored.cloned().unwrap_or_default();
    match content {
        Content::Full(object) if stored.is_none() => merged = object.clone(),
        Content::Full(object) => merged.overlay(object, true),
        Content::Partial {
            data,
            changed_fields,
        } => {
            merged.overlay(data, false);
            merged.clear_lacking(changed_fields, data);
        }
        Content::Deleted { .. } => {}
    }
    merged.strip();
    merged
}

fn check(
    context: &MappingContext,
    object_type: ObjectType,
    object: &Object,
) -> Result<(), MappingError> {
    match object_type {
        // Amounts and status words can be refused.
        ObjectType::Opportunity => OpportunityColumns::map(object, context).map(drop),
        // A record without its type could be anything.
        ObjectType::CustomObject | ObjectType::CustomActivity => {
            CustomRecordColumns::map(object, context).map(drop)
        }
        _ => Ok(()),
    }
}

const fn is_custom(object_type: ObjectType) -> bool {
    matches!(
        object_type,
        ObjectType::CustomObject | ObjectType::CustomActivity
    )
}

/// Whether a part arrived before the rest of its object: a deal without its status is no row, nor is a record without
/// its type.
fn is_incomplete(state: &State, object_type: ObjectType, change: &Change) -> bool {
    let Content::Partial { data, .. } = &change.content else {
        return false;
    };
    let lacks = |key: &str| data.get(key).is_none();
    state.live.is_none()
        && match object_type {
            ObjectType::Opportunity => lacks("status_type"),
            ObjectType::CustomObject => lacks("custom_object_type_id"),
            ObjectType::CustomActivity => lacks("custom_activity_type_id"),
            _ => false,
        }
}

fn differs(
    context: &MappingContext,
    object_type: ObjectType,
    close_id: &str,
    live: &Live,
    merged: &Object,
) -> bool {
    fn columns<C: Mapped>(
        context: &MappingContext,
        close_id: &str,
        live: &Live,
        merged: &Object,
    ) -> bool {
        let old = context.row::<C>(&live.raw, close_id, live.version);
        let new = context.row::<C>(merged, close_id, live.version);
        !matches!((old, new), (Ok(old), Ok(new)) if old.differences(&new).is_empty())
    }
    match object_type {
        ObjectType::Lead => columns::<CompanyColumns>(context, close_id, live, merged),
        ObjectType::Contact => columns::<PersonColumns>(context, close_id, live, merged),
        ObjectType::Opportunity => columns::<OpportunityColumns>(context, close_id, live, merged),
        ObjectType::User => columns::<MemberColumns>(context, close_id, live, merged),
        ObjectType::CustomObject | ObjectType::CustomActivity => {
            columns::<CustomRecordColumns>(context, close_id, live, merged)
        }
    }
}
