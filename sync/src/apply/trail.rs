//! Audit and feed entries of a batch.

use crate::change::Change;
use crate::mapping::FieldChange;
use chrono::{DateTime, Utc};
use closegraph_entity::record::{ChangeAction, Origin, RecordType, record_id};
use serde_json::json;
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// One statement writes both, from the same arrays, in their order. The changed columns travel as comma-joined text, since
/// arrays of arrays must be square.
const WRITE: &str = "
    with fed as (
        insert into change_feed (connection_id, record_type, record_id, close_id, action, at, changed_fields)
        select $1, record_type, record_id, close_id, action, at,
               case fields when '' then '{}'::text[] else string_to_array(fields, ',') end
          from (select unnest($2::text[]) as record_type, unnest($3::uuid[]) as record_id,
                       unnest($4::text[]) as close_id, unnest($5::text[]) as action,
                       unnest($6::timestamptz[]) as at, unnest($7::text[]) as fields) entry
    )
    insert into audit_entry (connection_id, record_type, record_id, close_id, action, at, changed_fields,
                             origin, changes, event_id, actor_id, run_id)
    select $1, record_type, record_id, close_id, action, at,
           case fields when '' then '{}'::text[] else string_to_array(fields, ',') end,
           origin, changes::jsonb, event_id, actor_id, $12
      from (select unnest($2::text[]) as record_type, unnest($3::uuid[]) as record_id,
                   unnest($4::text[]) as close_id, unnest($5::text[]) as action,
                   unnest($6::timestamptz[]) as at, unnest($7::text[]) as fields,
                   unnest($8::text[]) as origin, unnest($9::text[]) as changes,
                   unnest($10::uuid[]) as event_id, unnest($11::uuid[]) as actor_id) entry";

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

    /// The records of a type that are created. Records of several types have the id of the object that they are read from.
    pub(super) fn created(&self, record_type: RecordType) -> HashSet<Uuid> {
        let created = |entry: &&Entry| {
            entry.action == ChangeAction::Created && entry.record_type == record_type
        };
        let entries = self.entries.iter().filter(created);
        entries.map(|entry| entry.record_id).collect()
    }

    /// Invoices of which nothing is told but that a line changed.
    pub(super) fn told_of_lines(&self) -> Vec<Uuid> {
        let lines = self.entries.iter().filter(|entry| entry.is_of_lines());
        lines.map(|entry| entry.record_id).collect()
    }

    /// Forgets what is told of the lines of other invoices, and of those that are created here with all that they have.
    pub(super) fn keep_lines_of(&mut self, invoices: &HashSet<Uuid>) {
        let created = self.created(RecordType::Receivable);
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
