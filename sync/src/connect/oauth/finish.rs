//! The answer to a request for access, and the connection that is made of it.

use super::authorize::{Callback, Taken, note, take};
use super::grant::{Grant, Registration, discover_for, told};
use super::revoke::give_back;
use super::{OAuthError, SCOPES};
use crate::close::{McpClient, Tool};
use crate::connect::api_key::{Connected, connection_id};
use crate::connect::connections::{Connections, credential_place};
use crate::error::SyncError;
use closegraph_entity::connection::AuthMethod;
use rmcp::transport::auth::{
    AuthError, CredentialStore, InMemoryCredentialStore, InMemoryStateStore, StateStore,
};
use serde_json::Value;
use url::Url;

/// What such a connection can't see, for its operator.
const LIMITS: &str =
    "polled by MCP: deletes, merges, invoices and other custom objects are not seen";

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
    let server = taken.server.clone();
    let grant = exchange(taken, state, callback).await?;
    let connected = connect(connections, &server, &grant).await;
    if connected.is_err() {
        // Nobody else knows of it.
        give_back(&server, &grant).await;
    }
    connected
}

/// What a stranger can put into an address, as far as it is shown.
fn word(text: &str) -> String {
    let word = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    text.chars().filter(word).take(40).collect()
}

async fn exchange(taken: Taken, state: &str, callback: &Callback) -> Result<Grant, OAuthError> {
    let code = callback.code.as_deref().ok_or(OAuthError::Incomplete)?;
    let registration: Registration = taken.kept.registration;
    let mut manager = discover_for(&taken.server, &registration).await?;
    let states = InMemoryStateStore::new();
    let failed = |error: AuthError| OAuthError::Exchange(told(&error));
    let known = states.save(state, taken.kept.state).await;
    known.map_err(failed)?;
    let tokens = InMemoryCredentialStore::new();
    manager.set_state_store(states);
    manager.set_credential_store(tokens.clone());
    let issuer = callback.issuer.as_deref();
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
        return Err(OAuthError::Scope.into());
    }
    let client = McpClient::open(server, &grant.access_token()?).await?;
    let organization = client.call(Tool::OrgInfo, Value::Null).await?;
    let word = |name: &str| organization.get(name).and_then(Value::as_str);
    let organization_id = word("id").ok_or_else(|| client.misshapen(Tool::OrgInfo))?;
    let id = connection_id(organization_id);
    let sealed = connections
        .vault()
        .seal(id, credential_place(AuthMethod::Mcp), &grant.text()?)?;
    let renewed: Option<bool> = sqlx::query_scalar(
        "insert into connection as known
             (id, source, auth_method, status, status_reason, organization_id, organization_name, currency, base_url,
              credential, scopes)
         values ($1, 'close', 'mcp', 'active', $8, $2, $3, coalesce($4, 'USD'), $5, $6, $7)
         on conflict (id) do update set
             auth_method = 'mcp', status = 'active', status_reason = excluded.status_reason,
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
    .bind(grant.scopes())
    .bind(LIMITS)
    .fetch_optional(connections.pool())
    .await?;
    let name = word("name").map(str::to_owned);
    let shown = name.clone().unwrap_or_else(|| organization_id.to_owned());
    Ok(Connected {
        id,
        organization_id: organization_id.to_owned(),
        organization_name: name,
        webhook_url: None,
        renewed: renewed.ok_or(OAuthError::ReadsMore(shown))?,
    })
}
