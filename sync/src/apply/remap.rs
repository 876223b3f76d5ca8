//! Columns computed again from the objects that are kept, where what stands in them is something else. Close is not
//! asked, and versions stay.

mod invoices;

use super::lock::{self, Turn};
use super::queue::Folded;
use super::trail::Cause;
use super::write::{differing, write};
use crate::close::Object;
use crate::mapping::{
    Columns, CompanyColumns, Mapped, MappingContext, MemberColumns, OpportunityColumns,
    PersonColumns, Row, TransactionColumns, won_deal,
};
use chrono::{DateTime, Utc};
use closegraph_entity::record::{ChangeAction, RecordType};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};
use uuid::Uuid;

/// Rows of a page.
const PAGE: i64 = 1_000;

/// The tables that keep objects; transactions follow their opportunities and invoices.
pub(crate) const TABLES: [RecordType; 5] = [
    RecordType::Member,
    RecordType::Company,
    RecordType::Person,
    RecordType::Opportunity,
    RecordType::CustomRecord,
];

/// The last row of a page: a row that changes meanwhile moves on, never back.
pub(crate) type After = (DateTime<Utc>, Uuid);

/// What became of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remapped {
    pub(crate) seen: i64,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) deleted: i64,
    /// Objects that can't become a row now; their rows stay as they were.
    pub(crate) unmappable: i64,
}

/// Maps a page of one table again, and answers where the next one starts.
pub(crate) async fn remap_page(
    transaction: &mut Transaction<'_, Postgres>,
    context: &MappingContext,
    run_id: Uuid,
    table: RecordType,
    after: Option<After>,
) -> Result<(Remapped, Option<After>), sqlx::Error> {
    let connection: &mut PgConnection = transaction;
    let page = Page::read(connection, context, table, after).await?;
    let next = page.next;
    let mut work = Work {
        connection,
        context,
        folded: Folded::new(Some(run_id)),
        report: Remapped {
            seen: page.objects.len() as i64,
            ..Remapped::default()
        },
    };
    match table {
        RecordType::Member => work.folded.members = work.rows::<MemberColumns>(table, page).await?,
        RecordType::Company => {
            work.folded.companies = work.rows::<CompanyColumns>(table, page).await?;
        }
        RecordType::Person => work.folded.people = work.rows::<PersonColumns>(table, page).await?,
        RecordType::Opportunity => work.deals(page).await?,
        RecordType::CustomRecord => work.custom_records(page).await?,
        RecordType::Transaction | RecordType::Receivable => {}
    }
    let Work { folded, report, .. } = work;
    write(connection, context.connection_id, folded).await?;
    Ok((report, next))
}

/// Removes transactions whose opportunity is gone.
pub(crate) async fn remove_orphans(
    transaction: &mut Transaction<'_, Postgres>,
    context: &MappingContext,
    run_id: Uuid,
) -> Result<Remapped, sqlx::Error> {
    const ORPHANS: &str = "
        select id, close_id, source_updated_at from transaction t
         where connection_id = $1 and kind = 'won_deal' and id = any(coalesce($2, array[id]))
           and not exists (select from opportunity o where o.id = t.opportunity_id)";
    let connection: &mut PgConnection = transaction;
    let mut folded = Folded::new(Some(run_id));
    let orphans: Vec<(Uuid, String, DateTime<Utc>)> = sqlx::query_as(ORPHANS)
        .bind(context.connection_id)
        .bind(None::<Vec<Uuid>>)
        .fetch_all(&mut *connection)
        .await?;
    let ids: Vec<Uuid> = orphans.iter().map(|(id, _, _)| *id).collect();
    let close_ids = orphans.iter().map(|(_, close_id, _)| close_id);
    lock::lock(connection, context.connection_id, Turn::Alone, close_ids).await?;
    // Their opportunities may have come in before the locks were ours.
    let orphans: Vec<(Uuid, String, DateTime<Utc>)> = sqlx::query_as(ORPHANS)
        .bind(context.connection_id)
        .bind(ids)
        .fetch_all(&mut *connection)
        .await?;
    let report = Remapped {
        deleted: orphans.len() as i64,
        ..Remapped::default()
    };
    for (id, close_id, at) in orphans {
        unbook(&mut folded, id, &close_id, at);
    }
    write(connection, context.connection_id, folded).await?;
    Ok(report)
}

fn unbook(folded: &mut Folded, id: Uuid, close_id: &str, at: DateTime<Utc>) {
    let (kind, action) = (RecordType::Transaction, ChangeAction::Deleted);
    folded
        .trail
        .push(kind, id, close_id, action, &[], Cause::derived(at));
    folded.deleted.push((kind, id));
}

/// Kept objects, locked until the transaction ends.
struct Page {
    objects: Vec<Kept>,
    next: Option<After>,
}

#[derive(sqlx::FromRow)]
struct Kept {
    close_id: String,
    source_updated_at: DateTime<Utc>,
    raw: String,
    stage_entered_at: Option<DateTime<Utc>>,
}

