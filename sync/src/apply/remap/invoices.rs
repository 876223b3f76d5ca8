//! Records of custom types, and the invoices, lines and payments that they are under the mapping of now.

use super::super::invoice::note_line;
use super::super::stored;
use super::super::trail::{Cause, LINE_ITEMS};
use super::{Page, Work};
use crate::close::Object;
use crate::mapping::{
    CustomRecordColumns, LineColumns, Meaning, PaidAmount, ReceivableColumns, Row,
    TransactionColumns, paid_amount,
};
use chrono::{DateTime, Utc};
use closegraph_entity::record::{ChangeAction, RecordType, record_id};
use uuid::Uuid;

/// What the records of a page mean, taken together.
#[derive(Default)]
struct Meanings {
    receivables: Vec<Row<ReceivableColumns>>,
    lines: Vec<Row<LineColumns>>,
    payments: Vec<Row<TransactionColumns>>,
}

impl Work<'_> {
    pub(super) async fn custom_records(&mut self, page: Page) -> Result<(), sqlx::Error> {
        let connection_id = self.context.connection_id;
        let ids: Vec<Uuid> = page
            .objects
            .iter()
            .map(|kept| record_id(connection_id, &kept.close_id))
            .collect();
        let mut paid = stored::paid(self.connection, &ids).await?;
        let (mut records, mut all) = (Vec::new(), Meanings::default());
        for (kept, id) in page.objects.iter().zip(&ids) {
            records.extend(self.map::<CustomRecordColumns>(kept));
            let object = Object::parse(&kept.raw).unwrap_or_default();
            let version = kept.source_updated_at;
            let known = self.paid(*id, &object, version, paid.remove(id).unwrap_or_default());
            let meaning = Meaning::of(self.context, &object, &kept.close_id, version, &known);
            all.receivables.extend(meaning.receivable);
            all.lines.extend(meaning.lines);
            all.payments.extend(meaning.payments);
        }
        self.remove_others(&ids, &all).await?;
        let companies = records
            .iter()
            .filter_map(|record| record.columns.company_id);
        let companies: Vec<Uuid> = companies.collect();
        self.folded.custom_records = self.untold(records).await?;
        self.folded.receivables = self
            .differing(RecordType::Receivable, all.receivables)
            .await?;
        self.folded.lines = self.lines(all.lines).await?;
        self.folded.transactions = self
            .differing(RecordType::Transaction, all.payments)
            .await?;
        let touches_invoices = !self.folded.receivables.is_empty()
            || self
                .folded
                .deleted
                .iter()
                .any(|(of, _)| *of == RecordType::Receivable);
        if touches_invoices {
            self.folded.rematched.extend(companies);
        }
        Ok(())
    }

    /// What is known of what was paid of an invoice. Where the mapping of now says something else of its newest version
    /// than the one before did, what is known of older ones was read by another mapping, too: it starts anew.
    fn paid(
        &mut self,
        id: Uuid,
        object: &Object,
        version: DateTime<Utc>,
        known: Vec<PaidAmount>,
    ) -> Vec<PaidAmount> {
        let Some(now) = paid_amount(self.context, object, true, version, None) else {
            return known;
        };
        let last = known.last();
        if last
            == Some(&PaidAmount {
                event_id: last.and_then(|last| last.event_id),
                ..now.clone()
            })
        {
            return known;
        }
        let same = last.is_some_and(|last| {
            (last.paid_minor, &last.currency) == (now.paid_minor, &now.currency)
        });
        self.folded.paid.push((id, now.clone()));
        let mut paid = known;
        if same {
            paid.retain(|paid| paid.version != now.version);
        } else {
            self.folded.paid_anew.push(id);
            paid.clear();
        }
        paid.push(now);
        paid
    }

    /// Records that differ; they have no trail of their own.
    async fn untold(
        &mut self,
        records: Vec<Row<CustomRecordColumns>>,
    ) -> Result<Vec<Row<CustomRecordColumns>>, sqlx::Error> {
        let connection_id = self.context.connection_id;
        let found = super::differing(self.connection, connection_id, &records).await?;
        let mut records = records;
        records.retain(|record| found.contains_key(&record.id));
        self.report.updated += records.len() as i64;
        Ok(records)
    }

    /// Lines that differ, told of by their invoice.
    async fn lines(
        &mut self,
        lines: Vec<Row<LineColumns>>,
    ) -> Result<Vec<Row<LineColumns>>, sqlx::Error> {
        let connection_id = self.context.connection_id;
        let found = super::differing(self.connection, connection_id, &lines).await?;
        let mut lines = lines;
        lines.retain(|line| found.contains_key(&line.id));
        for line in &lines {
            match found.get(&line.id) {
                Some(Some(_)) => self.report.updated += 1,
                _ => self.report.created += 1,
            }
            note_line(
                &mut self.folded,
                None,
                Some(line),
                Cause::derived(line.source_updated_at),
            );
        }
        Ok(lines)
    }

    /// Removes what the records of a page were made into before and are not any more.
    async fn remove_others(&mut self, records: &[Uuid], all: &Meanings) -> Result<(), sqlx::Error> {
        type Found = Vec<(Uuid, String, DateTime<Utc>)>;
        let receivables: Found = sqlx::query_as(
            "select id, close_id, source_updated_at from receivable where id = any($1) and id <> all($2)",
        )
        .bind(records)
        .bind(all.receivables.iter().map(|row| row.id).collect::<Vec<Uuid>>())
        .fetch_all(&mut *self.connection)
        .await?;
        let payments: Found = sqlx::query_as(
            "select id, close_id, source_updated_at from transaction
              where receivable_id = any($1) and kind = 'invoice_payment' and id <> all($2)",
        )
        .bind(records)
        .bind(all.payments.iter().map(|row| row.id).collect::<Vec<Uuid>>())
        .fetch_all(&mut *self.connection)
        .await?;
        // A line's id is its record's, or made of its invoice's and its place.
        let lines: Vec<(Uuid, Option<Uuid>, String, DateTime<Utc>)> = sqlx::query_as(
            "select id, receivable_id, close_id, source_updated_at from receivable_line
              where (id = any($1) or receivable_id = any($1) and position > 0) and id <> all($2)",
        )
        .bind(records)
        .bind(all.lines.iter().map(|row| row.id).collect::<Vec<Uuid>>())
        .fetch_all(&mut *self.connection)
        .await?;
        for (record_type, found) in [
            (RecordType::Receivable, receivables),
            (RecordType::Transaction, payments),
        ] {
            for (id, close_id, at) in found {
                self.report.deleted += 1;
                let action = ChangeAction::Deleted;
                self.folded
                    .trail
                    .push(record_type, id, &close_id, action, &[], Cause::derived(at));
                self.folded.deleted.push((record_type, id));
            }
        }
        for (id, invoice, close_id, at) in lines {
            self.report.deleted += 1;
            self.folded.deleted_lines.push(id);
            if let Some(invoice) = invoice {
                let changes = [(LINE_ITEMS, serde_json::Value::Null, serde_json::Value::Null)];
                let action = ChangeAction::Updated;
                self.folded.trail.push(
                    RecordType::Receivable,
                    invoice,
                    &close_id,
                    action,
                    &changes,
                    Cause::derived(at),
                );
            }
        }
        Ok(())
    }
}
