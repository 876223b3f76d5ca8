//! The root: single records by id, lists, figures.

use async_graphql::{Context, ID, Object};
use chrono::Utc;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::PgPool;
use uuid::Uuid;

use super::company::{self, Company, CompanyConnection, CompanyFilter, CompanyOrder};
use super::connection::{self, Connection};
use super::event::{self, EventConnection, EventFilter, EventOrder};
use super::member::{self, Member, MemberConnection, MemberFilter, MemberOrder};
use super::opportunity::{
    self, Opportunity, OpportunityConnection, OpportunityFilter, OpportunityOrder,
};
use super::person::{self, Person, PersonConnection, PersonFilter, PersonOrder};
use super::record::Node;
use super::transaction::{
    self, Transaction, TransactionConnection, TransactionFilter, TransactionOrder,
};
use crate::error::{ApiError, Result};
use crate::figures::revenue::{self, Revenue};
use crate::query::compile::{Bind, Compiler};
use crate::query::operators::Date;
use crate::query::page::{PageRequest, Source};
use crate::query::period::Period;
use crate::query::run::fetch;
use crate::query::selection::{Arguments, Selection};
use crate::query::table::Table;
use crate::scope::Scope;

/// Records in a page at most.
const MAX_PAGE: i64 = 500;
/// Records in a whole answer at most.
const MAX_ROWS: u64 = 100_000;

/// The connections that the caller may see.
pub(crate) fn scope<'a>(ctx: &Context<'a>) -> Result<&'a Scope> {
    ctx.data::<Scope>()
        .map_err(|_| ApiError::Defect("a request without a scope"))
}

/// The database.
pub(crate) fn pool<'a>(ctx: &Context<'a>) -> Result<&'a PgPool> {
    ctx.data::<PgPool>()
        .map_err(|_| ApiError::Defect("a request without a database"))
}

fn compiler<'a>(ctx: &Context<'a>) -> Result<Compiler<'a>> {
    Ok(Compiler::new(scope(ctx)?, Utc::now(), MAX_PAGE, MAX_ROWS))
}

/// The root of all questions.
#[derive(Debug)]
pub(crate) struct Query;

/// Questions about what is mirrored. Every answer is limited to the connections that the token may see.
#[Object]
#[expect(clippy::too_many_arguments, reason = "the arguments of a page")]
impl Query {
    /// The record with this id, whatever its type.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> async_graphql::Result<Option<Node>> {
        Ok(node(ctx, &id).await?)
    }

    /// One company, by its id here or in Close. The old id of a merged lead finds the company that it was merged into.
    async fn company(
        &self,
        ctx: &Context<'_>,
        id: Option<ID>,
        close_id: Option<String>,
    ) -> async_graphql::Result<Option<Company>> {
        Ok(one(ctx, &company::TABLE, id, close_id).await?)
    }

    /// One person, by id here or in Close.
    async fn person(
        &self,
        ctx: &Context<'_>,
        id: Option<ID>,
        close_id: Option<String>,
    ) -> async_graphql::Result<Option<Person>> {
        Ok(one(ctx, &person::TABLE, id, close_id).await?)
    }

    /// One deal, by id here or in Close.
    async fn opportunity(
        &self,
        ctx: &Context<'_>,
        id: Option<ID>,
        close_id: Option<String>,
    ) -> async_graphql::Result<Option<Opportunity>> {
        Ok(one(ctx, &opportunity::TABLE, id, close_id).await?)
    }

    /// One transaction, by id here, or by the Close id of its opportunity.
    async fn transaction(
        &self,
        ctx: &Context<'_>,
        id: Option<ID>,
        close_id: Option<String>,
    ) -> async_graphql::Result<Option<Transaction>> {
        Ok(one(ctx, &transaction::TABLE, id, close_id).await?)
    }

    /// One member, by id here or in Close.
    async fn member(
        &self,
        ctx: &Context<'_>,
        id: Option<ID>,
        close_id: Option<String>,
    ) -> async_graphql::Result<Option<Member>> {
        Ok(one(ctx, &member::TABLE, id, close_id).await?)
    }

    /// Companies.
    async fn companies(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, counted from the end.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        filter: Option<CompanyFilter>,
        order_by: Option<Vec<CompanyOrder>>,
    ) -> async_graphql::Result<CompanyConnection> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(
            ctx,
            &company::TABLE,
            super::page::<CompanyFilter, CompanyOrder>,
        )
        .await?)
    }

    /// People.
    async fn people(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, counted from the end.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        filter: Option<PersonFilter>,
        order_by: Option<Vec<PersonOrder>>,
    ) -> async_graphql::Result<PersonConnection> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(
            ctx,
            &person::TABLE,
            super::page::<PersonFilter, PersonOrder>,
        )
        .await?)
    }

    /// Deals, in any status.
    async fn opportunities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, counted from the end.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        filter: Option<OpportunityFilter>,
        order_by: Option<Vec<OpportunityOrder>>,
    ) -> async_graphql::Result<OpportunityConnection> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(
            ctx,
            &opportunity::TABLE,
            super::page::<OpportunityFilter, OpportunityOrder>,
        )
        .await?)
    }

    /// Money that came in: won deals.
    async fn transactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, counted from the end.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        filter: Option<TransactionFilter>,
        order_by: Option<Vec<TransactionOrder>>,
    ) -> async_graphql::Result<TransactionConnection> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(
            ctx,
            &transaction::TABLE,
            super::page::<TransactionFilter, TransactionOrder>,
        )
        .await?)
    }

    /// Users of the Close organizations.
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, counted from the end.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        filter: Option<MemberFilter>,
        order_by: Option<Vec<MemberOrder>>,
    ) -> async_graphql::Result<MemberConnection> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(
            ctx,
            &member::TABLE,
            super::page::<MemberFilter, MemberOrder>,
        )
        .await?)
    }

    /// What Close sent, the newest first.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, counted from the end.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        filter: Option<EventFilter>,
        order_by: Option<Vec<EventOrder>>,
    ) -> async_graphql::Result<EventConnection> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(ctx, &event::TABLE, event::page).await?)
    }

    /// The Close organizations that are mirrored.
    async fn connections(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Connection>> {
        Ok(connections(ctx).await?)
    }

    /// Won revenue, a row a currency: of a named period, or between two days (both included).
    async fn revenue(
        &self,
        ctx: &Context<'_>,
        period: Option<Period>,
        from: Option<Date>,
        to: Option<Date>,
    ) -> async_graphql::Result<Vec<Revenue>> {
        Ok(revenue::revenue(ctx, period, from.map(|day| day.0), to.map(|day| day.0)).await?)
    }
}

