//! The one door into the mirrored tables.
//!
//! [`apply`] takes changes in any order and in any number, folds them by object onto what is stored, and writes the
//! newest state once with one statement a table. Rows, tombstones, audit entries and feed entries go into the
//! caller's transaction, so that they commit together with the inbox states or the checkpoint that cover them.

mod fold;
mod invoice;
mod lock;
mod mark;
mod paid;
mod queue;
mod remap;
mod stage;
mod stored;
mod trail;
mod write;

use crate::change::{Change, Content};
use crate::close::ObjectType;
use crate::mapping::MappingContext;
use crate::privacy::Forgotten;
use fold::fold;
pub(crate) use lock::{Turn, hold_all, share_bodies};
use mark::Followed;
pub(crate) use mark::{begin as begin_remap, finish as finish_remap, note, prepare};
use queue::Folded;
pub(crate) use queue::record_type;
pub(crate) use remap::{After, Remapped, TABLES, remap_page, remove_orphans};
use sqlx::{PgConnection, Postgres, Transaction};
use std::collections::BTreeMap;
pub(crate) use trail::{Cause, Trail};
use uuid::Uuid;

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated,
    Deleted,
    /// The mirror held it already.
    Unchanged,
    /// The mirror holds something newer.
    Stale,
    /// Same version, other content: the object has to be read again.
    Tie,
    /// A part of an object of which nothing else is known, too little for a row: the object has to be read again.
    Incomplete,
    /// It can't become a row; the reason is for the dead letters.
    Invalid(String),
}

/// Applies changes of one connection. `run_id` is noted in the audit trail. Answers one outcome a change, in order.
/// Where rows are mapped by newer settings than those of `context`, so are these.
pub async fn apply(
    transaction: &mut Transaction<'_, Postgres>,
    context: &MappingContext,
    run_id: Option<Uuid>,
    changes: Vec<Change>,
) -> Result<Vec<Outcome>, sqlx::Error> {
    let id = context.connection_id;
    hold(transaction, id, Turn::Alone, &changes).await?;
    let applied = apply_held(transaction, context, Folded::new(run_id), changes).await?;
    if let Some(settings) = applied.mapped_by {
        note(transaction, id, settings).await?;
    }
    Ok(applied.outcomes)
}

/// Holds the objects of changes until the transaction ends.
pub(crate) async fn hold(
    transaction: &mut Transaction<'_, Postgres>,
    connection_id: Uuid,
    turn: Turn,
    changes: &[Change],
) -> Result<(), sqlx::Error> {
    let ids = changes.iter().map(|change| &change.close_id);
    lock::lock(transaction, connection_id, turn, ids).await
}

/// What was applied.
pub(crate) struct Applied {
    /// One a change, in order.
    pub(crate) outcomes: Vec<Outcome>,
    /// The settings of it, where they have to be noted before it is committed.
    pub(crate) mapped_by: Option<Uuid>,
}

/// Applies changes of objects that are held, beside others of the same load, which it must not wait for.
pub(crate) async fn apply_beside(
    transaction: &mut Transaction<'_, Postgres>,
    context: &MappingContext,
    run_id: Option<Uuid>,
    changes: Vec<Change>,
) -> Result<Applied, sqlx::Error> {
    let folded = Folded {
        is_beside_others: true,
        ..Folded::new(run_id)
    };
    apply_held(transaction, context, folded, changes).await
}

async fn apply_held(
    transaction: &mut Transaction<'_, Postgres>,
    context: &MappingContext,
    mut folded: Folded,
    changes: Vec<Change>,
) -> Result<Applied, sqlx::Error> {
    let connection: &mut PgConnection = transaction;
    let id = context.connection_id;
    let mut outcomes = vec![Outcome::Unchanged; changes.len()];
    let mut objects = Objects::new();
    for (index, change) in changes.into_iter().enumerate() {
        let key = (change.object_type, change.close_id.clone());
        objects.entry(key).or_default().push((index, change));
    }
    let stored = stored::load(connection, id, objects.keys()).await?;
    let forgotten = match stored.some_are_forgotten {
        true => forgotten(connection, id, &objects, &stored).await?,
        false => Forgotten::default(),
    };
    let followed = match follows_settings(&objects) {
        true => Followed::read(connection, context, stored.mark, &folded).await?,
        false => Followed::default(),
    };
    let context = followed.newer.as_ref().unwrap_or(context);

    for ((object_type, close_id), mut changes) in objects {
        if object_type == ObjectType::Contact && forgotten.is_person(&close_id) {
            continue;
        }
        // A stable sort: of two changes with one version, the one that arrived first comes first.
        changes.sort_by_key(|(_, change)| change.version);
        let known = stored.of(id, record_type(object_type), &close_id);
        let raw = known.live.as_ref().map(|live| &live.raw);
        for (_, change) in &mut changes {
            forgotten.strip_change(change, raw);
        }
        fold(
            &mut folded,
            context,
            object_type,
            &close_id,
            known,
            changes,
            &mut outcomes,
        );
    }
    write::write(connection, id, folded).await?;
    Ok(Applied {
        outcomes,
        mapped_by: followed.note,
    })
}

/// Whether what becomes of objects depends on settings.
fn follows_settings(objects: &Objects) -> bool {
    objects
        .keys()
        .any(|(object_type, _)| *object_type != ObjectType::User)
}

/// Changes by their objects, each with its place.
type Objects = BTreeMap<(ObjectType, String), Vec<(usize, Change)>>;

/// Who of those that changes name is forgotten. What is told of themselves is not kept, but where they are.
async fn forgotten(
    connection: &mut PgConnection,
    connection_id: Uuid,
    objects: &Objects,
    stored: &stored::Stored,
) -> Result<Forgotten, sqlx::Error> {
    let known: Vec<_> = objects
        .keys()
        .map(|(object_type, close_id)| {
            let known = stored.of(connection_id, record_type(*object_type), close_id);
            (*object_type, close_id.as_str(), known.live)
        })
        .collect();
    let before = known.iter().map(|(object_type, close_id, live)| {
        (*object_type, *close_id, live.as_ref().map(|live| &live.raw))
    });
    let all = || objects.values().flatten().map(|(_, change)| change);
    let told = all().filter_map(|change| match &change.content {
        Content::Full(object) | Content::Partial { data: object, .. } => {
            Some((change.object_type, change.close_id.as_str(), Some(object)))
        }
        Content::Deleted { .. } => None,
    });
    let mut forgotten = Forgotten::among(connection, connection_id, before.chain(told)).await?;
    if !forgotten.is_empty() {
        let contacts = all().filter(|change| change.object_type == ObjectType::Contact);
        let moved = contacts.filter_map(|change| forgotten.company_of(change));
        let moved = moved.collect();
        forgotten.follow(connection, moved).await?;
    }
    Ok(forgotten)
}
