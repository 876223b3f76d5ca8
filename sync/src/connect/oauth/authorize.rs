//! Asking for access: what a person is sent to, and what is kept until the answer comes, by whichever process.

use super::app::{App, Asked};
use super::grant::{Found, Registration, discover, told};
use super::http::Hosts;
use super::{CLIENT_NAME, OAuthError, SCOPES};
use crate::connect::Connections;
use crate::connect::connections::parse_base_url;
use crate::connect::full::Wishes;
use crate::error::SyncError;
use rmcp::transport::auth::{InMemoryStateStore, StateStore, StoredAuthorizationState};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// What is kept of a request for access is sealed as this.
pub(in crate::connect) const PLACE: &str = "authorization";

/// A request for access that waits for a person.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub id: Uuid,
    /// Where the person allows or denies it.
    pub url: Url,
}

/// What Close sends the person back with.
#[derive(Clone, Default)]
pub struct Callback {
    pub state: Option<String>,
    pub code: Option<String>,
    pub error: Option<String>,
    pub issuer: Option<String>,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Callback(…)")
    }
}

impl Callback {
    /// Reads the query of the address that the person was sent to.
    pub fn of_query(query: &str) -> Self {
        let mut callback = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "state" => &mut callback.state,
                "code" => &mut callback.code,
                "error" => &mut callback.error,
                "iss" => &mut callback.issuer,
                _ => continue,
            };
            *slot = Some(value.into_owned());
        }
        callback
    }
}

/// What is kept of a request for access, sealed.
#[derive(Serialize, Deserialize)]
pub(super) enum Kept {
    /// For an MCP server.
    Mcp {
        registration: Registration,
        state: Box<StoredAuthorizationState>,
    },
    /// For the REST API.
    App {
        app: App,
        verifier: String,
        wishes: Wishes,
    },
}

/// What is known of a request for access where its answer is looked for.
pub(super) struct Taken {
    pub(super) id: Uuid,
    pub(super) server: Url,
    pub(super) kept: Kept,
}

fn fingerprint(state: &str) -> Vec<u8> {
    Sha256::digest(state.as_bytes()).to_vec()
}

/// Registers a client at the authorization server of an MCP server, and makes a request for access whose answer comes to
/// `redirect_uri`, within ten minutes.
pub async fn begin(
    connections: &Connections,
    server: &Url,
    redirect_uri: &Url,
) -> Result<Attempt, SyncError> {
    let Found {
        mut manager, http, ..
    } = discover(server).await?;
    let store = InMemoryStateStore::new();
    manager.set_state_store(store.clone());
    let refused = |error| OAuthError::Discovery {
        server: server.to_string(),
        reason: told(&error),
    };
    let client = manager.register_client(CLIENT_NAME, redirect_uri.as_str(), &SCOPES);
    let client = client.await.map_err(refused)?;
    let asked = manager.get_authorization_url(&SCOPES).await;
    let url = Url::parse(&asked.map_err(refused)?).map_err(|_| OAuthError::Incomplete)?;
    http.hosts().check(&url)?;
    let mut parameters = url.query_pairs();
    let state = parameters.find(|(name, _)| name == "state");
    let state = state.map(|(_, value)| value.into_owned());
    let state = state.ok_or(OAuthError::Incomplete)?;
    let kept = store.load(&state).await.map_err(refused)?;
    let kept = Kept::Mcp {
        registration: Registration::of(client),
        state: Box::new(kept.ok_or(OAuthError::Incomplete)?),
    };
    let id = Uuid::new_v4();
    keep(connections, id, server, &state, &kept).await?;
    Ok(Attempt { id, url })
}

/// What a person gives to connect by an OAuth app.
#[derive(Clone, Debug)]
pub struct AppRequest {
    pub client_id: String,
    pub client_secret: SecretString,
    /// Root of the REST API.
    pub base_url: String,
    /// Where Close can reach this deployment, if it can; deliveries go to `webhooks/close/{id}` below it.
    pub public_url: Option<String>,
    /// IANA name; the person's own when absent.
    pub time_zone: Option<String>,
    /// Month in which the fiscal year starts.
    pub fiscal_year_start: Option<i16>,
    /// The connection whose organization it has to be.
    pub connection: Option<Uuid>,
}

