//! What the mirror holds of the objects that are about to change.

use crate::close::{Object, ObjectType};
use chrono::{DateTime, Utc};
use closegraph_entity::record::{RecordType, record_id};
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// One statement for all kinds; the raw object is what newer content is laid over.
const LOAD: &str = "
    select 'company', id, source_updated_at, raw::text, null::timestamptz, true
      from company where id = any($1)
    union all
    select 'person', id, source_updated_at, raw::text, null, true from person where id = any($1)
    union all
    select 'opportunity', id, source_updated_at, raw::text, stage_entered_at, true
      from opportunity where id = any($1)
    union all
    select 'member', id, source_updated_at, raw::text, null, true from member where id = any($1)
    union all
    select record_type, record_id, version, null, null, false from tombstone where record_id = any($1)";

/// A live row.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) version: DateTime<Utc>,
    pub(super) raw: Object,
    pub(super) stage_entered_at: Option<DateTime<Utc>>,
}

/// What is known of one object: alive, dead since a version, or neither.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) live: Option<Live>,
    pub(super) died: Option<DateTime<Utc>>,
}

/// What is known of all objects of a batch.
#[derive(Debug)]
pub(super) struct Stored {
    known: HashMap<(String, Uuid), Known>,
}

impl Stored {
    /// Takes what is known of one object.
    pub(super) fn of(&self, connection_id: Uuid, record_type: RecordType, close_id: &str) -> Known {
        let id = record_id(connection_id, close_id);
        self.known
            .get(&(record_type.as_str().to_owned(), id))
            .cloned()
            .unwrap_or_default()
    }
}

/// Reads rows and tombstones of the objects.
pub(super) async fn load(
    connection: &mut PgConnection,
    connection_id: Uuid,
    objects: impl Iterator<Item = &(ObjectType, String)>,
) -> Result<Stored, sqlx::Error> {
    type Found = (
        String,
        Uuid,
        DateTime<Utc>,
        Option<String>,
        Option<DateTime<Utc>>,
        bool,
    );
    let ids: Vec<Uuid> = objects
        .map(|(_, id)| record_id(connection_id, id))
        .collect();
    let found: Vec<Found> = sqlx::query_as(LOAD).bind(ids).fetch_all(connection).await?;
    let mut all: HashMap<(String, Uuid), Known> = HashMap::with_capacity(found.len());
    for (record_type, id, version, raw, stage_entered_at, alive) in found {
        let known = all.entry((record_type, id)).or_default();
        if alive {
            let raw = raw
                .as_deref()
                .and_then(|raw| Object::parse(raw).ok())
                .unwrap_or_default();
            known.live = Some(Live {
                version,
                raw,
                stage_entered_at,
            });
        } else {
            known.died = Some(version);
        }
    }
    Ok(Stored { known: all })
}
