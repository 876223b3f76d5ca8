//! Access tokens that are good, renewed ahead of their end by one process at a time.

use super::OAuthError;
use super::grant::{Grant, discover_for, told};
use crate::connect::connections::{Connections, credential_place};
use crate::error::SyncError;
use closegraph_entity::connection::AuthMethod;
use rmcp::transport::auth::{
    AuthError, AuthorizationManager, CredentialStore, InMemoryCredentialStore,
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgExecutor;
use url::Url;
use uuid::Uuid;

const PLACE: &str = credential_place(AuthMethod::Mcp);

/// Why nothing is asked any more.
const GONE: &str =
    "Close has taken the access back: connect again with closegraph connect close --mcp";

impl Connections {
    /// The MCP server of a connection, and an access token for it that is good for a while; `stale` is one that the
    /// server has just refused.
    pub(crate) async fn mcp_access(
        &self,
        id: Uuid,
        stale: Option<&SecretString>,
    ) -> Result<(Url, SecretString), SyncError> {
        let (server, grant) = self.grant(self.pool(), id, "").await?;
        if let Some(token) = usable(&grant, stale)? {
            return Ok((server, token));
        }
        // Discovery takes its time: nobody waits for it.
        let manager = discover_for(&server, &grant.registration).await?;
        let mut transaction = self.pool().begin().await?;
        let (_, grant) = self.grant(&mut *transaction, id, LOCKED).await?;
        if let Some(token) = usable(&grant, stale)? {
            // Another process has renewed it meanwhile.
            return Ok((server, token));
        }
        match renewed(manager, grant).await {
            Ok(grant) => {
                let sealed = self.vault().seal(id, PLACE, &grant.text()?)?;
                sqlx::query("update connection set credential = $2 where id = $1")
                    .bind(id)
                    .bind(sealed)
                    .execute(&mut *transaction)
                    .await?;
                // The old token is dead: the new one is used only once it is kept.
                transaction.commit().await?;
                metrics::counter!("closegraph_oauth_renewals_total", "outcome" => "renewed")
                    .increment(1);
                Ok((server, grant.access_token()?))
            }
            Err(OAuthError::Gone) => {
                sqlx::query(
                    "update connection set status = 'needs_reconnect', status_reason = $2, updated_at = now()
                      where id = $1 and status = 'active'",
                )
                .bind(id)
                .bind(GONE)
                .execute(&mut *transaction)
                .await?;
                transaction.commit().await?;
                metrics::counter!("closegraph_oauth_renewals_total", "outcome" => "gone")
                    .increment(1);
                tracing::error!(connection = %id, "Close has taken the access back: the connection is given up until a person connects again");
                Err(OAuthError::Gone.into())
            }
            Err(error) => {
                metrics::counter!("closegraph_oauth_renewals_total", "outcome" => "failed")
                    .increment(1);
                Err(error.into())
            }
        }
    }

    async fn grant(
        &self,
        executor: impl PgExecutor<'_>,
        id: Uuid,
        lock: &'static str,
    ) -> Result<(Url, Grant), SyncError> {
        let statement = if lock == LOCKED { READ_LOCKED } else { READ };
        let found: Option<(String, Option<Vec<u8>>)> = sqlx::query_as(statement)
            .bind(id)
            .fetch_optional(executor)
            .await?;
        let (server, sealed) = found.ok_or(SyncError::NoCredential(id))?;
        let sealed = sealed.ok_or(SyncError::NoCredential(id))?;
        let grant = Grant::parse(&self.vault().open(id, PLACE, &sealed)?)?;
        let server = Url::parse(&server).map_err(|_| OAuthError::Address(server))?;
        Ok((server, grant))
    }
}

const LOCKED: &str = "locked";
/// What a person has disconnected is renewed no more.
const READ: &str = "select base_url, credential from connection
                     where id = $1 and auth_method = 'mcp' and status <> 'disconnected'";
const READ_LOCKED: &str = "select base_url, credential from connection
                            where id = $1 and auth_method = 'mcp' and status <> 'disconnected' for update";

fn usable(grant: &Grant, stale: Option<&SecretString>) -> Result<Option<SecretString>, OAuthError> {
    let token = grant.access_token()?;
    let refused = stale.is_some_and(|stale| stale.expose_secret() == token.expose_secret());
    Ok((grant.is_fresh() && !refused).then_some(token))
}

async fn renewed(mut manager: AuthorizationManager, grant: Grant) -> Result<Grant, OAuthError> {
    let store = InMemoryCredentialStore::new();
    let failed = |error: AuthError| OAuthError::Renewal(told(&error));
    let kept = store.save(grant.credentials).await;
    kept.map_err(failed)?;
    manager.set_credential_store(store.clone());
    match manager.refresh_token().await {
        Ok(_) => {}
        Err(AuthError::TokenRefreshRejected(_) | AuthError::AuthorizationRequired) => {
            return Err(OAuthError::Gone);
        }
        Err(error) => return Err(failed(error)),
    }
    let credentials = store.load().await.map_err(failed)?;
    Ok(Grant {
        registration: grant.registration,
        credentials: credentials.ok_or(OAuthError::Kept)?,
    })
}