/// Makes a request for access to the REST API, by an app that the organization has registered with `redirect_uri`.
pub async fn begin_app(
    connections: &Connections,
    request: &AppRequest,
    redirect_uri: &Url,
) -> Result<Attempt, SyncError> {
    let base_url = parse_base_url(&request.base_url)?;
    let wishes = Wishes {
        public_url: request.public_url.clone(),
        time_zone: request.time_zone.clone(),
        fiscal_year_start: request.fiscal_year_start,
        connection: request.connection,
    };
    wishes.check(connections).await?;
    if Hosts::of(redirect_uri).is_err() {
        return Err(OAuthError::Redirect(redirect_uri.to_string()).into());
    }
    let app = App {
        client_id: request.client_id.clone(),
        client_secret: request.client_secret.expose_secret().to_owned(),
        redirect_uri: redirect_uri.to_string(),
    };
    let Asked {
        url,
        state,
        verifier,
    } = app.ask(&base_url)?;
    let kept = Kept::App {
        app,
        verifier,
        wishes,
    };
    let id = Uuid::new_v4();
    keep(connections, id, &base_url, &state, &kept).await?;
    Ok(Attempt { id, url })
}

async fn keep(
    connections: &Connections,
    id: Uuid,
    server: &Url,
    state: &str,
    kept: &Kept,
) -> Result<(), SyncError> {
    let text = serde_json::to_string(kept).map_err(|_| OAuthError::Kept)?;
    let sealed = connections.vault().seal(id, PLACE, &text.into())?;
    sqlx::query("delete from authorization_attempt where created_at < now() - interval '1 day'")
        .execute(connections.pool())
        .await?;
    sqlx::query(
        "insert into authorization_attempt (id, state_hash, server_url, sealed, expires_at)
         values ($1, $2, $3, $4, now() + $5 * interval '1 second')",
    )
    .bind(id)
    .bind(fingerprint(state))
    .bind(server.as_str())
    .bind(sealed)
    .bind(PATIENCE.as_secs_f64())
    .execute(connections.pool())
    .await?;
    Ok(())
}

/// Takes the request for access that an answer belongs to. It can be taken once, by one process.
pub(super) async fn take(connections: &Connections, state: &str) -> Result<Taken, SyncError> {
    let found: Option<(Uuid, String, Option<Vec<u8>>, bool)> = sqlx::query_as(
        "with old as (select id, sealed from authorization_attempt where state_hash = $1 for update)
         update authorization_attempt a set used_at = coalesce(a.used_at, now()), sealed = null
           from old where a.id = old.id
         returning a.id, a.server_url, old.sealed, a.expires_at > now()",
    )
    .bind(fingerprint(state))
    .fetch_optional(connections.pool())
    .await?;
    let (id, server, sealed, in_time) = found.ok_or(OAuthError::Unknown)?;
    let sealed = sealed.ok_or(OAuthError::Used)?;
    if !in_time {
        return Err(OAuthError::Expired.into());
    }
    let text: SecretString = connections.vault().open(id, PLACE, &sealed)?;
    let kept = serde_json::from_str(text.expose_secret()).map_err(|_| OAuthError::Kept)?;
    let server = Url::parse(&server).map_err(|_| OAuthError::Address(server))?;
    Ok(Taken { id, server, kept })
}

/// Notes what became of a request for access, for whoever waits for it.
pub(super) async fn note(
    connections: &Connections,
    id: Uuid,
    result: &Result<Uuid, String>,
) -> Result<(), sqlx::Error> {
    sqlx::query("update authorization_attempt set connection_id = $2, problem = $3 where id = $1")
        .bind(id)
        .bind(result.as_ref().ok())
        .bind(result.as_ref().err())
        .execute(connections.pool())
        .await
        .map(drop)
}

/// What became of a request for access: the connection, or why there is none; nothing while it is not answered.
pub async fn outcome(
    connections: &Connections,
    id: Uuid,
) -> Result<Option<Result<Uuid, String>>, SyncError> {
    let found: Option<(Option<Uuid>, Option<String>, bool)> = sqlx::query_as(
        "select connection_id, problem, expires_at < now() and used_at is null
           from authorization_attempt where id = $1",
    )
    .bind(id)
    .fetch_optional(connections.pool())
    .await?;
    Ok(match found {
        Some((Some(connection), _, _)) => Some(Ok(connection)),
        Some((None, Some(problem), _)) => Some(Err(problem)),
        Some((None, None, false)) => None,
        _ => Some(Err(OAuthError::Expired.to_string())),
    })
}
