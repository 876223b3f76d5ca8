//! Token.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::List;
use crate::error::Result;
use crate::query::compile::{Compiler, asked};
use crate::query::cursor::{decode_of, unreadable};
use crate::query::operators::word_enum;
use crate::query::selection::Selection;
use crate::query::statement::Bind;
use crate::schema::connection::Connection;
use crate::schema::page::page_types;

/// Names the order in a cursor.
const ORDER: &str = "tokens created_at-id-";

pub(super) static LIST: List = List {
    graphql: "ApiToken",
    table: "api_token",
    columns: "t.id, t.name, t.prefix, t.role, t.connections, t.cost_budget, t.expires_at, t.revoked_at, t.created_at",
    keys: "json_build_array((extract(epoch from t.created_at) * 1000000)::bigint::text, t.id::text)",
    order: "t.created_at desc, t.id desc",
    fingerprint: ORDER,
    behind,
    node,
};

word_enum! {
    /// What a token may do.
    TokenRole {
        /// Reads everything of its connections.
        Viewer = "viewer",
        /// Also replays and discards events, links invoices with deals, and sets the mapping of invoices.
        Operator = "operator",
        /// Also makes and revokes tokens, and reads the access log.
        Admin = "admin",
    }
}

word_enum! {
    /// Whether a token works.
    TokenState {
        /// It works.
        Active = "active",
        /// Its end has come.
        Expired = "expired",
        /// Somebody revoked it.
        Revoked = "revoked",
    }
}

/// A token with which the API is asked. Its secret is kept nowhere.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ApiToken {
    /// Id in this deployment, a UUID.
    id: ID,
    /// What it is for.
    name: String,
    /// The first characters of its secret, by which it is recognized.
    prefix: String,
    /// What it may do.
    role: TokenRole,
    /// Whether it works.
    state: TokenState,
    /// The organizations that it sees; null means all, those to come among them.
    connections: Option<Vec<Connection>>,
    /// Rows that a request of it may cost; null means what the configuration says.
    cost_budget: Option<i64>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it ends; null means never.
    expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, some seconds late; null where it never was.
    last_used_at: Option<DateTime<Utc>>,
}

page_types!(ApiTokenConnection, ApiTokenEdge, ApiToken, "tokens");

fn behind(compiler: &mut Compiler<'_>, after: &str) -> Result<String> {
    let keys = decode_of(after, ORDER, 2)?;
    let [Some(micros), Some(id)] = keys.as_slice() else {
        return Err(unreadable());
    };
    let micros = micros.parse().map_err(|_| unreadable())?;
    let at = DateTime::from_timestamp_micros(micros).ok_or_else(unreadable)?;
    let id = id.parse().map_err(|_| unreadable())?;
    Ok(format!(
        "(t.created_at, t.id) < ({}, {})",
        compiler.bind(Bind::Instant(at))?,
        compiler.bind(Bind::Uuid(id))?,
    ))
}

/// The JSON of a token `t`.
pub(super) fn node(compiler: &mut Compiler<'_>, selection: &Selection<'_>) -> Result<String> {
    let connections = match asked(&selection.children("ApiToken"), "connections") {
        Some(selection) => super::connections(compiler, &selection)?,
        None => "null".to_owned(),
    };
    Ok(format!(
        "json_build_object('id', t.id, 'name', t.name, 'prefix', t.prefix, 'role', t.role,
            'state', case when t.revoked_at is not null then 'revoked' when t.expires_at <= now() then 'expired'
                          else 'active' end,
            'connections', {connections}, 'costBudget', t.cost_budget, 'createdAt', t.created_at,
            'expiresAt', t.expires_at, 'revokedAt', t.revoked_at,
            'lastUsedAt', (select u.used_at from token_use u where u.token_id = t.id))"
    ))
}
