//! Which invoice bills which won deal.
//!
//! `apply` queues the companies whose invoices or won deals changed, in the commit that changes them; a task takes them
//! from the queue and matches each anew. What a person decided stays as it is.

mod score;

use crate::apply::{Cause, Trail};
use crate::error::SyncError;
use chrono::{DateTime, NaiveDate, Utc};
use closegraph_entity::link::{Origin, State};
use closegraph_entity::record::{ChangeAction, RecordType};
use score::{Deal, Invoice, Known, Link};
use sea_orm::ActiveEnum;
use serde_json::json;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Companies in one transaction.
const BATCH: i64 = 200;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchReport {
    pub companies: u64,
    /// Links and candidates that were written or removed.
    pub changed: u64,
}

/// Matches the companies of a connection that wait for it. Any number of processes may do so at once.
pub async fn match_invoices(pool: &PgPool, connection_id: Uuid) -> Result<MatchReport, SyncError> {
    let mut report = MatchReport::default();
    loop {
        let mut transaction = pool.begin().await?;
        let companies: Vec<Uuid> = sqlx::query_scalar(
            "delete from match_queue where company_id in (
                 select company_id from match_queue where connection_id = $1
                  order by company_id limit $2 for update skip locked)
             returning company_id",
        )
        .bind(connection_id)
        .bind(BATCH)
        .fetch_all(&mut *transaction)
        .await?;
        if companies.is_empty() {
            return Ok(report);
        }
        let changed = match_companies(&mut transaction, connection_id, &companies).await?;
        transaction.commit().await?;
        report.companies += companies.len() as u64;
        report.changed += changed;
    }
}

async fn match_companies(
    connection: &mut PgConnection,
    connection_id: Uuid,
    companies: &[Uuid],
) -> Result<u64, SyncError> {
    let deals = deals(connection, connection_id, companies).await?;
    let ids: Vec<Uuid> = deals.iter().map(|deal| deal.id).collect();
    let invoices = invoices(connection, connection_id, companies, &ids).await?;
    let known = known(connection, &invoices, &ids).await?;
    let wanted = score::links(&invoices, &deals, &known);
    write(connection, connection_id, &invoices, &known, wanted).await
}

async fn deals(
    connection: &mut PgConnection,
    connection_id: Uuid,
    companies: &[Uuid],
) -> Result<Vec<Deal>, sqlx::Error> {
    type Found = (
        Uuid,
        Option<Uuid>,
        Option<Uuid>,
        Option<i64>,
        String,
        Option<NaiveDate>,
        bool,
    );
    let found: Vec<Found> = sqlx::query_as(
        "select id, company_id, person_id, value_minor, currency, won_on, value_period <> 'one_time'
           from opportunity
          where connection_id = $1 and status = 'won'
            and (company_id = any($2)
                 or id in (select opportunity_id from receivable where company_id = any($2)))",
    )
    .bind(connection_id)
    .bind(companies)
    .fetch_all(connection)
    .await?;
    let deals =
        found.into_iter().map(
            |(id, company, person, value, currency, won_on, recurs)| Deal {
                id,
                company,
                person,
                value,
                currency,
                won_on,
                recurs,
            },
        );
    Ok(deals.collect())
}

async fn invoices(
    connection: &mut PgConnection,
    connection_id: Uuid,
    companies: &[Uuid],
    deals: &[Uuid],
) -> Result<Vec<Invoice>, sqlx::Error> {
    #[derive(sqlx::FromRow)]
    struct Found {
        id: Uuid,
        close_id: String,
        source_updated_at: DateTime<Utc>,
        company_id: Option<Uuid>,
        person_id: Option<Uuid>,
        opportunity_id: Option<Uuid>,
        total_minor: Option<i64>,
        tax_minor: Option<i64>,
        currency: String,
        issued_on: Option<NaiveDate>,
        is_open: bool,
    }
    let found: Vec<Found> = sqlx::query_as(
        "select id, close_id, source_updated_at, company_id, person_id, opportunity_id, total_minor, tax_minor,
                currency, issued_on, coalesce(status not in ('draft', 'void'), true) as is_open
           from receivable
          where connection_id = $1 and (company_id = any($2) or opportunity_id = any($3))",
    )
    .bind(connection_id)
    .bind(companies)
    .bind(deals)
    .fetch_all(connection)
    .await?;
    let invoices = found.into_iter().map(|found| Invoice {
        id: found.id,
        close_id: found.close_id,
        version: found.source_updated_at,
        company: found.company_id,
        person: found.person_id,
        names: found.opportunity_id,
        total: found.total_minor,
        tax: found.tax_minor,
        currency: found.currency,
        issued_on: found.issued_on,
        is_open: found.is_open,
    });
    Ok(invoices.collect())
}

