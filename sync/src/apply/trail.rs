//! Audit and feed entries of a batch.

use crate::change::Change;
use crate::mapping::FieldChange;
use chrono::{DateTime, Utc};
use closegraph_entity::record::{ChangeAction, Origin, RecordType, record_id};
use serde_json::json;
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// One statement writes both. The changed columns travel as comma-joined text, since arrays of arrays must be square.
const WRITE: &str = "
    with entry as (
        select $1::uuid as connection_id, record_type, record_id, close_id, action, at,
               case fields when '' then '{}'::text[] else string_to_array(fields, ',') end as changed_fields,
               origin, changes::jsonb as changes, event_id, actor_id, position
          from unnest($2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::text[],
                      $8::text[], $9::text[], $10::uuid[], $11::uuid[])
               with ordinality as entry (record_type, record_id, close_id, action, at, fields,
                                         origin, changes, event_id, actor_id, position)
    ), fed as (
        insert into change_feed (connection_id, record_type, record_id, close_id, action, changed_fields, at)
        select connection_id, record_type, record_id, close_id, action, changed_fields, at
          from entry order by position
    )
    insert into audit_entry (connection_id, record_type, record_id, close_id, action, origin, at,
                             changed_fields, changes, event_id, run_id, actor_id)
    select connection_id, record_type, record_id, close_id, action, origin, at,
           changed_fields, changes, event_id, $12, actor_id
      from entry order by position";

/// Why something is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause<'a> {
    pub(super) at: DateTime<Utc>,
    pub(super) origin: Origin,
    pub(super) event_id: Option<Uuid>,
    /// Close id of the user who caused it.
    pub(super) actor: Option<&'a str>,
}

impl<'a> From<&'a Change> for Cause<'a> {
    fn from(change: &'a Change) -> Self {
        Self {
            at: change.version,
            origin: change.origin,
            event_id: change.event_id,
            actor: change.actor.as_deref(),
        }
    }
}

impl Cause<'_> {
    /// Something that we made of what is kept, without a word from Close.
    pub(crate) const fn derived(at: DateTime<Utc>) -> Self {
        Cause {
            at,
            origin: Origin::Remap,
            event_id: None,
            actor: None,
        }
    }
}

#[derive(Debug)]
struct Entry {
    record_type: RecordType,
    record_id: Uuid,
    close_id: String,
    action: ChangeAction,
    at: DateTime<Utc>,
    fields: String,
    origin: &'static str,
    changes: Option<String>,
    event_id: Option<Uuid>,
    actor: Option<String>,
}

impl Entry {
    fn is_of_lines(&self) -> bool {
        self.record_type == RecordType::Receivable && self.fields == LINE_ITEMS
    }
}

/// What an invoice's entry names when one of its lines changed.
pub(super) const LINE_ITEMS: &str = "line_items";

/// The entries, in the order in which they will stand.
#[derive(Debug)]
pub(crate) struct Trail {
    run_id: Option<Uuid>,
    entries: Vec<Entry>,
}

impl Trail {
    pub(crate) fn new(run_id: Option<Uuid>) -> Self {
        Self {
            run_id,
            entries: Vec::new(),
        }
    }

    /// Notes a write, caused by `cause`.
    pub(crate) fn push(
        &mut self,
        record_type: RecordType,
        record_id: Uuid,
        close_id: &str,
        action: ChangeAction,
        changes: &[FieldChange],
        cause: Cause<'_>,
    ) {
        let fields: Vec<&str> = changes.iter().map(|(name, _, _)| *name).collect();
        let values: serde_json::Map<String, serde_json::Value> = changes
            .iter()
            .map(|(name, from, to)| ((*name).to_owned(), json!({"from": from, "to": to})))
            .collect();
        self.entries.push(Entry {
            record_type,
            record_id,
            close_id: close_id.to_owned(),
            action,
            at: cause.at,
            fields: fields.join(","),
            origin: cause.origin.as_str(),
            changes: (!values.is_empty()).then(|| serde_json::Value::Object(values).to_string()),
            event_id: cause.event_id,
            actor: cause.actor.map(str::to_owned),
        });
    }

    /// Invoices of which nothing is told but that a line changed.
    pub(super) fn told_of_lines(&self) -> Vec<Uuid> {
        let lines = self.entries.iter().filter(|entry| entry.is_of_lines());
        lines.map(|entry| entry.record_id).collect()
    }

    /// Forgets what is told of the lines of other invoices, and of those that are created here with all that they have.
    pub(super) fn keep_lines_of(&mut self, invoices: &HashSet<Uuid>) {
        let created = self
            .entries
            .iter()
            .filter(|entry| entry.action == ChangeAction::Created);
        let created: HashSet<Uuid> = created.map(|entry| entry.record_id).collect();
        let is_told = |id: &Uuid| invoices.contains(id) && !created.contains(id);
        self.entries
            .retain(|entry| !entry.is_of_lines() || is_told(&entry.record_id));
    }

    /// Writes all entries.
    pub(crate) async fn write(
        &self,
        connection: &mut PgConnection,
        connection_id: Uuid,
    ) -> Result<(), sqlx::Error> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let each = &self.entries;
        let actor = |entry: &Entry| Some(record_id(connection_id, entry.actor.as_deref()?));
        sqlx::query(WRITE)
            .bind(connection_id)
            .bind(
                each.iter()
                    .map(|entry| entry.record_type.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(each.iter().map(|entry| entry.record_id).collect::<Vec<_>>())
            .bind(
                each.iter()
                    .map(|entry| entry.close_id.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(
                each.iter()
                    .map(|entry| entry.action.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(each.iter().map(|entry| entry.at).collect::<Vec<_>>())
            .bind(
                each.iter()
                    .map(|entry| entry.fields.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(each.iter().map(|entry| entry.origin).collect::<Vec<_>>())
            .bind(
                each.iter()
                    .map(|entry| entry.changes.as_deref())
                    .collect::<Vec<_>>(),
            )
            .bind(each.iter().map(|entry| entry.event_id).collect::<Vec<_>>())
            .bind(each.iter().map(actor).collect::<Vec<_>>())
            .bind(self.run_id)
            .execute(connection)
            .await
            .map(drop)
    }
}
