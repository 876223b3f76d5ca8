//! Applies events and says what became of each.

use super::settled::Settled;
use super::{overtaken, request_rereads};
use crate::apply::{Outcome, apply};
use crate::change::{Change, ChangeError, Content};
use crate::close::ObjectType;
use crate::connect::mapping;
use crate::error::SyncError;
use crate::mapping::MappingContext;
use chrono::{DateTime, Utc};
use sqlx::{Postgres, Transaction};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

type Object = (ObjectType, String, DateTime<Utc>);

/// An event, as changes.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) event: Uuid,
    pub(super) connection: Uuid,
    pub(super) changes: Result<Vec<Change>, ChangeError>,
}

/// Objects that may have to be read again. It is decided once the events stand in the inbox with their new states.
#[derive(Debug, Default)]
pub(super) struct Unclear {
    /// By connection.
    objects: BTreeMap<Uuid, Vec<Object>>,
    /// Event, connection and object of changes that newer ones overtook.
    overtaken: Vec<(Uuid, Uuid, Object)>,
}

impl Unclear {
    /// Wishes for what has to be read again.
    pub(super) async fn ask(
        mut self,
        transaction: &mut Transaction<'_, Postgres>,
    ) -> Result<(), sqlx::Error> {
        let late: Vec<Uuid> = self.overtaken.iter().map(|(event, ..)| *event).collect();
        let untold = overtaken::untold(transaction, &late).await?;
        for (event, connection, object) in self.overtaken {
            if untold.contains(&event) {
                self.objects.entry(connection).or_default().push(object);
            }
        }
        for (connection, objects) in &self.objects {
            request_rereads(transaction, *connection, objects).await?;
        }
        Ok(())
    }
}

/// Applies events. Their states are not written yet.
pub(super) async fn judge(
    transaction: &mut Transaction<'_, Postgres>,
    events: Vec<Told>,
) -> Result<(Settled, Unclear), SyncError> {
    let names = events.iter().map(|told| (told.event, told.connection));
    let mut settled = Settled::of(names);
    let mut unclear = Unclear::default();
    // In one order, so that two workers can't wait for each other.
    let mut by_connection: BTreeMap<Uuid, Vec<(Uuid, Change)>> = BTreeMap::new();
    for Told {
        event,
        connection,
        changes,
    } in events
    {
        match changes {
            Ok(changes) if changes.is_empty() => settled.push(event, "ignored", None),
            Ok(changes) => by_connection
                .entry(connection)
                .or_default()
                .extend(changes.into_iter().map(|change| (event, change))),
            Err(ChangeError::Hidden {
                object_type,
                close_id,
                version,
            }) => {
                let note = "Close hid what it is about: the object is read again".to_owned();
                settled.push(event, "stale", Some(note));
                let objects = unclear.objects.entry(connection).or_default();
                objects.push((object_type, close_id, version));
            }
            Err(error) => settled.push(event, "dead", Some(error.to_string())),
        }
    }
    for (connection, changes) in by_connection {
        let context = mapping(&mut **transaction, connection).await?;
        apply_all(transaction, &context, changes, &mut settled, &mut unclear).await?;
    }
    Ok((settled, unclear))
}

/// Applies the changes of a connection.
async fn apply_all(
    transaction: &mut Transaction<'_, Postgres>,
    context: &MappingContext,
    changes: Vec<(Uuid, Change)>,
    settled: &mut Settled,
    unclear: &mut Unclear,
) -> Result<(), SyncError> {
    let connection = context.connection_id;
    let (events, changes): (Vec<Uuid>, Vec<Change>) = changes.into_iter().unzip();
    let named: Vec<(bool, Object)> = changes
        .iter()
        .map(|change| {
            let died = matches!(change.content, Content::Deleted { .. });
            let object = (change.object_type, change.close_id.clone(), change.version);
            (died, object)
        })
        .collect();
    let outcomes = apply(transaction, context, None, changes).await?;
    let mut by_event: HashMap<Uuid, Outcome> = HashMap::new();
    for ((event, outcome), (died, object)) in events.into_iter().zip(outcomes).zip(named) {
        match outcome {
            Outcome::Stale if !died => unclear.overtaken.push((event, connection, object)),
            Outcome::Tie | Outcome::Incomplete | Outcome::Stale => {
                unclear.objects.entry(connection).or_default().push(object);
            }
            _ => {}
        }
        // Of the several changes of one event, the one that matters most decides how the event is shown.
        let shown = by_event.entry(event).or_insert_with(|| outcome.clone());
        if weight(&outcome) > weight(shown) {
            *shown = outcome;
        }
    }
    for (event, outcome) in by_event {
        let (state, error) = shown(outcome);
        settled.push(event, state, error);
    }
    Ok(())
}

/// An outcome as an event's state, with what there is to say about it.
fn shown(outcome: Outcome) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Created | Outcome::Updated | Outcome::Deleted => ("applied", None),
        Outcome::Unchanged => ("unchanged", None),
        Outcome::Stale => ("stale", None),
        Outcome::Tie => {
            let note = "another content of the same version is stored: the object is read again";
            ("stale", Some(note.to_owned()))
        }
        Outcome::Incomplete => {
            let note = "too little of an object that is not known: the object is read again";
            ("stale", Some(note.to_owned()))
        }
        Outcome::Invalid(reason) => ("dead", Some(reason)),
    }
}

const fn weight(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Unchanged => 0,
        Outcome::Stale => 1,
        Outcome::Tie | Outcome::Incomplete => 2,
        Outcome::Created | Outcome::Updated | Outcome::Deleted => 3,
        Outcome::Invalid(_) => 4,
    }
}
