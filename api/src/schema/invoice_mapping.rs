//! How an organization keeps its invoices: what is used, what was proposed, and what a person decides.

mod input;
mod shape;
mod tried;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use closegraph_entity::access_entry::Action;
use closegraph_entity::custom_type as types;
use closegraph_entity::invoice_mapping::{self as stored, RESET, SET, State};
use sea_orm::ActiveEnum;
use serde::Deserialize;
use serde_json::json;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::types::Json;
use uuid::Uuid;

use super::connection::{self, Connection};
use super::lookup::{compiler, connection_of, operator, pool, reader};
use crate::access::record_access;
use crate::error::{ApiError, Result};
use crate::query::compile::asked;
use crate::query::operators::word_enum;
use crate::query::run::fetch;
use crate::query::selection::Selection;
use crate::query::statement::Bind;
use crate::scope::Caller;
use input::InvoiceMappingInput;
use shape::{CustomType, InvoiceMapping, InvoiceMappingProposal, Names};
use tried::TriedInvoice;

word_enum! {
    /// Whether invoices are mapped.
    InvoiceMappingState {
        /// Nothing looks like invoices, or a person said that there are none.
        None = "none",
        /// Something looks like invoices, and a person has to decide.
        Waiting = "waiting",
        /// In use.
        Active = "active",
    }
}

word_enum! {
    /// Who made a mapping.
    InvoiceMappingOrigin {
        /// Found from names and field types; it follows them when they change.
        Proposed = "proposed",
        /// Set by a person; only a person changes it.
        Person = "person",
    }
}

/// The mapping of a connection, and what was proposed for it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct InvoiceMappingSetting {
    connection: Connection,
    state: InvoiceMappingState,
    origin: InvoiceMappingOrigin,
    mapping: Option<stored::InvoiceMapping>,
    proposals: Vec<stored::Proposal>,
    decided_by: Option<String>,
    updated_at: Option<DateTime<Utc>>,
    types: Vec<types::CustomType>,
}

/// How an organization keeps its invoices in Close, which has none of its own.
#[Object]
impl InvoiceMappingSetting {
    /// The connection whose invoices they are.
    async fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether invoices are mapped.
    async fn state(&self) -> InvoiceMappingState {
        self.state
    }

    /// Who made the mapping.
    async fn origin(&self) -> InvoiceMappingOrigin {
        self.origin
    }

    /// What invoices are made by; null unless the state is ACTIVE.
    async fn mapping(&self) -> Option<InvoiceMapping> {
        let mapping = self.mapping.as_ref()?;
        Some(Names(&self.types).mapping(mapping))
    }

    /// Types that may hold the invoices, the surest first.
    async fn proposals(&self) -> Vec<InvoiceMappingProposal> {
        let names = Names(&self.types);
        self.proposals
            .iter()
            .map(|proposal| names.proposal(proposal))
            .collect()
    }

    /// Name of the token, or the command, by which a person decided.
    async fn decided_by(&self) -> Option<&str> {
        self.decided_by.as_deref()
    }

    /// Null before the organization's types were first read.
    async fn updated_at(&self) -> Option<DateTime<Utc>> {
        self.updated_at
    }

    /// The types of the organization with their fields, as they were last read: what a mapping can be made of.
    async fn types(&self) -> Vec<CustomType> {
        Names(&self.types).types()
    }
}

/// Part of the root of all questions.
#[derive(Debug)]
pub(crate) struct MappingQuestions;

#[Object]
impl MappingQuestions {
    /// How a connection's invoices are kept, and what else they could be made of.
    async fn invoice_mapping(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the connection; not needed by a token that sees only one.")]
        connection: Option<ID>,
    ) -> async_graphql::Result<InvoiceMappingSetting> {
        Ok(setting(ctx, connection_of(ctx, connection.as_ref())?).await?)
    }

    /// What the invoices that changed last would be under a mapping, before it is set. It needs a token with the role
    /// operator or admin. Nothing is written, and Close is not asked.
    async fn try_invoice_mapping(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the connection.")] connection: ID,
        #[graphql(desc = "The whole mapping.")] mapping: InvoiceMappingInput,
        #[graphql(desc = "So many invoices, 100 at most; 20 unless given.")] first: Option<i32>,
    ) -> async_graphql::Result<Vec<TriedInvoice>> {
        Ok(tried::tried(ctx, &connection, mapping, first).await?)
    }
}

/// Part of the root of all decisions.
#[derive(Debug)]
pub(crate) struct Mappings;

