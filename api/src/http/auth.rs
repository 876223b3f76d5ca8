//! Who asks: `Authorization: Bearer cg_…` or the cookie of a session, and the connections that either may see.

use super::rate::Failures;
use super::uses::Uses;
use crate::http::sign_in::Lifetime;
use crate::scope::{Calendar, Caller, Scope};
use crate::token::hash;
use axum::http::HeaderValue;
use chrono::{DateTime, Utc};
use closegraph_entity::api_token::Role;
use moka::sync::Cache;
use sea_orm::ActiveEnum;
use sqlx::PgPool;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// What a request shows: the SHA-256 of a token, or of the cookie of a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Credential {
    Token(Vec<u8>),
    Session(Vec<u8>),
}

impl Credential {
    /// The token of a value of `Authorization`.
    pub(super) fn bearer(authorization: &HeaderValue) -> Result<Self, Denied> {
        let given = authorization.to_str().map_err(|_| NO_TOKEN)?;
        let (scheme, secret) = given.split_once(' ').ok_or(Denied::Token(
            "the header is not: Authorization: Bearer cg_…",
        ))?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Denied::Token("only bearer tokens are known here"));
        }
        Ok(Self::token(secret))
    }

    /// A token.
    pub(super) fn token(secret: &str) -> Self {
        Self::Token(hash(secret.trim()))
    }

    /// The session of a cookie.
    pub(super) fn session(secret: &str) -> Self {
        Self::Session(hash(secret))
    }

    /// Why it lets nobody in.
    fn unknown(&self) -> Denied {
        Denied::Token(match self {
            Self::Token(_) => "the token is unknown, expired or revoked",
            Self::Session(_) => "the session is unknown or has ended: sign in again",
        })
    }
}

/// A token or session that was checked.
#[derive(Clone, Debug)]
pub(super) struct Identified {
    pub(super) credential: Credential,
    pub(super) scope: Scope,
    pub(super) caller: Caller,
    /// Which token it is; of a session without one, which person.
    pub(super) token: Uuid,
    /// The session, where it is one.
    pub(super) session: Option<Uuid>,
    /// Rows that a request may cost, where the token has a budget of its own.
    pub(super) cost_budget: Option<u64>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    /// When a session ends unless it is used before.
    pub(super) idle_at: Option<DateTime<Utc>>,
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
    /// A cookie, on a request that is not of a page of this server.
    Foreign,
    /// Too many from one address did not work.
    Failures(Duration),
    Database(sqlx::Error),
}

/// Tokens that were checked a moment ago. Any change of a token or connection that is heard of makes all unknown again;
/// where nothing is heard, they are believed for the time that was given.
#[derive(Clone, Debug)]
pub(super) struct Callers {
    pool: PgPool,
    known: Cache<Credential, Checked>,
    sessions: Lifetime,
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
           null::uuid as session, null::timestamptz as used_at,
           c.id as connection, c.time_zone, c.fiscal_year_start, c.currency
      from api_token t
      left join connection c on t.connections is null or c.id = any(t.connections)
     where t.hash = $1 and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())";

/// A session, likewise: what it may is what its token may, or what was said of its person by the provider that is
/// configured still.
const FIND_SESSION: &str = "
    select t.id as token, t.prefix, w.connections is null as sees_all, t.cost_budget,
           least(s.expires_at, t.expires_at) as expires_at, coalesce(t.role, s.role) as role,
           coalesce(t.name, s.subject || ' of ' || s.issuer) as name, s.id as session, s.used_at,
           c.id as connection, c.time_zone, c.fiscal_year_start, c.currency
      from browser_session s
      left join api_token t on t.id = s.token_id
     cross join lateral (select case when t.id is null then s.connections else t.connections end as connections) w
      left join connection c on w.connections is null or c.id = any(w.connections)
     where s.hash = $1 and s.expires_at > now() and s.used_at > now() - make_interval(secs => $2)
       and case when s.token_id is null then s.issuer = $3
                else t.id is not null and t.revoked_at is null and (t.expires_at is null or t.expires_at > now()) end";

#[derive(sqlx::FromRow)]
struct Found {
    token: Option<Uuid>,
    prefix: Option<String>,
    sees_all: bool,
    cost_budget: Option<i64>,
    expires_at: Option<DateTime<Utc>>,
    role: String,
    name: String,
    session: Option<Uuid>,
    used_at: Option<DateTime<Utc>>,
    connection: Option<Uuid>,
    time_zone: Option<String>,
    fiscal_year_start: Option<i16>,
    currency: Option<String>,
}

