//! What the mirror holds of the objects that are about to change.

use super::invoice::Paid;
use super::mark::Mark;
use super::queue::record_type;
use crate::close::{Object, ObjectType};
use crate::mapping::PaidAmount;
use chrono::{DateTime, NaiveDate, Utc};
use closegraph_entity::record::{RecordType, record_id};
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// One statement for all kinds, each looked for in its own table; the raw object is what newer content is laid over. The last rows, of no record, say that
/// people of the connection are forgotten, and by which settings its rows are mapped.
const LOAD: &str = "
    select 'company', id, source_updated_at, raw::text, null::timestamptz, true
      from company where id = any($3)
    union all
    select 'person', id, source_updated_at, raw::text, null, true from person where id = any($4)
    union all
    select 'opportunity', id, source_updated_at, raw::text, stage_entered_at, true
      from opportunity where id = any($5)
    union all
    select 'member', id, source_updated_at, raw::text, null, true from member where id = any($6)
    union all
    select 'custom_record', id, source_updated_at, raw::text, null, true from custom_record where id = any($7)
    union all
    select record_type, record_id, version, null, null, false from tombstone where record_id = any($2)
    union all
    select 'forgotten', $1, now(), null, null, false
     where exists (select from tombstone where connection_id = $1 and forgotten_at is not null)
    union all
    select 'mark', $1, now(), position::text, null, false
      from sync_checkpoint where connection_id = $1 and stream = 'mapping'";

/// The tables of [`LOAD`], in the order in which their ids are bound.
const TABLES: [RecordType; 5] = [
    RecordType::Company,
    RecordType::Person,
    RecordType::Opportunity,
    RecordType::Member,
    RecordType::CustomRecord,
];

/// The kinds of the last rows.
const FORGOTTEN: &str = "forgotten";
const MARK: &str = "mark";

/// What was paid of invoices, oldest first.
const PAID: &str = "
    select receivable_id, version, currency, paid_minor, paid_on, event_id
      from paid_amount where receivable_id = any($1) order by version";

/// A live row.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) version: DateTime<Utc>,
    pub(super) raw: Object,
    pub(super) stage_entered_at: Option<DateTime<Utc>>,
    /// What was paid, where it is an invoice.
    pub(super) paid: Paid,
}

/// What is known of one object: alive, dead since a version, or neither.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) live: Option<Live>,
    pub(super) died: Option<DateTime<Utc>>,
    /// What was paid of an invoice, which may be restored.
    pub(super) paid: Paid,
}

/// What is known of all objects of a batch.
#[derive(Debug)]
pub(super) struct Stored {
    known: HashMap<(String, Uuid), Known>,
    /// Whether people of the connection are forgotten.
    pub(super) some_are_forgotten: bool,
    /// By which settings the rows of the connection are mapped, where it is noted.
    pub(super) mark: Option<Mark>,
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
    let ids: Vec<(RecordType, Uuid)> = objects
        .map(|(object_type, close_id)| {
            let id = record_id(connection_id, close_id);
            (record_type(*object_type), id)
        })
        .collect();
    let of = |table: RecordType| -> Vec<Uuid> {
        let ids = ids.iter().filter(|(record_type, _)| *record_type == table);
        ids.map(|(_, id)| *id).collect()
    };
    let query = sqlx::query_as(LOAD)
        .bind(connection_id)
        .bind(ids.iter().map(|(_, id)| *id).collect::<Vec<_>>());
    let query = TABLES
        .into_iter()
        .fold(query, |query, table| query.bind(of(table)));
    let found: Vec<Found> = query.fetch_all(&mut *connection).await?;
    let mut all: HashMap<(String, Uuid), Known> = HashMap::with_capacity(found.len());
    let (mut some_are_forgotten, mut mark) = (false, None);
    for (record_type, id, version, raw, stage_entered_at, alive) in found {
        if record_type == FORGOTTEN {
            some_are_forgotten = true;
            continue;
        }
        if record_type == MARK {
            mark = raw.and_then(|text| serde_json::from_str(&text).ok());
            continue;
        }
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
                paid: Paid::default(),
            });
        } else {
            known.died = Some(version);
        }
    }
    for (id, paid) in paid(connection, &of(RecordType::CustomRecord)).await? {
        let record_type = RecordType::CustomRecord.as_str().to_owned();
        let known = all.entry((record_type, id)).or_default();
        known.paid = Paid::new(paid);
        if let Some(live) = &mut known.live {
            live.paid = known.paid.clone();
        }
    }
    Ok(Stored {
        known: all,
        some_are_forgotten,
        mark,
    })
}

/// What was paid of invoices as of their versions, oldest first.
pub(super) async fn paid(
    connection: &mut PgConnection,
    invoices: &[Uuid],
) -> Result<HashMap<Uuid, Vec<PaidAmount>>, sqlx::Error> {
    type Found = (
        Uuid,
        DateTime<Utc>,
        String,
        i64,
        Option<NaiveDate>,
        Option<Uuid>,
    );
    let mut paid: HashMap<Uuid, Vec<PaidAmount>> = HashMap::new();
    if invoices.is_empty() {
        return Ok(paid);
    }
    let found: Vec<Found> = sqlx::query_as(PAID)
        .bind(invoices)
        .fetch_all(connection)
        .await?;
    for (id, version, currency, paid_minor, paid_on, event_id) in found {
        paid.entry(id).or_default().push(PaidAmount {
            version,
            currency,
            paid_minor,
            paid_on,
            event_id,
        });
    }
    Ok(paid)
}
