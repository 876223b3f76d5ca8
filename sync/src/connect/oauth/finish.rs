//! The answer to a request for access, and the connection that is made of it.

use super::app::AppGrant;
use super::authorize::{Callback, Kept, Taken, note, take};
use super::grant::{Grant, Registration, discover_for, told};
use super::held::Held;
use super::revoke::give_back;
use super::{OAuthError, SCOPES};
use crate::close::{Authorization, CloseClient, McpClient, Tool};
use crate::connect::connections::{Connections, credential_place};
use crate::connect::full::{Connected, Full, Stored, Wishes, connection_id, first_options};
use crate::error::SyncError;
use closegraph_entity::connection::AuthMethod;
use rmcp::transport::auth::{
    AuthError, CredentialStore, InMemoryCredentialStore, InMemoryStateStore, StateStore,
    StoredAuthorizationState,
};
use serde_json::Value;
use sqlx::types::Json;
use url::Url;

/// What such a connection can't see, for its operator.
const LIMITS: &str = "polled by MCP: deletes and merges are not seen, invoices and other custom objects only when their lead changes";

/// The same where a webhook that a person made feeds it.
pub(in crate::connect) const HOOKED: &str = "polled by MCP: deletes and merges are seen as a webhook tells of them, and those before it are not";

/// Makes the connection that an answer allows. What it does not allow leaves nothing behind.
pub async fn finish(connections: &Connections, callback: Callback) -> Result<Connected, SyncError> {
    let state = callback.state.as_deref().ok_or(OAuthError::Incomplete)?;
    let taken = take(connections, state).await?;
    let id = taken.id;
    let connected = answered(connections, taken, state, &callback).await;
    let result = match &connected {
        Ok(connected) => Ok(connected.id),
        Err(error) => Err(error.chain()),
    };
    note(connections, id, &result).await?;
    connected
}

async fn answered(
    connections: &Connections,
    taken: Taken,
    state: &str,
    callback: &Callback,
) -> Result<Connected, SyncError> {
    match callback.error.as_deref() {
        Some("access_denied") => return Err(OAuthError::Denied.into()),
        Some(error) => return Err(OAuthError::Refused(word(error)).into()),
        None => {}
    }
    let code = callback.code.as_deref().ok_or(OAuthError::Incomplete)?;
    let server = taken.server;
    match taken.kept {
        Kept::Mcp {
            registration,
            state: known,
        } => {
            let issuer = callback.issuer.as_deref();
            let answer = (state, code, issuer);
            let grant = exchange(&server, registration, *known, answer).await?;
            let connected = connect(connections, &server, &grant).await;
            if connected.is_err() {
                // Nobody else knows of it.
                give_back(&Held::from((server, grant))).await;
            }
            connected
        }
        Kept::App {
            app,
            verifier,
            wishes,
        } => {
            let grant = app.exchange(&server, code, verifier).await?;
            let found = examined(connections, &server, &grant, wishes).await;
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    give_back(&Held::from((server, grant))).await;
                    return Err(error);
                }
            };
            found.complete(connections).await
        }
    }
}

/// Makes a connection of what an app was granted.
async fn examined(
    connections: &Connections,
    base_url: &Url,
    grant: &AppGrant,
    wishes: Wishes,
) -> Result<Stored, SyncError> {
    let scopes = grant.scopes()?;
    let token = Authorization::Token(grant.access_token());
    let client = CloseClient::proving(base_url, token, first_options())?;
    let full = Full {
        client,
        method: AuthMethod::OAuth,
        credential: grant.text()?,
        asked: scopes,
        organization: grant.organization().map(str::to_owned),
        wishes,
    };
    full.store(connections).await
}

/// What a stranger can put into an address, as far as it is shown.
fn word(text: &str) -> String {
    let word = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    text.chars().filter(word).take(40).collect()
}

/// Tokens for an answer: its state, its code, and its issuer where it names one.
async fn exchange(
    server: &Url,
    registration: Registration,
    known: StoredAuthorizationState,
    (state, code, issuer): (&str, &str, Option<&str>),
) -> Result<Grant, OAuthError> {
    let mut manager = discover_for(server, &registration).await?;
    let states = InMemoryStateStore::new();
    let failed = |error: AuthError| OAuthError::Exchange(told(&error));
    let kept = states.save(state, known).await;
    kept.map_err(failed)?;
    let tokens = InMemoryCredentialStore::new();
    manager.set_state_store(states);
    manager.set_credential_store(tokens.clone());
    let exchanged = manager.exchange_code_for_token_with_issuer(code, state, issuer);
    exchanged.await.map_err(failed)?;
    let credentials = tokens.load().await.map_err(failed)?;
    Ok(Grant {
        registration,
        credentials: credentials.ok_or(OAuthError::Incomplete)?,
    })
}

async fn connect(
    connections: &Connections,
    server: &Url,
    grant: &Grant,
) -> Result<Connected, SyncError> {
    let granted = &grant.credentials.granted_scopes;
    if !granted.iter().any(|scope| *scope == SCOPES[0]) {
        return Err(OAuthError::Scope(SCOPES[0]).into());
    }
    let client = McpClient::open(server, &grant.access_token()?).await?;
    let organization = client.call(Tool::OrgInfo, Value::Null).await?;
    let word = |name: &str| organization.get(name).and_then(Value::as_str);
    let organization_id = word("id").ok_or_else(|| client.misshapen(Tool::OrgInfo))?;
    let id = connection_id(connections, organization_id).await?;
    let sealed = connections
        .vault()
        .seal(id, credential_place(AuthMethod::Mcp), &grant.text()?)?;
    let renewed: Option<bool> = sqlx::query_scalar(
        "insert into connection as known
             (id, source, auth_method, status, status_reason, organization_id, organization_name, currency, base_url,
              credential, scopes)
         values ($1, 'close', 'mcp', 'active', $8, $2, $3, coalesce($4, 'USD'), $5, $6, $7)
         on conflict (id) do update set
             auth_method = 'mcp', status = 'active',
             status_reason = case when known.webhook_handed_keys is null then excluded.status_reason else $9 end,
             organization_name = coalesce(excluded.organization_name, known.organization_name),
             currency = coalesce($4, known.currency), base_url = excluded.base_url,
             credential = excluded.credential, scopes = excluded.scopes, settings_read_at = null, updated_at = now()
          where known.auth_method = 'mcp' or known.status = 'disconnected'
         returning xmax <> 0",
    )
    .bind(id)
    .bind(organization_id)
    .bind(word("name"))
    .bind(word("currency"))
    .bind(server.as_str())
    .bind(sealed)
    .bind(Json(grant.scopes()))
    .bind(LIMITS)
    .bind(HOOKED)
    .fetch_optional(connections.pool())
    .await?;
    let name = word("name").map(str::to_owned);
    let shown = name.clone().unwrap_or_else(|| organization_id.to_owned());
    Ok(Connected {
        id,
        organization_id: organization_id.to_owned(),
        organization_name: name,
        webhook_url: None,
        scopes: grant.scopes(),
        renewed: renewed.ok_or(OAuthError::ReadsMore(shown))?,
    })
}