#[Object(name = "MappingDecisions")]
impl Mappings {
    /// Says which type holds a connection's invoices and what its fields mean, or that there are none. From then on only a
    /// person changes it. All invoices are made anew from what is kept, within a minute or so and without asking Close.
    async fn set_invoice_mapping(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the connection.")] connection: ID,
        #[graphql(desc = "The whole mapping; it takes the place of the one before.")]
        mapping: Option<InvoiceMappingInput>,
        #[graphql(
            desc = "True where the organization keeps no invoices in Close; without a mapping."
        )]
        none: Option<bool>,
    ) -> async_graphql::Result<InvoiceMappingSetting> {
        let caller = operator(ctx)?;
        let id = connection_of(ctx, Some(&connection))?;
        let (state, mapping) = match (mapping, none.unwrap_or_default()) {
            (Some(mapping), false) => {
                let types = custom_types(ctx, id).await?;
                (State::Active, Some(mapping.checked(&types)?))
            }
            (None, true) => (State::None, None),
            _ => {
                let message = "give either a mapping, or none: true";
                return Err(ApiError::BadInput(message.to_owned()).into());
            }
        };
        let set = sqlx::query(SET)
            .bind(id)
            .bind(state.to_value())
            .bind(mapping.as_ref().map(Json))
            .bind(&*caller.name);
        let details = json!({ "typeId": mapping.as_ref().map(|mapping| &mapping.type_id) });
        decide(ctx, set, caller, (Action::MappingSet, id, details)).await?;
        tracing::info!(connection = %id, state = %state.to_value(), "a person set the mapping of invoices");
        Ok(setting(ctx, id).await?)
    }

    /// Takes back what a person said about a connection's invoices: the types are read from Close again at once, and what is
    /// found sure is used. Until then, for a minute or so, no invoices are shown.
    async fn reset_invoice_mapping(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the connection.")] connection: ID,
    ) -> async_graphql::Result<InvoiceMappingSetting> {
        let caller = operator(ctx)?;
        let id = connection_of(ctx, Some(&connection))?;
        let reset = sqlx::query(RESET).bind(id);
        decide(ctx, reset, caller, (Action::MappingReset, id, json!({}))).await?;
        tracing::info!(connection = %id, "the mapping of invoices is proposed anew");
        Ok(setting(ctx, id).await?)
    }
}

/// Keeps a decision, and who made it.
async fn decide(
    ctx: &Context<'_>,
    statement: Query<'_, Postgres, PgArguments>,
    caller: &Caller,
    (action, connection, details): (Action, Uuid, serde_json::Value),
) -> Result<()> {
    let mut transaction = pool(ctx)?.begin().await?;
    statement.execute(&mut *transaction).await?;
    let (by, about) = (caller.actor(), [connection]);
    record_access(&mut transaction, by, action, Some(&about), None, details).await?;
    Ok(transaction.commit().await?)
}

/// The types of a connection as JSON; `{id}` is the connection.
const TYPES: &str =
    "(select coalesce(json_agg(json_build_object('id', y.close_id, 'kind', y.kind, 'name', y.name,
        'archived', y.archived, 'fields', y.fields) order by y.archived, y.name, y.close_id), '[]')
   from custom_type y where y.connection_id = {id})";

const SETTING: &str = "(select json_build_object('connection', {connection}, 'state', coalesce(m.state, 'none'),
        'origin', coalesce(m.origin, 'proposed'), 'mapping', m.mapping, 'proposals', coalesce(m.proposals, '[]'),
        'decidedBy', m.decided_by, 'updatedAt', m.updated_at, 'types', {types})
   from (select {id}::uuid as id) c left join invoice_mapping m on m.connection_id = c.id)";

/// The setting of a connection of the scope.
async fn setting(ctx: &Context<'_>, id: Uuid) -> Result<InvoiceMappingSetting> {
    let mut compiler = compiler(ctx)?;
    let bound = compiler.bind(Bind::Uuid(id))?;
    let children = Selection::of(ctx).children("InvoiceMappingSetting");
    let object = match asked(&children, "connection") {
        Some(selection) => {
            let at = compiler.at_scope(&connection::TABLE);
            let object = compiler.object(&at, &selection)?;
            let from = compiler.in_scope(&at)?;
            format!(
                "(select {object} from {from} and {}.id = {bound})",
                at.alias
            )
        }
        None => "json_build_object()".to_owned(),
    };
    let json = SETTING
        .replace("{connection}", &object)
        .replace("{types}", TYPES)
        .replace("{id}", &bound);
    Ok(fetch(reader(ctx)?, compiler.finish(&json))
        .await?
        .unwrap_or_default())
}

async fn custom_types(ctx: &Context<'_>, id: Uuid) -> Result<Vec<types::CustomType>> {
    let mut compiler = compiler(ctx)?;
    let bound = compiler.bind(Bind::Uuid(id))?;
    let statement = compiler.finish(&TYPES.replace("{id}", &bound));
    Ok(fetch(reader(ctx)?, statement).await?.unwrap_or_default())
}
