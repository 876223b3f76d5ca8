//! What a batch writes: rows, deletions, tombstones, and their trail.

use super::Outcome;
use super::invoice;
use super::stored::Live;
use super::trail::{Cause, Trail};
use crate::close::ObjectType;
use crate::mapping::{
    Columns, CompanyColumns, CustomRecordColumns, LineColumns, Mapped, MappingContext,
    MappingError, MemberColumns, OpportunityColumns, PaidAmount, PersonColumns, ReceivableColumns,
    Row, TransactionColumns, won_deal,
};
use chrono::{DateTime, Utc};
use closegraph_entity::record::{ChangeAction, Origin, RecordType, record_id};
use uuid::Uuid;

/// All that a batch writes.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) companies: Vec<Row<CompanyColumns>>,
    pub(super) people: Vec<Row<PersonColumns>>,
    pub(super) opportunities: Vec<Row<OpportunityColumns>>,
    pub(super) transactions: Vec<Row<TransactionColumns>>,
    pub(super) members: Vec<Row<MemberColumns>>,
    pub(super) custom_records: Vec<Row<CustomRecordColumns>>,
    pub(super) receivables: Vec<Row<ReceivableColumns>>,
    pub(super) lines: Vec<Row<LineColumns>>,
    pub(super) deleted_lines: Vec<Uuid>,
    /// What was learned of what was paid of invoices.
    pub(super) paid: Vec<(Uuid, PaidAmount)>,
    /// Invoices of which all that was known of it is put aside first.
    pub(super) paid_anew: Vec<Uuid>,
    /// Companies whose invoices or won deals changed.
    pub(super) rematched: Vec<Uuid>,
    pub(super) deleted: Vec<(RecordType, Uuid)>,
    pub(super) tombstones: Vec<Tombstone>,
    /// Records that are alive again.
    pub(super) restored: Vec<Uuid>,
    pub(super) trail: Trail,
    /// Whether it is written beside other pages of a load, which it must not wait for.
    pub(super) is_beside_others: bool,
}

/// A death to be remembered.
#[derive(Debug)]
pub(super) struct Tombstone {
    pub(super) record_type: RecordType,
    pub(super) close_id: String,
    pub(super) version: DateTime<Utc>,
    pub(super) merged_into: Option<String>,
    pub(super) event_id: Option<Uuid>,
}

impl Folded {
    pub(super) fn new(run_id: Option<Uuid>) -> Self {
        Self {
            companies: Vec::new(),
            people: Vec::new(),
            opportunities: Vec::new(),
            transactions: Vec::new(),
            members: Vec::new(),
            custom_records: Vec::new(),
            receivables: Vec::new(),
            lines: Vec::new(),
            deleted_lines: Vec::new(),
            paid: Vec::new(),
            paid_anew: Vec::new(),
            rematched: Vec::new(),
            deleted: Vec::new(),
            tombstones: Vec::new(),
            restored: Vec::new(),
            trail: Trail::new(run_id),
            is_beside_others: false,
        }
    }
}

/// Queues the row, its derived row and their trail.
pub(super) fn keep(
    folded: &mut Folded,
    context: &MappingContext,
    object_type: ObjectType,
    close_id: &str,
    before: Option<&Live>,
    live: &Live,
    last: Cause<'_>,
) -> Result<Outcome, MappingError> {
    match object_type {
        ObjectType::Lead => {
            let (row, written) = compare(
                folded,
                context,
                RecordType::Company,
                close_id,
                before,
                live,
                last,
            )?;
            folded.companies.extend(row);
            Ok(written)
        }
        ObjectType::Contact => {
            let (row, written) = compare(
                folded,
                context,
                RecordType::Person,
                close_id,
                before,
                live,
                last,
            )?;
            folded.people.extend(row);
            Ok(written)
        }
        ObjectType::User => {
            let (row, written) = compare(
                folded,
                context,
                RecordType::Member,
                close_id,
                before,
                live,
                last,
            )?;
            folded.members.extend(row);
            Ok(written)
        }
        ObjectType::Opportunity => {
            let old = before
                .map(|live| deal(context, close_id, live))
                .transpose()?;
            let new = deal(context, close_id, live)?;
            book(folded, context, old.as_ref(), Some(&new), last);
            let written = note(folded, RecordType::Opportunity, old.as_ref(), &new, last);
            if written != Outcome::Unchanged || bookkeeping(before, live, last) {
                folded.opportunities.push(new);
            }
            Ok(written)
        }
        ObjectType::CustomObject | ObjectType::CustomActivity => {
            invoice::keep(folded, context, close_id, before, live, last)
        }
    }
}