impl Callers {
    /// `access` counts the changes of tokens, sessions and connections.
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
            sessions: Lifetime::default(),
            failures,
            access,
        }
    }

    /// The same, for sessions that live so.
    pub(super) fn living(mut self, sessions: Lifetime) -> Self {
        self.sessions = sessions;
        self
    }

    /// Who shows a credential. An address from which too many did not work is not looked up for, unless what it shows is
    /// known.
    pub(super) async fn identify(
        &self,
        credential: Credential,
        from: Option<IpAddr>,
    ) -> Result<Identified, Denied> {
        self.look(credential, from, true).await
    }

    /// Whether somebody who was let in may stay. That is no use of a session: one that is only looked at ends.
    pub(super) async fn recheck(&self, identified: &Identified) -> Result<Identified, Denied> {
        self.look(identified.credential.clone(), None, false).await
    }

    /// Refuses an address from which too many did not work.
    pub(super) fn check(&self, from: Option<IpAddr>) -> Result<(), Denied> {
        self.failures.check(from).map_err(Denied::Failures)
    }

    /// A session ended here: nobody is believed to have it any more.
    pub(super) fn forget(&self, credential: &Credential) {
        self.known.invalidate(credential);
    }

    /// Something that was shown from an address did not work.
    pub(super) fn failed(&self, from: Option<IpAddr>) {
        self.failures.count(from);
    }

    async fn look(
        &self,
        credential: Credential,
        from: Option<IpAddr>,
        is_use: bool,
    ) -> Result<Identified, Denied> {
        // Before it is read: what changes meanwhile makes it unknown.
        let changes = *self.access.borrow();
        let known = self.known.get(&credential);
        let known = known.filter(|known| {
            let idle_at = known.caller.idle_at;
            known.changes == changes && idle_at.is_none_or(|at| at > Utc::now())
        });
        let caller = match known {
            Some(known) => known.caller,
            None => {
                self.check(from)?;
                let caller = match self.find(&credential, is_use).await {
                    Err(Denied::Token(message)) => {
                        self.failed(from);
                        return Err(Denied::Token(message));
                    }
                    found => found?,
                };
                let checked = Checked {
                    changes,
                    caller: caller.clone(),
                };
                self.known.insert(credential.clone(), checked);
                if is_use {
                    self.uses.note(&caller);
                }
                caller
            }
        };
        if caller.expires_at.is_some_and(|at| at <= Utc::now()) {
            return Err(credential.unknown());
        }
        Ok(caller)
    }

    async fn find(&self, credential: &Credential, is_use: bool) -> Result<Identified, Denied> {
        let found = match credential {
            Credential::Token(hash) => sqlx::query_as(FIND).bind(hash),
            Credential::Session(hash) => sqlx::query_as(FIND_SESSION)
                .bind(hash)
                .bind(self.sessions.idle.as_secs_f64())
                .bind(&self.sessions.issuer),
        };
        let found: Vec<Found> = found
            .fetch_all(&self.pool)
            .await
            .map_err(Denied::Database)?;
        let first = found.first().ok_or_else(|| credential.unknown())?;
        let (cost_budget, sees_all) = (first.cost_budget, first.sees_all);
        let used_at = match is_use {
            true => first.used_at.map(|_| Utc::now()),
            false => first.used_at,
        };
        let person = || Uuid::new_v5(&Uuid::NAMESPACE_URL, first.name.as_bytes());
        Ok(Identified {
            credential: credential.clone(),
            caller: Caller {
                role: Role::try_from_value(&first.role).unwrap_or(Role::Viewer),
                name: first.name.as_str().into(),
                token: first.token.zip(first.prefix.as_deref().map(Into::into)),
                sees_all,
            },
            token: first.token.unwrap_or_else(person),
            session: first.session,
            cost_budget: cost_budget.and_then(|budget| u64::try_from(budget).ok()),
            expires_at: first.expires_at,
            idle_at: used_at.map(|at| at + self.sessions.idle),
            scope: Scope::new(found.into_iter().filter_map(calendar), sees_all),
        })
    }
}

/// How the connection of a row counts, if there is one.
fn calendar(row: Found) -> Option<Calendar> {
    Some(Calendar {
        connection: row.connection?,
        zone: row.time_zone?.parse().unwrap_or(chrono_tz::UTC),
        fiscal_year_start: u32::try_from(row.fiscal_year_start?).unwrap_or(1),
        currency: row.currency?,
    })
}

pub(super) const NO_TOKEN: Denied = Denied::Token("a token is needed: Authorization: Bearer cg_…");
