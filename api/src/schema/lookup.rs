//! How root fields find their records: by id, as lists, and all connections.

use async_graphql::{Context, ID};
use chrono::Utc;
use sqlx::PgPool;
use uuid::Uuid;

use super::connection::{self, Connection};
use super::record::Node;
use super::{company, event, member, opportunity, person, receivable, sync_run, transaction};
use crate::error::{ApiError, Result};
use crate::query::compile::Compiler;
use crate::query::custom::definitions;
use crate::query::operators::parse_id;
use crate::query::statement::Bind;

use crate::query::run::fetch;
use crate::query::selection::{Arguments, Selection};
use crate::query::sessions::{Reader, Sessions};
use crate::query::table::Table;
use crate::query::window::PageRequest;
use crate::query::written::{self, Written};
use crate::scope::{Caller, Scope};
use closegraph_entity::api_token::Role;

/// Records in a page at most.
pub(crate) const MAX_PAGE: i64 = 500;
/// Records in a whole answer at most.
const MAX_ROWS: u64 = 100_000;

/// The connections that the caller may see.
pub(crate) fn scope<'a>(ctx: &Context<'a>) -> Result<&'a Scope> {
    ctx.data::<Scope>()
        .map_err(|_| ApiError::Defect("a request without a scope"))
}

/// What statements read through: it shows them the connections of the scope, and no others.
pub(crate) fn reader<'a>(ctx: &Context<'a>) -> Result<Reader<'a>> {
    let sessions = ctx.data::<Sessions>();
    let sessions = sessions.map_err(|_| ApiError::Defect("a request without a database"))?;
    Ok(sessions.reader(scope(ctx)?.sight()))
}

/// The database, for what decisions change: as its owner, who sees and may do everything.
pub(crate) fn pool<'a>(ctx: &Context<'a>) -> Result<&'a PgPool> {
    ctx.data::<PgPool>()
        .map_err(|_| ApiError::Defect("a request without a database"))
}

/// The caller, who may decide.
pub(super) fn operator<'a>(ctx: &Context<'a>) -> Result<&'a Caller> {
    let caller = ctx
        .data::<Caller>()
        .map_err(|_| ApiError::Defect("a request without a caller"))?;
    if caller.role == Role::Viewer {
        return Err(ApiError::Forbidden(
            "this needs a token with the role operator or admin",
        ));
    }
    Ok(caller)
}

/// A connection of the scope; the only one where none is named.
pub(super) fn connection_of(ctx: &Context<'_>, id: Option<&ID>) -> Result<Uuid> {
    let connections = scope(ctx)?.connections();
    match id {
        Some(id) => {
            let id = parse_id(id)?;
            let known = connections.into_iter().find(|known| *known == id);
            known.ok_or(ApiError::NotFound("there is no such connection"))
        }
        None => match connections.as_slice() {
            [one] => Ok(*one),
            many => Err(ApiError::BadInput(format!(
                "say which connection: this token sees {}",
                many.len()
            ))),
        },
    }
}

/// A statement that is to be compiled.
pub(crate) fn compiler<'a>(ctx: &Context<'a>) -> Result<Compiler<'a>> {
    Ok(Compiler::new(scope(ctx)?, Utc::now(), MAX_PAGE, MAX_ROWS))
}

/// The same for a question that may name custom fields: where it does, it costs another statement.
pub(crate) async fn knowing_compiler<'a>(ctx: &Context<'a>) -> Result<Compiler<'a>> {
    let compiler = compiler(ctx)?;
    let selection = Selection::of_root(ctx);
    let named = selection.gives("customFields") || selection.gives("customField");
    if !named {
        return Ok(compiler);
    }
    Ok(compiler.knowing(definitions(reader(ctx)?, scope(ctx)?).await?))
}

/// A page of a type.
pub(super) async fn list<T>(
    ctx: &Context<'_>,
    table: &'static Table,
    page: impl FnOnce(&Arguments) -> Result<PageRequest>,
) -> Result<Written<T>> {
    let selection = Selection::of(ctx);
    let request = page(&selection.arguments())?;
    written::list(ctx, knowing_compiler(ctx).await?, table, &request).await
}

