//! The root: single records by id, and lists.

use async_graphql::{Context, ID, Object};

use super::company::{self, Company, CompanyConnection, CompanyFilter, CompanyOrder};
use super::connection::{self, Connection};
use super::event::{self, Event, EventConnection, EventFilter, EventOrder};
use super::lookup::{by_any_id, by_either_id, by_id, connections, list, node};
use super::member::{self, Member, MemberConnection, MemberFilter, MemberOrder};
use super::opportunity::{
    self, Opportunity, OpportunityConnection, OpportunityFilter, OpportunityOrder,
};
use super::person::{self, Person, PersonConnection, PersonFilter, PersonOrder};
use super::receivable::{
    self, Receivable, ReceivableConnection, ReceivableFilter, ReceivableOrder,
};
use super::record::Node;
use super::sync_run::{self, SyncRun, SyncRunConnection, SyncRunFilter, SyncRunOrder};
use super::transaction::{
    self, Transaction, TransactionConnection, TransactionFilter, TransactionOrder,
};

use crate::query::written::Written;

/// Records: part of the root of all questions.
#[derive(Debug)]
pub(crate) struct Records;

#[Object]
#[expect(clippy::too_many_arguments, reason = "the arguments of a page")]
impl Records {
    /// Whatever has this id.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id here, a UUID.")] id: ID,
    ) -> async_graphql::Result<Option<Node>> {
        Ok(node(ctx, &id).await?)
    }

    /// One company, by its id here or in Close. The old id of a merged lead finds the company that it was merged into.
    async fn company(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id here; either this or closeId.")] id: Option<ID>,
        #[graphql(desc = "The id in Close; either this or id.")] close_id: Option<String>,
    ) -> async_graphql::Result<Option<Written<Company>>> {
        Ok(by_any_id(ctx, &company::TABLE, id, close_id).await?)
    }

    /// One person, by id here or in Close.
    async fn person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id here; either this or closeId.")] id: Option<ID>,
        #[graphql(desc = "The id in Close; either this or id.")] close_id: Option<String>,
    ) -> async_graphql::Result<Option<Written<Person>>> {
        Ok(by_either_id(ctx, &person::TABLE, id, close_id).await?)
    }

    /// One deal, by id here or in Close.
    async fn opportunity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id here; either this or closeId.")] id: Option<ID>,
        #[graphql(desc = "The id in Close; either this or id.")] close_id: Option<String>,
    ) -> async_graphql::Result<Option<Written<Opportunity>>> {
        Ok(by_either_id(ctx, &opportunity::TABLE, id, close_id).await?)
    }

    /// One transaction, by id here, or by the Close id of its opportunity.
    async fn transaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id here; either this or closeId.")] id: Option<ID>,
        #[graphql(desc = "The id in Close; either this or id.")] close_id: Option<String>,
    ) -> async_graphql::Result<Option<Written<Transaction>>> {
        Ok(by_either_id(ctx, &transaction::TABLE, id, close_id).await?)
    }

    /// One invoice, by id here or in Close.
    async fn receivable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id here; either this or closeId.")] id: Option<ID>,
        #[graphql(desc = "The id in Close; either this or id.")] close_id: Option<String>,
    ) -> async_graphql::Result<Option<Written<Receivable>>> {
        Ok(by_either_id(ctx, &receivable::TABLE, id, close_id).await?)
    }

    /// One member, by id here or in Close.
    async fn member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id here; either this or closeId.")] id: Option<ID>,
        #[graphql(desc = "The id in Close; either this or id.")] close_id: Option<String>,
    ) -> async_graphql::Result<Option<Written<Member>>> {
        Ok(by_either_id(ctx, &member::TABLE, id, close_id).await?)
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
        #[graphql(desc = "Only those of which all of this holds.")] filter: Option<CompanyFilter>,
        #[graphql(
            desc = "The keys of the order, the first the most important; the newest first, unless given."
        )]
        order_by: Option<Vec<CompanyOrder>>,
    ) -> async_graphql::Result<Written<CompanyConnection>> {
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
        #[graphql(desc = "Only those of which all of this holds.")] filter: Option<PersonFilter>,
        #[graphql(
            desc = "The keys of the order, the first the most important; the newest first, unless given."
        )]
        order_by: Option<Vec<PersonOrder>>,
    ) -> async_graphql::Result<Written<PersonConnection>> {
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
        #[graphql(desc = "Only those of which all of this holds.")] filter: Option<
            OpportunityFilter,
        >,
        #[graphql(
            desc = "The keys of the order, the first the most important; the newest first, unless given."
        )]
        order_by: Option<Vec<OpportunityOrder>>,
    ) -> async_graphql::Result<Written<OpportunityConnection>> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(
            ctx,
            &opportunity::TABLE,
            super::page::<OpportunityFilter, OpportunityOrder>,
        )
        .await?)
    }

    /// Money that came in: won deals, and payments of invoices.
    async fn transactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, counted from the end.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only those of which all of this holds.")] filter: Option<
            TransactionFilter,
        >,
        #[graphql(
            desc = "The keys of the order, the first the most important; the newest first, unless given."
        )]
        order_by: Option<Vec<TransactionOrder>>,
    ) -> async_graphql::Result<Written<TransactionConnection>> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(
            ctx,
            &transaction::TABLE,
            super::page::<TransactionFilter, TransactionOrder>,
        )
        .await?)
    }

    /// Invoices.
    async fn receivables(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, counted from the end.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only those of which all of this holds.")] filter: Option<
            ReceivableFilter,
        >,
        #[graphql(
            desc = "The keys of the order, the first the most important; the newest first, unless given."
        )]
        order_by: Option<Vec<ReceivableOrder>>,
    ) -> async_graphql::Result<Written<ReceivableConnection>> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(
            ctx,
            &receivable::TABLE,
            super::page::<ReceivableFilter, ReceivableOrder>,
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
        #[graphql(desc = "Only those of which all of this holds.")] filter: Option<MemberFilter>,
        #[graphql(
            desc = "The keys of the order, the first the most important; the newest first, unless given."
        )]
        order_by: Option<Vec<MemberOrder>>,
    ) -> async_graphql::Result<Written<MemberConnection>> {
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
        #[graphql(desc = "Only those of which all of this holds.")] filter: Option<EventFilter>,
        #[graphql(
            desc = "The keys of the order, the first the most important; the newest first, unless given."
        )]
        order_by: Option<Vec<EventOrder>>,
    ) -> async_graphql::Result<Written<EventConnection>> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(ctx, &event::TABLE, event::page).await?)
    }

    /// One event, by its id here.
    async fn event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id here, a UUID.")] id: ID,
    ) -> async_graphql::Result<Option<Written<Event>>> {
        Ok(by_id(ctx, &event::TABLE, &id).await?)
    }

    /// Runs of sync tasks, the newest first.
    async fn sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, counted from the end.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only those of which all of this holds.")] filter: Option<SyncRunFilter>,
        #[graphql(
            desc = "The keys of the order, the first the most important; the newest first, unless given."
        )]
        order_by: Option<Vec<SyncRunOrder>>,
    ) -> async_graphql::Result<Written<SyncRunConnection>> {
        // Read by the compiler, like those of nested lists.
        let _ = (first, after, last, before, filter, order_by);
        Ok(list(ctx, &sync_run::TABLE, sync_run::page).await?)
    }

    /// One run, by its id.
    async fn sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id here, a UUID.")] id: ID,
    ) -> async_graphql::Result<Option<Written<SyncRun>>> {
        Ok(by_id(ctx, &sync_run::TABLE, &id).await?)
    }

    /// One mirrored Close organization, by its id here.
    async fn connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id here, a UUID.")] id: ID,
    ) -> async_graphql::Result<Option<Written<Connection>>> {
        Ok(by_id(ctx, &connection::TABLE, &id).await?)
    }

    /// The Close organizations that are mirrored.
    async fn connections(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Written<Connection>>> {
        Ok(connections(ctx).await?)
    }
}
