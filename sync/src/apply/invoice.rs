//! Records of custom types: the record itself is kept, and what it means (an invoice, its lines and its payments) is
//! kept in step with it.

use super::Outcome;
use super::queue::{Folded, bookkeeping, note};
use super::stored::Live;
use super::trail::{Cause, LINE_ITEMS};
use crate::change::{Change, Content};
use crate::close::Object;
use crate::mapping::{
    Columns, CustomRecordColumns, FieldChange, LineColumns, MappingContext, MappingError, Meaning,
    PaidAmount, ReceivableColumns, Row, paid_amount,
};
use chrono::{DateTime, Utc};
use closegraph_entity::record::{ChangeAction, RecordType};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What is known of what was paid of one invoice, and what was learned of it now.
#[derive(Clone, Debug, Default)]
pub(super) struct Paid {
    known: BTreeMap<DateTime<Utc>, PaidAmount>,
    learned: BTreeMap<DateTime<Utc>, PaidAmount>,
}

impl Paid {
    /// With what is stored.
    pub(super) fn new(known: Vec<PaidAmount>) -> Self {
        let known = known.into_iter().map(|paid| (paid.version, paid));
        Self {
            known: known.collect(),
            learned: BTreeMap::new(),
        }
    }

    fn before(&self) -> Vec<PaidAmount> {
        self.known.values().cloned().collect()
    }

    /// What was learned of an invoice, to be kept.
    pub(super) fn learned(&self, invoice: Uuid) -> impl Iterator<Item = (Uuid, PaidAmount)> {
        self.learned
            .values()
            .map(move |paid| (invoice, paid.clone()))
    }

    fn after(&self) -> Vec<PaidAmount> {
        let mut all = self.known.clone();
        all.extend(self.learned.clone());
        all.into_values().collect()
    }

    /// Notes what a change that was taken says, by the record as it is with it.
    pub(super) fn take(&mut self, context: &MappingContext, merged: &Object, change: &Change) {
        let told = paid_amount(context, merged, true, change.version, change.event_id);
        self.learn(told, false);
    }

    /// Notes what an overtaken change says of its own time; answers whether that was not known.
    pub(super) fn take_late(&mut self, context: &MappingContext, change: &Change) -> bool {
        let (told, is_whole) = match &change.content {
            Content::Full(object) => (object, true),
            Content::Partial { data, .. } => (data, is_whole(data)),
            Content::Deleted { .. } => return false,
        };
        let told = paid_amount(context, told, is_whole, change.version, change.event_id);
        self.learn(told, true)
    }

    fn learn(&mut self, told: Option<PaidAmount>, is_late: bool) -> bool {
        let Some(told) = told else { return false };
        let version = told.version;
        let known = self
            .learned
            .get(&version)
            .or_else(|| self.known.get(&version));
        // Of the same version, the one that was taken is right.
        if known.is_some_and(|known| is_late || same(known, &told)) {
            return false;
        }
        self.learned.insert(version, told);
        true
    }
}

/// Whether an event carries all of its object, rather than what changed: it has keys that never change. What it lacks is
/// unset then.
fn is_whole(data: &Object) -> bool {
    ["id", "lead_id", "date_created"]
        .iter()
        .all(|key| data.get(key).is_some())
}

fn same(one: &PaidAmount, other: &PaidAmount) -> bool {
    (one.paid_minor, &one.currency, one.paid_on)
        == (other.paid_minor, &other.currency, other.paid_on)
}

/// Queues the record, what it means, and their trail.
pub(super) fn keep(
    folded: &mut Folded,
    context: &MappingContext,
    close_id: &str,
    before: Option<&Live>,
    live: &Live,
    last: Cause<'_>,
) -> Result<Outcome, MappingError> {
    let record =
        |live: &Live| context.row::<CustomRecordColumns>(&live.raw, close_id, live.version);
    let (old, new) = (before.map(record).transpose()?, record(live)?);
    let written = match &old {
        None => Outcome::Created,
        Some(old) if old.differences(&new).is_empty() => Outcome::Unchanged,
        Some(_) => Outcome::Updated,
    };
    let was = before.map_or_else(Meaning::default, |live| {
        Meaning::of(
            context,
            &live.raw,
            close_id,
            live.version,
            &live.paid.before(),
        )
    });
    let is = Meaning::of(
        context,
        &live.raw,
        close_id,
        live.version,
        &live.paid.after(),
    );
    folded.paid.extend(live.paid.learned(new.id));
    let moved = bookkeeping(before, live, last);
    replace(folded, was, is, moved, last);
    if written != Outcome::Unchanged || moved {
        folded.custom_records.push(new);
    }
    Ok(written)
}