async fn list<T: DeserializeOwned + Default>(
    ctx: &Context<'_>,
    table: &'static Table,
    page: impl FnOnce(&Arguments) -> Result<PageRequest>,
) -> Result<T> {
    let selection = Selection::of(ctx);
    let request = page(&selection.arguments())?;
    let mut compiler = compiler(ctx)?;
    let json =
        crate::query::page::compile(&mut compiler, table, &request, &Source::Scope, &selection)?;
    Ok(fetch(pool(ctx)?, compiler.finish(&json))
        .await?
        .unwrap_or_default())
}

/// A record by exactly one of its two ids.
async fn one<T: DeserializeOwned>(
    ctx: &Context<'_>,
    table: &'static Table,
    id: Option<ID>,
    close_id: Option<String>,
) -> Result<Option<T>> {
    let mut compiler = compiler(ctx)?;
    let at = compiler.at_scope(table);
    let condition = match (id, close_id) {
        (Some(id), None) => {
            // What is no id of ours finds nothing.
            let Ok(id) = id.parse::<Uuid>() else {
                return Ok(None);
            };
            format!("{}.id = {}", at.alias, compiler.bind(Bind::Uuid(id))?)
        }
        (None, Some(close_id)) => {
            let connections = compiler.scope.connections();
            let ids = connections
                .iter()
                .map(|connection| (table.record_id)(*connection, &close_id));
            let ids = compiler.bind(Bind::Uuids(ids.collect()))?;
            format!(
                "{}.id = any({ids}::uuid[] || array(select d.merged_into_id from tombstone d
                     where d.record_id = any({ids}) and d.merged_into_id is not null))",
                at.alias
            )
        }
        _ => return Err(ApiError::BadInput("give either id or closeId".to_owned())),
    };
    let object = compiler.object(&at, &Selection::of(ctx))?;
    let from = compiler.in_scope(&at)?;
    let json = format!("(select {object} from {from} and {condition} limit 1)");
    fetch(pool(ctx)?, compiler.finish(&json)).await
}

async fn node(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    let Ok(id) = id.parse::<Uuid>() else {
        return Ok(None);
    };
    let mut compiler = compiler(ctx)?;
    let bound = compiler.bind(Bind::Uuid(id))?;
    let mut each = Vec::new();
    for table in [
        &company::TABLE,
        &person::TABLE,
        &opportunity::TABLE,
        &transaction::TABLE,
        &member::TABLE,
    ] {
        let at = compiler.at_scope(table);
        let object = compiler.object(&at, &Selection::of(ctx))?;
        let from = compiler.in_scope(&at)?;
        each.push(format!(
            "(select json_build_object('type', '{}', 'record', {object}) from {from} and {}.id = {bound})",
            table.graphql, at.alias
        ));
    }
    fetch(
        pool(ctx)?,
        compiler.finish(&format!("coalesce({})", each.join(", "))),
    )
    .await
}

async fn connections(ctx: &Context<'_>) -> Result<Vec<Connection>> {
    /// Rows in the order of their creation.
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Rows(Vec<Connection>);

    let mut compiler = compiler(ctx)?;
    let at = compiler.at_scope(&connection::TABLE);
    let object = compiler.object(&at, &Selection::of(ctx))?;
    let from = compiler.in_scope(&at)?;
    let json = format!(
        "(select coalesce(json_agg({object} order by {}.created_at), '[]') from {from})",
        at.alias
    );
    let rows: Option<Rows> = fetch(pool(ctx)?, compiler.finish(&json)).await?;
    Ok(rows.map(|rows| rows.0).unwrap_or_default())
}
