//! Making tokens, and revoking them.

use async_graphql::{Context, ID, InputObject, SimpleObject};
use chrono::{DateTime, Utc};
use closegraph_entity::api_token::Role;
use uuid::Uuid;

use super::token::{self, ApiToken, TokenRole};
use super::{admin, visible};
use crate::error::{ApiError, Result};
use crate::query::compile::asked;
use crate::query::operators::parse_id;
use crate::query::run::fetch;
use crate::query::selection::Selection;
use crate::query::statement::Bind;
use crate::schema::lookup::{compiler, connection_of, pool, reader, scope};
use crate::scope::Caller;
use crate::token::{NewToken, issue_by};

/// Characters of a name at most.
const NAME: usize = 200;

/// What a token is to be.
#[derive(Debug, InputObject)]
pub(crate) struct CreateTokenInput {
    /// What it is for; 200 characters at most.
    name: String,
    /// What it may do.
    #[graphql(default)]
    role: TokenRole,
    /// Ids of the connections that it may see. Unless given: those that the token of the request sees, which is all and those
    /// to come where that one has no list of its own.
    connections: Option<Vec<ID>>,
    /// Rows that a request of it may cost; what the configuration says, unless given.
    cost_budget: Option<i64>,
    /// When it ends; never, unless given.
    expires_at: Option<DateTime<Utc>>,
}

/// A token that was made.
#[derive(Debug, SimpleObject)]
pub(crate) struct CreatedToken {
    /// The token itself, `cg_…`. It is shown this once, and kept nowhere.
    secret: String,
    /// What the token is.
    token: ApiToken,
}

pub(super) async fn create(ctx: &Context<'_>, input: CreateTokenInput) -> Result<CreatedToken> {
    let caller = admin(ctx)?;
    let token = NewToken {
        connections: seen(ctx, caller, input.connections.as_deref())?,
        ..checked(&input)?
    };
    let issued = issue_by(pool(ctx)?, token, caller.actor()).await?;
    let selection = asked(&Selection::of(ctx).children("CreatedToken"), "token");
    Ok(CreatedToken {
        secret: issued.secret,
        token: shown(ctx, caller, issued.id, selection.as_ref())
            .await?
            .unwrap_or_default(),
    })
}

pub(super) async fn revoke(ctx: &Context<'_>, id: &ID) -> Result<ApiToken> {
    const NONE: ApiError = ApiError::NotFound("there is no such token");
    let caller = admin(ctx)?;
    let id = parse_id(id)?;
    shown(ctx, caller, id, None).await?.ok_or(NONE)?;
    crate::token::revoke(pool(ctx)?, id, caller.actor()).await?;
    let revoked = shown(ctx, caller, id, Some(&Selection::of(ctx))).await?;
    revoked.ok_or(NONE)
}

/// What was given, where it makes sense; without its connections.
fn checked(input: &CreateTokenInput) -> Result<NewToken> {
    let bad = |message: &str| Err(ApiError::BadInput(message.to_owned()));
    let name = input.name.trim();
    if name.is_empty() || name.chars().count() > NAME || name.contains(char::is_control) {
        return bad("the name is 1 to 200 characters, without control characters");
    }
    if input.cost_budget.is_some_and(|budget| budget < 0) {
        return bad("costBudget is 0 or more");
    }
    if input.expires_at.is_some_and(|at| at <= Utc::now()) {
        return bad("expiresAt has passed");
    }
    Ok(NewToken {
        name: name.to_owned(),
        role: match input.role {
            TokenRole::Viewer => Role::Viewer,
            TokenRole::Operator => Role::Operator,
            TokenRole::Admin => Role::Admin,
        },
        connections: None,
        cost_budget: input.cost_budget,
        expires_at: input.expires_at,
    })
}

/// The connections that a new token may see: no others than the caller does.
fn seen(ctx: &Context<'_>, caller: &Caller, given: Option<&[ID]>) -> Result<Option<Vec<Uuid>>> {
    match given {
        None if caller.sees_all => Ok(None),
        None => Ok(Some(scope(ctx)?.connections())),
        Some([]) => {
            let message = "connections is empty: the token would see nothing";
            Err(ApiError::BadInput(message.to_owned()))
        }
        Some(ids) => {
            let ids: Result<Vec<Uuid>> =
                ids.iter().map(|id| connection_of(ctx, Some(id))).collect();
            let mut ids = ids?;
            ids.sort_unstable();
            ids.dedup();
            Ok(Some(ids))
        }
    }
}

/// A token that the caller may see, with what is asked of it.
async fn shown(
    ctx: &Context<'_>,
    caller: &Caller,
    id: Uuid,
    selection: Option<&Selection<'_>>,
) -> Result<Option<ApiToken>> {
    let mut compiler = compiler(ctx)?;
    let visible = visible(&mut compiler, caller)?;
    let node = match selection {
        Some(selection) => token::node(&mut compiler, selection)?,
        None => "json_build_object()".to_owned(),
    };
    let id = compiler.bind(Bind::Uuid(id))?;
    let json = format!("(select {node} from api_token t where t.id = {id} and {visible})");
    fetch(reader(ctx)?, compiler.finish(&json)).await
}