/// Queues the removal of what a record meant.
pub(super) fn remove(
    folded: &mut Folded,
    context: &MappingContext,
    close_id: &str,
    before: &Live,
    last: Cause<'_>,
) {
    let was = Meaning::of(
        context,
        &before.raw,
        close_id,
        before.version,
        &before.paid.before(),
    );
    replace(folded, was, Meaning::default(), false, last);
}

/// Queues what differs between two meanings of a record. `moved` rows are written although nothing is to be told.
fn replace(folded: &mut Folded, was: Meaning, is: Meaning, moved: bool, last: Cause<'_>) {
    let company = |invoice: Option<&Row<ReceivableColumns>>| invoice?.columns.company_id;
    let companies = [
        company(was.receivable.as_ref()),
        company(is.receivable.as_ref()),
    ];
    let told = folded.receivables.len();
    // Lines that come and go with their invoice are no news of their own.
    let is_news = was.receivable.is_some() == is.receivable.is_some();
    match (&was.receivable, is.receivable) {
        (old, Some(new)) => {
            let written = note(folded, RecordType::Receivable, old.as_ref(), &new, last);
            if written != Outcome::Unchanged || moved {
                folded.receivables.push(new);
            }
        }
        (Some(old), None) => {
            gone(folded, RecordType::Receivable, old.id, &old.close_id, last);
            folded.rematched.extend(companies.into_iter().flatten());
        }
        (None, None) => {}
    }
    if folded.receivables.len() > told {
        folded.rematched.extend(companies.into_iter().flatten());
    }
    let mut old_lines = by_id(was.lines);
    for line in is.lines {
        let old = old_lines.remove(&line.id);
        let differs = old
            .as_ref()
            .is_none_or(|old| !old.differences(&line).is_empty());
        if differs && is_news {
            note_line(folded, old.as_ref(), Some(&line), last);
        }
        if differs || moved {
            folded.lines.push(line);
        }
    }
    for line in old_lines.into_values() {
        if is_news {
            note_line(folded, Some(&line), None, last);
        }
        folded.deleted_lines.push(line.id);
    }
    let mut old_payments = by_id(was.payments);
    for payment in is.payments {
        let old = old_payments.remove(&payment.id);
        let written = note(
            folded,
            RecordType::Transaction,
            old.as_ref(),
            &payment,
            last,
        );
        if written != Outcome::Unchanged || moved {
            folded.transactions.push(payment);
        }
    }
    for payment in old_payments.into_values() {
        gone(
            folded,
            RecordType::Transaction,
            payment.id,
            &payment.close_id,
            last,
        );
    }
}

fn by_id<C>(rows: Vec<Row<C>>) -> BTreeMap<Uuid, Row<C>> {
    rows.into_iter().map(|row| (row.id, row)).collect()
}

fn gone(folded: &mut Folded, record_type: RecordType, id: Uuid, close_id: &str, last: Cause<'_>) {
    let action = ChangeAction::Deleted;
    folded
        .trail
        .push(record_type, id, close_id, action, &[], last);
    folded.deleted.push((record_type, id));
}

/// A line is a part of its invoice: the trail of the invoice tells of it. A line of no invoice is nobody's news.
pub(super) fn note_line(
    folded: &mut Folded,
    old: Option<&Row<LineColumns>>,
    new: Option<&Row<LineColumns>>,
    last: Cause<'_>,
) {
    let invoice =
        |line: Option<&Row<LineColumns>>| line.and_then(|line| line.columns.receivable_id);
    let (from, to) = (invoice(old), invoice(new));
    let mut tell =
        |invoice: Uuid, old: Option<&Row<LineColumns>>, new: Option<&Row<LineColumns>>| {
            let close_id = new.or(old).map_or("", |line| line.close_id.as_str());
            let changes: [FieldChange; 1] = [(LINE_ITEMS, shown(old), shown(new))];
            let action = ChangeAction::Updated;
            folded.trail.push(
                RecordType::Receivable,
                invoice,
                close_id,
                action,
                &changes,
                last,
            );
        };
    match (from, to) {
        (Some(from), Some(to)) if from == to => tell(to, old, new),
        (from, to) => {
            if let Some(from) = from {
                tell(from, old, None);
            }
            if let Some(to) = to {
                tell(to, None, new);
            }
        }
    }
}

fn shown(line: Option<&Row<LineColumns>>) -> Value {
    let Some(line) = line else { return Value::Null };
    let columns: serde_json::Map<String, Value> = line
        .columns
        .values()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    json!(columns)
}