/// A record by its id.
pub(super) async fn by_id<T>(
    ctx: &Context<'_>,
    table: &'static Table,
    id: &ID,
) -> Result<Option<Written<T>>> {
    first(ctx, table, vec![parse_id(id)?], Sought::Directly).await
}

/// A record by exactly one of its two ids.
pub(super) async fn by_either_id<T>(
    ctx: &Context<'_>,
    table: &'static Table,
    id: Option<ID>,
    close_id: Option<String>,
) -> Result<Option<Written<T>>> {
    first(ctx, table, ids(ctx, table, id, close_id)?, Sought::Directly).await
}

/// The same for a type whose records are merged in Close: an id that is gone leads to where its record went, at the
/// price of a second statement.
pub(super) async fn by_any_id<T>(
    ctx: &Context<'_>,
    table: &'static Table,
    id: Option<ID>,
    close_id: Option<String>,
) -> Result<Option<Written<T>>> {
    let ids = ids(ctx, table, id, close_id)?;
    match first(ctx, table, ids.clone(), Sought::Directly).await? {
        Some(record) => Ok(Some(record)),
        None => first(ctx, table, ids, Sought::AfterMerges).await,
    }
}

fn ids(
    ctx: &Context<'_>,
    table: &'static Table,
    id: Option<ID>,
    close_id: Option<String>,
) -> Result<Vec<Uuid>> {
    match (id, close_id) {
        (Some(id), None) => Ok(vec![parse_id(&id)?]),
        (None, Some(close_id)) => Ok(scope(ctx)?
            .connections()
            .into_iter()
            .map(|connection| (table.record_id)(connection, &close_id))
            .collect()),
        _ => Err(ApiError::BadInput("give either id or closeId".to_owned())),
    }
}

/// Where ids are looked for.
#[derive(Clone, Copy)]
enum Sought {
    Directly,
    /// Where the records of these ids were merged into, however often.
    AfterMerges,
}

async fn first<T>(
    ctx: &Context<'_>,
    table: &'static Table,
    ids: Vec<Uuid>,
    sought: Sought,
) -> Result<Option<Written<T>>> {
    let mut compiler = knowing_compiler(ctx).await?;
    let at = compiler.at_scope(table);
    if let (Sought::Directly, [id]) = (sought, ids.as_slice()) {
        return written::by_id(ctx, compiler, &at, *id).await;
    }
    let (ids, _) = compiler.bind_ids(ids)?;
    let ids = match sought {
        Sought::Directly => format!("{ids}::uuid[]"),
        Sought::AfterMerges => format!(
            "array(with recursive merged (id) as (
                 select d.merged_into_id from tombstone d
                  where d.record_id = any({ids}::uuid[]) and d.merged_into_id is not null
                 union
                 select d.merged_into_id from tombstone d join merged m on d.record_id = m.id
                  where d.merged_into_id is not null)
             select id from merged)"
        ),
    };
    let from = compiler.in_scope(&at)?;
    let from = format!("{from} and {}.id = any({ids})", at.alias);
    written::one(ctx, compiler, &at, &from).await
}

/// Whatever has the id.
pub(super) async fn node(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    let mut compiler = knowing_compiler(ctx).await?;
    let bound = compiler.bind(Bind::Uuid(parse_id(id)?))?;
    let mut each = Vec::new();
    for table in [
        &company::TABLE,
        &person::TABLE,
        &opportunity::TABLE,
        &transaction::TABLE,
        &receivable::TABLE,
        &member::TABLE,
        &connection::TABLE,
        &event::TABLE,
        &sync_run::TABLE,
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
        reader(ctx)?,
        compiler.finish(&format!("coalesce({})", each.join(", "))),
    )
    .await
}

/// All connections of the scope, in the order of their creation.
pub(super) async fn connections(ctx: &Context<'_>) -> Result<Vec<Written<Connection>>> {
    let mut compiler = knowing_compiler(ctx).await?;
    let at = compiler.at_scope(&connection::TABLE);
    written::all(ctx, compiler, &at, "created_at").await
}