async fn known(
    connection: &mut PgConnection,
    invoices: &[Invoice],
    deals: &[Uuid],
) -> Result<Vec<Known>, sqlx::Error> {
    type Found = (Uuid, Uuid, String, String, i16, Json<Vec<String>>);
    let found: Vec<Found> = sqlx::query_as(
        "select receivable_id, opportunity_id, state, origin, score, reasons
           from link
          where receivable_id = any($1)
             or (opportunity_id = any($2) and origin = 'person' and state = 'linked')
            for update",
    )
    .bind(
        invoices
            .iter()
            .map(|invoice| invoice.id)
            .collect::<Vec<_>>(),
    )
    .bind(deals)
    .fetch_all(connection)
    .await?;
    let known = found
        .into_iter()
        .map(|(invoice, deal, state, origin, score, reasons)| Known {
            link: Link {
                invoice,
                deal,
                state: State::try_from_value(&state).unwrap_or(State::Candidate),
                origin: Origin::try_from_value(&origin).unwrap_or(Origin::Match),
                score: u8::try_from(score).unwrap_or_default(),
                reasons: reasons.0,
            },
        });
    Ok(known.collect())
}

/// Writes what differs, and tells of each invoice whose deal is another one now.
async fn write(
    connection: &mut PgConnection,
    connection_id: Uuid,
    invoices: &[Invoice],
    known: &[Known],
    wanted: Vec<Link>,
) -> Result<u64, SyncError> {
    let key = |link: &Link| (link.invoice, link.deal);
    let before: BTreeMap<_, &Link> = known
        .iter()
        .map(|known| (key(&known.link), &known.link))
        .collect();
    let after: BTreeMap<_, &Link> = wanted.iter().map(|link| (key(link), link)).collect();
    let gone: Vec<&Link> = before
        .iter()
        .filter(|(key, link)| link.origin != Origin::Person && !after.contains_key(*key))
        .map(|(_, link)| *link)
        .collect();
    let new: Vec<&Link> = after
        .iter()
        .filter(|(key, link)| before.get(*key) != Some(*link))
        .map(|(_, link)| *link)
        .collect();
    if !gone.is_empty() {
        sqlx::query(
            "delete from link using unnest($1::uuid[], $2::uuid[]) as gone (receivable_id, opportunity_id)
              where (link.receivable_id, link.opportunity_id) = (gone.receivable_id, gone.opportunity_id)
                and link.origin <> 'person'",
        )
        .bind(gone.iter().map(|link| link.invoice).collect::<Vec<_>>())
        .bind(gone.iter().map(|link| link.deal).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    }
    if !new.is_empty() {
        sqlx::query(
            "insert into link as known (connection_id, receivable_id, opportunity_id, state, origin, score, reasons)
             select $1, * from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::smallint[], $7::jsonb[])
             on conflict (receivable_id, opportunity_id) do update
                set state = excluded.state, origin = excluded.origin, score = excluded.score,
                    reasons = excluded.reasons, updated_at = now()
              where known.origin <> 'person'",
        )
        .bind(connection_id)
        .bind(new.iter().map(|link| link.invoice).collect::<Vec<_>>())
        .bind(new.iter().map(|link| link.deal).collect::<Vec<_>>())
        .bind(new.iter().map(|link| link.state.to_value()).collect::<Vec<_>>())
        .bind(new.iter().map(|link| link.origin.to_value()).collect::<Vec<_>>())
        .bind(new.iter().map(|link| i16::from(link.score)).collect::<Vec<_>>())
        .bind(new.iter().map(|link| Json(&link.reasons)).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    }
    tell(connection, connection_id, invoices, &before, &after).await?;
    Ok((gone.len() + new.len()) as u64)
}

type Links<'a> = BTreeMap<(Uuid, Uuid), &'a Link>;

async fn tell(
    connection: &mut PgConnection,
    connection_id: Uuid,
    invoices: &[Invoice],
    before: &Links<'_>,
    after: &Links<'_>,
) -> Result<(), sqlx::Error> {
    let linked = |links: &Links<'_>| -> HashMap<Uuid, Uuid> {
        let linked = links.values().filter(|link| link.state == State::Linked);
        linked.map(|link| (link.invoice, link.deal)).collect()
    };
    let (old, new) = (linked(before), linked(after));
    let mut trail = Trail::new(None);
    for invoice in invoices {
        let (from, to) = (old.get(&invoice.id), new.get(&invoice.id));
        if from == to {
            continue;
        }
        trail.push(
            RecordType::Receivable,
            invoice.id,
            &invoice.close_id,
            ChangeAction::Updated,
            &[("opportunity", json!(from), json!(to))],
            Cause::derived(invoice.version),
        );
    }
    trail.write(connection, connection_id).await
}
