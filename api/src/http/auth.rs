//! Who asks: `Authorization: Bearer cg_…`, and the connections that the token may see.

use super::rate::Failures;
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

/// Tokens that were checked a moment ago.
#[derive(Clone, Debug)]
pub(super) struct Callers {
    pool: PgPool,
    known: Cache<Vec<u8>, Identified>,
    failures: Failures,
}

/// A token with the connections that it may see; one row without a connection where there is none.
const FIND: &str = "
    select t.id, t.cost_budget, t.expires_at, t.role, t.name, c.id, c.time_zone, c.fiscal_year_start, c.currency
      from api_token t
      left join connection c on t.connections is null or c.id = any(t.connections)
     where t.hash = $1 and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())";

type Found = (
    Uuid,
    Option<i64>,
    Option<DateTime<Utc>>,
    String,
    String,
    Option<Uuid>,
    Option<String>,
    Option<i16>,
    Option<String>,
);

impl Callers {
    pub(super) fn new(pool: PgPool, believed: Duration, failures: Failures) -> Self {
        let known = Cache::builder()
            .max_capacity(10_000)
            .time_to_live(believed)
            .build();
        Self {
            pool,
            known,
            failures,
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
        let caller = match self.known.get(&hash) {
            Some(caller) => caller,
            None => {
                self.failures.check(from).map_err(Denied::Failures)?;
                let caller = match self.find(&hash).await {
                    Err(Denied::Token(message)) => {
                        self.failures.count(from);
                        return Err(Denied::Token(message));
                    }
                    found => found?,
                };
                self.known.insert(hash, caller.clone());
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
        let (token, budget, expires_at, role, name, ..) = found.first().ok_or(UNKNOWN)?;
        let token = *token;
        let cost_budget = budget.and_then(|budget| u64::try_from(budget).ok());
        let name = name.as_str().into();
        let expires_at = *expires_at;
        let role = Role::try_from_value(role).unwrap_or(Role::Viewer);
        let calendars =
            found
                .into_iter()
                .filter_map(|(_, _, _, _, _, id, zone, start, currency)| {
                    Some(Calendar {
                        connection: id?,
                        zone: zone?.parse().unwrap_or(chrono_tz::UTC),
                        fiscal_year_start: u32::try_from(start?).unwrap_or(1),
                        currency: currency?,
                    })
                });
        Ok(Identified {
            scope: Scope::new(calendars),
            caller: Caller { role, name },
            token,
            cost_budget,
            expires_at,
        })
    }
}

const UNKNOWN: Denied = Denied::Token("the token is unknown, expired or revoked");