impl Page {
    async fn read(
        connection: &mut PgConnection,
        context: &MappingContext,
        table: RecordType,
        after: Option<After>,
    ) -> Result<Self, sqlx::Error> {
        // Put together from our own names only.
        let name = table.as_str();
        let ids = format!(
            "select id, close_id, source_updated_at from {name}
              where connection_id = $1 and ($2::timestamptz is null or (source_updated_at, id) > ($2, $3))
              order by source_updated_at, id limit {PAGE}"
        );
        let ids: Vec<(Uuid, String, DateTime<Utc>)> = sqlx::query_as(AssertSqlSafe(ids))
            .bind(context.connection_id)
            .bind(after.map(|(at, _)| at))
            .bind(after.map(|(_, id)| id))
            .fetch_all(&mut *connection)
            .await?;
        let close_ids = ids.iter().map(|(_, close_id, _)| close_id);
        lock::lock(connection, context.connection_id, Turn::Alone, close_ids).await?;
        let stage = match table {
            RecordType::Opportunity => "stage_entered_at",
            _ => "null::timestamptz",
        };
        let objects = format!(
            "select close_id, source_updated_at, raw::text as raw, {stage} as stage_entered_at
               from {name} where id = any($1)"
        );
        let objects = sqlx::query_as(AssertSqlSafe(objects))
            .bind(ids.iter().map(|(id, _, _)| *id).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        let next = ids.last().map(|(id, _, at)| (*at, *id));
        Ok(Self { objects, next })
    }
}

/// A page that is being mapped.
struct Work<'a> {
    connection: &'a mut PgConnection,
    context: &'a MappingContext,
    folded: Folded,
    report: Remapped,
}

impl Work<'_> {
    fn map<C: Mapped>(&mut self, kept: &Kept) -> Option<Row<C>> {
        let object = Object::parse(&kept.raw).unwrap_or_default();
        let row = self
            .context
            .row(&object, &kept.close_id, kept.source_updated_at);
        row.inspect_err(|error| {
            self.report.unmappable += 1;
            tracing::warn!(close_id = kept.close_id, %error, "a kept object can't be mapped: its row stays as it was");
        })
        .ok()
    }

    /// The rows of a page that differ from what stands in the table.
    async fn rows<C: Mapped>(
        &mut self,
        record_type: RecordType,
        page: Page,
    ) -> Result<Vec<Row<C>>, sqlx::Error> {
        let rows = page.objects.iter().filter_map(|kept| self.map(kept));
        let rows: Vec<Row<C>> = rows.collect();
        self.differing(record_type, rows).await
    }

    async fn differing<C: Columns>(
        &mut self,
        record_type: RecordType,
        rows: Vec<Row<C>>,
    ) -> Result<Vec<Row<C>>, sqlx::Error> {
        let connection_id = self.context.connection_id;
        let mut found = differing(self.connection, connection_id, &rows).await?;
        let mut differing = Vec::with_capacity(found.len());
        for row in rows {
            let Some(changes) = found.remove(&row.id) else {
                continue;
            };
            let action = match changes {
                Some(_) => ChangeAction::Updated,
                None => ChangeAction::Created,
            };
            match action {
                ChangeAction::Created => self.report.created += 1,
                _ => self.report.updated += 1,
            }
            self.folded.trail.push(
                record_type,
                row.id,
                &row.close_id,
                action,
                &changes.unwrap_or_default(),
                Cause::derived(row.source_updated_at),
            );
            differing.push(row);
        }
        Ok(differing)
    }

    /// Opportunities, and the transactions that they are booked as.
    async fn deals(&mut self, page: Page) -> Result<(), sqlx::Error> {
        let mut deals = Vec::with_capacity(page.objects.len());
        for kept in &page.objects {
            if let Some(mut deal) = self.map::<OpportunityColumns>(kept) {
                // Not a function of the object, but of its history.
                deal.columns.stage_entered_at = kept.stage_entered_at;
                deals.push(deal);
            }
        }
        let ids: Vec<Uuid> = deals.iter().map(|deal| deal.id).collect();
        let booked = deals.iter().filter_map(|deal| won_deal(deal, self.context));
        let booked: Vec<Row<TransactionColumns>> = booked.collect();
        let wrong: Vec<(Uuid, String, DateTime<Utc>)> = sqlx::query_as(
            "select id, close_id, source_updated_at from transaction
              where opportunity_id = any($1) and kind = 'won_deal' and id <> all($2)",
        )
        .bind(ids)
        .bind(booked.iter().map(|row| row.id).collect::<Vec<_>>())
        .fetch_all(&mut *self.connection)
        .await?;
        self.folded.opportunities = self.differing(RecordType::Opportunity, deals).await?;
        self.folded.transactions = self.differing(RecordType::Transaction, booked).await?;
        self.report.deleted += wrong.len() as i64;
        for (id, close_id, at) in wrong {
            unbook(&mut self.folded, id, &close_id, at);
        }
        Ok(())
    }
}
