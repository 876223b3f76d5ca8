//! What only admins ask and decide: tokens, and who changed what.

mod access_entry;
mod issue;
mod token;

use async_graphql::{Context, ID, Object};

use crate::error::{ApiError, Result};
use crate::query::compile::Compiler;
use crate::query::run::fetch;
use crate::query::selection::Selection;
use crate::query::window::PageRequest;
use crate::schema::lookup::{compiler, reader};
use crate::scope::Caller;
use access_entry::AccessEntryConnection;
use closegraph_entity::api_token::Role;
use issue::{CreateTokenInput, CreatedToken};
use token::{ApiToken, ApiTokenConnection};

/// Part of the root of all questions.
#[derive(Debug)]
pub(crate) struct AdminQuestions;

#[Object]
impl AdminQuestions {
    /// Tokens, revoked and expired ones among them, the newest first. It needs a token with the role admin, and shows those
    /// that see nothing beyond what this one does.
    async fn tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 unless given.")] first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
    ) -> async_graphql::Result<ApiTokenConnection> {
        // Read by the compiler.
        let _ = (first, after);
        Ok(page(ctx, &token::LIST).await?)
    }

    /// Who changed what, the newest first: tokens, events, links and mappings, and who signed in. It needs a token with the role admin, and
    /// shows what was about nothing beyond what this one sees.
    async fn access_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 unless given.")] first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
    ) -> async_graphql::Result<AccessEntryConnection> {
        // Read by the compiler.
        let _ = (first, after);
        Ok(page(ctx, &access_entry::LIST).await?)
    }
}

/// Part of the root of all decisions.
#[derive(Debug)]
pub(crate) struct AdminDecisions;

#[Object(name = "AdminDecisions")]
impl AdminDecisions {
    /// Makes a token. It needs a token with the role admin; the new one can't see more connections than that.
    async fn create_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the token is to be.")] input: CreateTokenInput,
    ) -> async_graphql::Result<CreatedToken> {
        Ok(issue::create(ctx, input).await?)
    }

    /// Revokes a token for good: all processes refuse it at once, and end its streams. It needs a token with the role admin.
    /// One that is revoked already stays as it is.
    async fn revoke_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the token; `tokens` lists them.")] id: ID,
    ) -> async_graphql::Result<ApiToken> {
        Ok(issue::revoke(ctx, &id).await?)
    }
}

/// The caller, who may administer.
fn admin<'a>(ctx: &Context<'a>) -> Result<&'a Caller> {
    let caller = ctx
        .data::<Caller>()
        .map_err(|_| ApiError::Defect("a request without a caller"))?;
    match caller.role {
        Role::Admin => Ok(caller),
        Role::Viewer | Role::Operator => Err(ApiError::Forbidden(
            "this needs a token with the role admin",
        )),
    }
}

/// A list that is not of single connections: its rows are about several, or about all.
struct List {
    /// GraphQL's name of a row's type; that of a page has `Connection` behind it.
    graphql: &'static str,
    table: &'static str,
    /// What is read of it.
    columns: &'static str,
    /// The keys of a row `t` by which it is ordered, the last first, as SQL of an array of JSON.
    keys: &'static str,
    order: &'static str,
    /// Names the order in a cursor.
    fingerprint: &'static str,
    /// The condition of rows behind a cursor.
    behind: fn(&mut Compiler<'_>, &str) -> Result<String>,
    /// The JSON of a row `t`.
    node: fn(&mut Compiler<'_>, &Selection<'_>) -> Result<String>,
}

/// A page of a list, of the rows that an admin may see.
async fn page<T: Default + serde::de::DeserializeOwned>(
    ctx: &Context<'_>,
    list: &List,
) -> Result<T> {
    let caller = admin(ctx)?;
    let selection = Selection::of(ctx);
    let request = PageRequest::new(&selection.arguments(), None, Vec::new())?;
    let mut compiler = compiler(ctx)?;
    let limit = request.limit(compiler.max_page)?;
    let visible = visible(&mut compiler, caller)?;
    let behind = match request.after() {
        Some(after) => (list.behind)(&mut compiler, after)?,
        None => "true".to_owned(),
    };
    let size = u64::try_from(limit).unwrap_or(0).max(1);
    compiler.spend(size)?;
    compiler.multiplier = size;
    let (table, columns, keys, order) = (list.table, list.columns, list.keys, list.order);
    let asked = selection.children(&format!("{}Connection", list.graphql));
    let node = match crate::query::page::nodes(&asked, &format!("{}Edge", list.graphql)) {
        Some(selection) => (list.node)(&mut compiler, &selection)?,
        None => "json_build_object()".to_owned(),
    };
    let count = match asked.iter().any(|child| child.name == "totalCount") {
        true => format!("(select count(*) from {table} t where {visible})"),
        false => "0".to_owned(),
    };
    let resumed = request.after().is_some();
    let json = format!(
        "json_build_object('limit', {limit}, 'resumed', {resumed}, 'order', '{}', 'totalCount', {count}, 'rows',
            (select coalesce(json_agg(json_build_object('k', {keys}, 'n', {node}) order by {order}), '[]')
               from (select {columns} from {table} t where {visible} and {behind} order by {order} limit {}) t))",
        list.fingerprint,
        limit + 1
    );
    Ok(fetch(reader(ctx)?, compiler.finish(&json))
        .await?
        .unwrap_or_default())
}

/// The condition of a row `t` to be about nothing beyond what the caller sees.
fn visible(compiler: &mut Compiler<'_>, caller: &Caller) -> Result<String> {
    if caller.sees_all {
        return Ok("true".to_owned());
    }
    let scope = compiler.scope()?;
    Ok(format!(
        "(t.connections <@ {scope}::uuid[] and t.connections <> '{{}}')"
    ))
}

/// The organizations that a row `t` is about as far as they are there, as JSON; null where it is about all.
fn connections(compiler: &mut Compiler<'_>, selection: &Selection<'_>) -> Result<String> {
    let at = compiler.at_scope(&super::CONNECTION);
    let object = compiler.object(&at, selection)?;
    let from = compiler.in_scope(&at)?;
    let c = &at.alias;
    Ok(format!(
        "case when t.connections is not null then
              (select coalesce(json_agg({object} order by {c}.created_at, {c}.id), '[]')
                 from {from} and {c}.id = any(t.connections)) end"
    ))
}