/// The row of an object where it has to be written, and what that means.
fn compare<C: Mapped>(
    folded: &mut Folded,
    context: &MappingContext,
    record_type: RecordType,
    close_id: &str,
    before: Option<&Live>,
    live: &Live,
    last: Cause<'_>,
) -> Result<(Option<Row<C>>, Outcome), MappingError> {
    let old = before
        .map(|live| context.row::<C>(&live.raw, close_id, live.version))
        .transpose()?;
    let new = context.row::<C>(&live.raw, close_id, live.version)?;
    let written = note(folded, record_type, old.as_ref(), &new, last);
    let needed = written != Outcome::Unchanged || bookkeeping(before, live, last);
    Ok((needed.then_some(new), written))
}

/// Whether the version moved, or keys that no column shows may have: kept, but nobody is told, since nothing changed.
pub(super) fn bookkeeping(before: Option<&Live>, live: &Live, last: Cause<'_>) -> bool {
    last.origin == Origin::Reread || before.is_none_or(|before| before.version != live.version)
}

fn deal(
    context: &MappingContext,
    close_id: &str,
    live: &Live,
) -> Result<Row<OpportunityColumns>, MappingError> {
    let mut row = context.row::<OpportunityColumns>(&live.raw, close_id, live.version)?;
    row.columns.stage_entered_at = live.stage_entered_at;
    Ok(row)
}

/// Notes in the trail how a row changes, if it does.
pub(super) fn note<C: Columns>(
    folded: &mut Folded,
    record_type: RecordType,
    old: Option<&Row<C>>,
    new: &Row<C>,
    last: Cause<'_>,
) -> Outcome {
    let Some(old) = old else {
        folded.trail.push(
            record_type,
            new.id,
            &new.close_id,
            ChangeAction::Created,
            &[],
            last,
        );
        return Outcome::Created;
    };
    let changes = old.differences(new);
    if changes.is_empty() {
        return Outcome::Unchanged;
    }
    folded.trail.push(
        record_type,
        new.id,
        &new.close_id,
        ChangeAction::Updated,
        &changes,
        last,
    );
    Outcome::Updated
}

/// Keeps the transaction of a deal in step with it: one while it is won, none otherwise.
fn book(
    folded: &mut Folded,
    context: &MappingContext,
    old: Option<&Row<OpportunityColumns>>,
    new: Option<&Row<OpportunityColumns>>,
    last: Cause<'_>,
) {
    let old = old.and_then(|deal| won_deal(deal, context));
    let new = new.and_then(|deal| won_deal(deal, context));
    match (old, new) {
        (old, Some(new)) => {
            let written = note(folded, RecordType::Transaction, old.as_ref(), &new, last);
            let moved = old
                .as_ref()
                .is_none_or(|old| old.source_updated_at != new.source_updated_at);
            if written != Outcome::Unchanged && context.invoices.is_some() {
                let companies = [
                    old.and_then(|old| old.columns.company_id),
                    new.columns.company_id,
                ];
                folded.rematched.extend(companies.into_iter().flatten());
            }
            if written != Outcome::Unchanged || moved {
                folded.transactions.push(new);
            }
        }
        (Some(old), None) => {
            if context.invoices.is_some() {
                folded.rematched.extend(old.columns.company_id);
            }
            let action = ChangeAction::Deleted;
            folded.trail.push(
                RecordType::Transaction,
                old.id,
                &old.close_id,
                action,
                &[],
                last,
            );
            folded.deleted.push((RecordType::Transaction, old.id));
        }
        (None, None) => {}
    }
}

/// Queues the removal of a row and of what is derived from it.
pub(super) fn remove(
    folded: &mut Folded,
    context: &MappingContext,
    object_type: ObjectType,
    close_id: &str,
    before: Option<&Live>,
    last: Cause<'_>,
) {
    let Some(before) = before else { return };
    let record_type = record_type(object_type);
    let id = record_id(context.connection_id, close_id);
    if object_type == ObjectType::Opportunity
        && let Ok(old) = deal(context, close_id, before)
    {
        book(folded, context, Some(&old), None, last);
    }
    folded.deleted.push((record_type, id));
    if record_type == RecordType::CustomRecord {
        return invoice::remove(folded, context, close_id, before, last);
    }
    folded
        .trail
        .push(record_type, id, close_id, ChangeAction::Deleted, &[], last);
}

pub(crate) const fn record_type(object_type: ObjectType) -> RecordType {
    match object_type {
        ObjectType::User => RecordType::Member,
        ObjectType::Lead => RecordType::Company,
        ObjectType::Contact => RecordType::Person,
        ObjectType::Opportunity => RecordType::Opportunity,
        ObjectType::CustomObject | ObjectType::CustomActivity => RecordType::CustomRecord,
    }
}
