//! The rows of sessions: each begins and ends together with its entry in the access log.

use super::cookies;
use crate::access::{Actor, record_access};
use crate::http::Api;
use crate::http::auth::Identified;
use crate::token::hash;
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use closegraph_entity::access_entry::Action;
use closegraph_entity::api_token::Role;
use sea_orm::ActiveEnum;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use std::time::Duration;
use uuid::Uuid;

/// Whom a session is for.
#[derive(Debug)]
pub(super) enum Whom<'a> {
    /// Who shows a token.
    Token(&'a Identified),
    /// Whom a provider names.
    Person(&'a Person),
}

/// A person of a provider, and what it may do.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) role: Role,
    /// `None` means all.
    pub(super) connections: Option<Vec<Uuid>>,
}

impl Person {
    /// By which the access log knows it; the statement that finds a session says the same.
    fn name(&self) -> String {
        format!("{} of {}", self.subject, self.issuer)
    }
}

const INSERT: &str = "
    insert into browser_session (id, hash, token_id, issuer, subject, role, connections, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))";

/// The session that is replaced, and those that have ended by themselves.
const SWEEP: &str = "
    delete from browser_session where id in (
        select id from browser_session
         where hash = $1 or expires_at <= now() or used_at <= now() - make_interval(secs => $2)
           for update skip locked)";

/// Begins a session, and ends the one that the browser had: the secret of its cookie.
pub(super) async fn open(api: &Api, head: &Parts, whom: &Whom<'_>) -> sqlx::Result<String> {
    let options = &api.sign_in.options;
    let random: [u8; 32] = rand::random();
    let secret = BASE64_URL_SAFE_NO_PAD.encode(random);
    let before = cookies::SESSION.of(&api.sign_in.site, head);
    let mut transaction = api.pool.begin().await?;
    sqlx::query(SWEEP)
        .bind(before.as_deref().map(hash))
        .bind(options.idle.as_secs_f64())
        .execute(&mut *transaction)
        .await?;
    insert(&mut transaction, &hash(&secret), whom, options.session).await?;
    let role = match whom {
        Whom::Token(caller) => caller.caller.role,
        Whom::Person(person) => person.role,
    };
    let (connections, name) = match whom {
        Whom::Token(caller) => (about(caller), String::new()),
        Whom::Person(person) => (person.connections.clone(), person.name()),
    };
    let by = match whom {
        Whom::Token(caller) => caller.caller.actor(),
        Whom::Person(_) => Actor {
            name: &name,
            token: None,
        },
    };
    let (about, details) = (connections.as_deref(), json!({ "role": role }));
    record_access(&mut transaction, by, Action::SignedIn, about, None, details).await?;
    transaction.commit().await?;
    Ok(secret)
}

async fn insert(
    transaction: &mut PgConnection,
    hash: &[u8],
    whom: &Whom<'_>,
    lifetime: Duration,
) -> sqlx::Result<()> {
    let (token, person) = match whom {
        Whom::Token(caller) => (caller.caller.token.as_ref().map(|(id, _)| *id), None),
        Whom::Person(person) => (None, Some(person)),
    };
    sqlx::query(INSERT)
        .bind(Uuid::new_v4())
        .bind(hash)
        .bind(token)
        .bind(person.map(|person| &person.issuer))
        .bind(person.map(|person| &person.subject))
        .bind(person.map(|person| person.role.to_value()))
        .bind(person.and_then(|person| person.connections.as_deref()))
        .bind(lifetime.as_secs_f64())
        .execute(transaction)
        .await
        .map(drop)
}

/// Ends a session. The commit tells all processes.
pub(super) async fn close(pool: &PgPool, session: &Identified) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    let ended = sqlx::query("delete from browser_session where id = $1")
        .bind(session.session)
        .execute(&mut *transaction)
        .await?;
    if ended.rows_affected() > 0 {
        let (by, about) = (session.caller.actor(), about(session));
        let (action, about) = (Action::SignedOut, about.as_deref());
        record_access(&mut transaction, by, action, about, None, json!({})).await?;
    }
    transaction.commit().await
}

/// The connections that a caller sees; `None` means all.
fn about(caller: &Identified) -> Option<Vec<Uuid>> {
    (!caller.caller.sees_all).then(|| caller.scope.connections())
}
