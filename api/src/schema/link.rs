//! What an operator decides about which invoice bills which won deal.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use closegraph_entity::access_entry::Action;
use closegraph_entity::match_queue::QUEUE_AND_HOLD;
use serde_json::json;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::lookup::{by_id, operator, pool, scope};
use super::receivable::{self, Receivable};
use crate::access::record_access;
use crate::error::{ApiError, Result};
use crate::query::operators::parse_id;
use crate::query::written::Written;

/// Part of the root of all decisions.
#[derive(Debug)]
pub(crate) struct Links;

#[Object(name = "LinkDecisions")]
impl Links {
    /// Says that an invoice bills a won deal, in place of whatever it was linked with. No later run of matching changes
    /// it; the other invoices and deals of their companies are matched anew in a moment.
    async fn link_records(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the invoice.")] receivable: ID,
        #[graphql(desc = "Id of the won deal, or of the transaction that it is booked as.")]
        opportunity: ID,
    ) -> async_graphql::Result<Written<Receivable>> {
        Ok(decide(ctx, &receivable, &opportunity, Decision::Link).await?)
    }

    /// Says that an invoice does not bill a deal. No later run of matching links the two or proposes it; the invoice may be
    /// linked with another deal in a moment.
    async fn unlink_records(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the invoice.")] receivable: ID,
        #[graphql(desc = "Id of the deal, or of the transaction that it is booked as.")]
        opportunity: ID,
    ) -> async_graphql::Result<Written<Receivable>> {
        Ok(decide(ctx, &receivable, &opportunity, Decision::Unlink).await?)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    Link,
    Unlink,
}

#[derive(sqlx::FromRow)]
struct Invoice {
    id: Uuid,
    connection_id: Uuid,
    close_id: String,
    company_id: Option<Uuid>,
    source_updated_at: DateTime<Utc>,
}

/// Two decisions about one invoice take turns.
const INVOICE: &str = "
    select id, connection_id, close_id, company_id, source_updated_at from receivable
     where id = $1 and connection_id = any($2) for no key update";

const DEAL: &str = "
    select id, status = 'won' from opportunity
     where connection_id = $1
       and id in ($2, (select opportunity_id from transaction
                        where id = $2 and connection_id = $1 and kind = 'won_deal'))";

/// Companies of the deal and of those that the invoice is linked with.
const COMPANIES: &str = "
    select company_id from opportunity
     where connection_id = $1 and company_id is not null
       and (id = $2 or id in (select opportunity_id from link where receivable_id = $3 and connection_id = $1))";

const LINKED: &str = "
    select opportunity_id from link where receivable_id = $1 and connection_id = $2 and state = 'linked'
     order by score desc, array_position(array['person', 'field', 'match'], origin), opportunity_id limit 1";

/// An invoice has one deal; what a run would link otherwise, it finds again should this link go.
const UNLINK_OTHERS: &str = "
    delete from link where receivable_id = $1 and connection_id = $2 and opportunity_id <> $3 and state = 'linked'";

const DECIDE: &str = "
    insert into link as known (receivable_id, opportunity_id, connection_id, state, origin, score, reasons, decided_by)
    values ($1, $2, $3, $4, 'person', 100, $5, $6)
    on conflict (receivable_id, opportunity_id) do update
       set state = excluded.state, origin = excluded.origin, score = excluded.score, reasons = excluded.reasons,
           decided_by = excluded.decided_by, updated_at = now()
     where (known.state, known.origin) is distinct from (excluded.state, excluded.origin)";

const TELL: &str = "
    with fed as (
        insert into change_feed (connection_id, record_type, record_id, close_id, action, changed_fields, at)
        values ($1, 'receivable', $2, $3, 'updated', '{opportunity}', $4))
    insert into audit_entry (connection_id, record_type, record_id, close_id, action, origin, at, changed_fields, changes)
    values ($1, 'receivable', $2, $3, 'updated', 'person', $4, '{opportunity}', $5)";

async fn decide(
    ctx: &Context<'_>,
    receivable: &ID,
    opportunity: &ID,
    decision: Decision,
) -> Result<Written<Receivable>> {
    const NONE: ApiError =
        ApiError::NotFound("there is no such invoice, or its organization has no such deal");
    let caller = operator(ctx)?;
    let (invoice, deal) = (parse_id(receivable)?, parse_id(opportunity)?);
    let mut transaction = pool(ctx)?.begin().await?;
    let invoice: Invoice = sqlx::query_as(INVOICE)
        .bind(invoice)
        .bind(scope(ctx)?.connections())
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(NONE)?;
    let (deal, is_won): (Uuid, bool) = sqlx::query_as(DEAL)
        .bind(invoice.connection_id)
        .bind(deal)
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(NONE)?;
    if decision == Decision::Link && !is_won {
        let message = "the deal is not won: an invoice bills a won deal";
        return Err(ApiError::BadInput(message.to_owned()));
    }
    write(&mut transaction, &invoice, deal, decision, &caller.name).await?;
    let action = match decision {
        Decision::Link => Action::RecordsLinked,
        Decision::Unlink => Action::RecordsUnlinked,
    };
    let (connection, details) = ([invoice.connection_id], json!({ "opportunity": deal }));
    let (by, about) = (caller.actor(), Some(connection.as_slice()));
    record_access(
        &mut transaction,
        by,
        action,
        about,
        Some(invoice.id),
        details,
    )
    .await?;
    transaction.commit().await?;
    let answer = by_id(ctx, &receivable::TABLE, &ID::from(invoice.id)).await?;
    answer.ok_or(NONE)
}

async fn write(
    connection: &mut PgConnection,
    invoice: &Invoice,
    deal: Uuid,
    decision: Decision,
    decided_by: &str,
) -> Result<()> {
    let mut companies: Vec<Uuid> = sqlx::query_scalar(COMPANIES)
        .bind(invoice.connection_id)
        .bind(deal)
        .bind(invoice.id)
        .fetch_all(&mut *connection)
        .await?;
    companies.extend(invoice.company_id);
    sqlx::query(QUEUE_AND_HOLD)
        .bind(companies)
        .bind(invoice.connection_id)
        .execute(&mut *connection)
        .await?;
    let before = linked(connection, invoice).await?;
    if decision == Decision::Link {
        sqlx::query(UNLINK_OTHERS)
            .bind(invoice.id)
            .bind(invoice.connection_id)
            .bind(deal)
            .execute(&mut *connection)
            .await?;
    }
    let (state, reason) = match decision {
        Decision::Link => ("linked", "a person linked them"),
        Decision::Unlink => ("rejected", "a person said that they do not belong together"),
    };
    sqlx::query(DECIDE)
        .bind(invoice.id)
        .bind(deal)
        .bind(invoice.connection_id)
        .bind(state)
        .bind(Json([reason]))
        .bind(decided_by)
        .execute(&mut *connection)
        .await?;
    let after = linked(connection, invoice).await?;
    if before != after {
        sqlx::query(TELL)
            .bind(invoice.connection_id)
            .bind(invoice.id)
            .bind(&invoice.close_id)
            .bind(invoice.source_updated_at)
            .bind(Json(
                json!({ "opportunity": { "from": before, "to": after } }),
            ))
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn linked(connection: &mut PgConnection, invoice: &Invoice) -> Result<Option<Uuid>> {
    let found = sqlx::query_scalar(LINKED)
        .bind(invoice.id)
        .bind(invoice.connection_id)
        .fetch_optional(connection)
        .await?;
    Ok(found)
}
