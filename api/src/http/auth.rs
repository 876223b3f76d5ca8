//! Who asks: `Authorization: Bearer cg_…`, and the connections that the token may see.

use super::rate::Failures;
use super::uses::Uses;
use crate::scope::{Calendar, Caller, Scope};
use crate::token::hash;
use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};
use closegraph_entity::api_token::Role;
use moka::sync::Cache;
use sea_orm::ActiveEnum;
use sqlx::PgPool;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// A token that was checked.
#[derive(Clone, Debug)]
pub(super) struct Identified {
    pub(super) scope: Scope,
    pub(super) caller: Caller,
    /// Which token it is.
    pub(super) token: Uuid,
    /// Rows that a request may cost, where the token has a budget of its own.
    pub(super) cost_budget: Option<u64>,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

impl Identified {
    /// Whether both may do and see the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.caller.role, &self.scope) == (other.caller.role, &other.scope)
    }
}

/// Why nobody is let in.
#[derive(Debug)]
pub(super) enum Denied {
    /// No token, or one that is unknown, expired or revoked.
    Token(&'static str),
    /// Too many from one address did not work.
    Failures(Duration),
    Database(sqlx::Error),
}

/// Tokens that were checked a moment ago. Any change of a token or connection that is heard of makes all unknown again;
/// where nothing is heard, they are believed for the time that was given.
#[derive(Clone, Debug)]
pub(super) struct Callers {
    pool: PgPool,
    known: Cache<Vec<u8>, Checked>,
    failures: Failures,
    access: watch::Receiver<u64>,
    uses: Uses,
}

/// A token, and how many changes had been heard of before it was read.
#[derive(Clone, Debug)]
struct Checked {
    changes: u64,
    caller: Identified,
}

/// A token with the connections that it may see; one row without a connection where there is none.
const FIND: &str = "
    select t.id as token, t.prefix, t.connections is null as sees_all, t.cost_budget, t.expires_at, t.role, t.name,
           c.id as connection, c.time_zone, c.fiscal_year_start, c.currency
      from api_token t
      left join connection c on t.connections is null or c.id = any(t.connections)
     where t.hash = $1 and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())";

#[derive(sqlx::FromRow)]
struct Found {
    token: Uuid,
    prefix: String,
    sees_all: bool,
    cost_budget: Option<i64>,
    expires_at: Option<DateTime<Utc>>,
    role: String,
    name: String,
    connection: Option<Uuid>,
    time_zone: Option<String>,
    fiscal_year_start: Option<i16>,
    currency: Option<String>,
}

impl Callers {
    /// `access` counts the changes of tokens and connections.
    pub(super) fn new(
        pool: PgPool,
        believed: Duration,
        failures: Failures,
        access: watch::Receiver<u64>,
    ) -> Self {
        let known = Cache::builder()
            .max_capacity(10_000)
            .time_to_live(believed)
            .build();
        Self {
            uses: Uses::start(pool.clone()),
            pool,
            known,
            failures,
            access,
        }
    }

    /// Whom the headers name. An address from which too many tokens did not work is not looked up for, unless its
    /// token is known.
    pub(super) async fn identify(
        &self,
        headers: &HeaderMap,
        from: Option<IpAddr>,
    ) -> Result<Identified, Denied> {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let given = given.ok_or(Denied::Token(
            "a token is needed: Authorization: Bearer cg_…",
        ))?;
        let (scheme, secret) = given.split_once(' ').ok_or(Denied::Token(
            "the header is not: Authorization: Bearer cg_…",
        ))?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Denied::Token("only bearer tokens are known here"));
        }
        let hash = hash(secret.trim());
        // Before the token is read: what changes meanwhile makes it unknown.
        let changes = *self.access.borrow();
        let known = self.known.get(&hash);
        let caller = match known.filter(|known| known.changes == changes) {
            Some(known) => known.caller,
            None => {
                self.failures.check(from).map_err(Denied::Failures)?;
                let caller = match self.find(&hash).await {
                    Err(Denied::Token(message)) => {
                        self.failures.count(from);
                        return Err(Denied::Token(message));
                    }
                    found => found?,
                };
                let checked = Checked {
                    changes,
                    caller: caller.clone(),
                };
                self.known.insert(hash, checked);
                self.uses.note(caller.token);
                caller
            }
        };
        if caller.expires_at.is_some_and(|at| at <= Utc::now()) {
            return Err(UNKNOWN);
        }
        Ok(caller)
    }

    async fn find(&self, hash: &[u8]) -> Result<Identified, Denied> {
        let found: Vec<Found> = sqlx::query_as(FIND)
            .bind(hash)
            .fetch_all(&self.pool)
            .await
            .map_err(Denied::Database)?;
        let first = found.first().ok_or(UNKNOWN)?;
        let (token, expires_at) = (first.token, first.expires_at);
        let cost_budget = first.cost_budget;
        let cost_budget = cost_budget.and_then(|budget| u64::try_from(budget).ok());
        let caller = Caller {
            role: Role::try_from_value(&first.role).unwrap_or(Role::Viewer),
            name: first.name.as_str().into(),
            token,
            prefix: first.prefix.as_str().into(),
            sees_all: first.sees_all,
        };
        let calendars = found.into_iter().filter_map(|row| {
            Some(Calendar {
                connection: row.connection?,
                zone: row.time_zone?.parse().unwrap_or(chrono_tz::UTC),
                fiscal_year_start: u32::try_from(row.fiscal_year_start?).unwrap_or(1),
                currency: row.currency?,
            })
        });
        Ok(Identified {
            scope: Scope::new(calendars, caller.sees_all),
            caller,
            token,
            cost_budget,
            expires_at,
        })
    }
}

const UNKNOWN: Denied = Denied::Token("the token is unknown, expired or revoked");
