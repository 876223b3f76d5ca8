//! Access tokens that are good, renewed ahead of their end by one process at a time.

use super::OAuthError;
use super::held::Held;
use crate::close::{AccessTokens, CloseError};
use crate::connect::connections::{Connections, credential_place};
use crate::error::SyncError;
use closegraph_entity::connection::AuthMethod;
use futures::FutureExt;
use futures::future::BoxFuture;
use sea_orm::ActiveEnum;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{PgExecutor, Postgres, Transaction};
use url::Url;
use uuid::Uuid;

/// Whose grant is wanted.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    id: Uuid,
    method: AuthMethod,
    /// What a person has disconnected is renewed no more, but to say so to Close.
    even_ended: bool,
}

const READ: &str = "select base_url, credential from connection
                     where id = $1 and auth_method = $2 and ($3 or status <> 'disconnected')";
const READ_LOCKED: &str = "select base_url, credential from connection
                            where id = $1 and auth_method = $2 and ($3 or status <> 'disconnected') for update";

impl Connections {
    /// The MCP server of a connection, and an access token for it that is good for a while; `stale` is one that the
    /// server has just refused.
    pub(crate) async fn mcp_access(
        &self,
        id: Uuid,
        stale: Option<&SecretString>,
    ) -> Result<(Url, SecretString), SyncError> {
        let wanted = Wanted {
            id,
            method: AuthMethod::Mcp,
            even_ended: false,
        };
        self.access(wanted, stale).await
    }

    async fn access(
        &self,
        wanted: Wanted,
        stale: Option<&SecretString>,
    ) -> Result<(Url, SecretString), SyncError> {
        let held = self.held(self.pool(), READ, wanted).await?;
        if let Some(token) = usable(&held, stale)? {
            return Ok((held.base_url, token));
        }
        // Nobody waits for this.
        let way = held.way().await?;
        let mut transaction = self.pool().begin().await?;
        let held = self.held(&mut *transaction, READ_LOCKED, wanted).await?;
        if let Some(token) = usable(&held, stale)? {
            // Another process has renewed it meanwhile.
            return Ok((held.base_url, token));
        }
        let renewed = held.renewed(way).await;
        let outcome = match &renewed {
            Ok(_) => "renewed",
            Err(OAuthError::Gone(_) | OAuthError::App(_)) => "gone",
            Err(_) => "failed",
        };
        metrics::counter!("closegraph_oauth_renewals_total", "outcome" => outcome).increment(1);
        match renewed {
            Ok(held) => {
                let place = credential_place(wanted.method);
                let sealed = self.vault().seal(wanted.id, place, &held.text()?)?;
                sqlx::query("update connection set credential = $2 where id = $1")
                    .bind(wanted.id)
                    .bind(sealed)
                    .execute(&mut *transaction)
                    .await?;
                // The old token is dead: the new one is used only once it is kept.
                transaction.commit().await?;
                let token = held.access_token()?;
                Ok((held.base_url, token))
            }
            Err(error @ (OAuthError::Gone(_) | OAuthError::App(_))) => {
                give_up(transaction, wanted.id, &error).await?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn held(
        &self,
        executor: impl PgExecutor<'_>,
        statement: &'static str,
        wanted: Wanted,
    ) -> Result<Held, SyncError> {
        let Wanted {
            id,
            method,
            even_ended,
        } = wanted;
        let found: Option<(String, Option<Vec<u8>>)> = sqlx::query_as(statement)
            .bind(id)
            .bind(method.to_value())
            .bind(even_ended)
            .fetch_optional(executor)
            .await?;
        let (base_url, sealed) = found.ok_or(SyncError::NoCredential(id))?;
        let sealed = sealed.ok_or(SyncError::NoCredential(id))?;
        let text = self.vault().open(id, credential_place(method), &sealed)?;
        Ok(Held::parse(method, &base_url, &text)?)
    }
}

/// Asks nothing any more until a person connects again.
async fn give_up(
    mut transaction: Transaction<'_, Postgres>,
    id: Uuid,
    reason: &OAuthError,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update connection set status = 'needs_reconnect', status_reason = $2, updated_at = now()
          where id = $1 and status = 'active'",
    )
    .bind(id)
    .bind(reason.to_string())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    tracing::error!(connection = %id, "Close does not renew the access: the connection is given up until a person connects again");
    Ok(())
}

fn usable(held: &Held, stale: Option<&SecretString>) -> Result<Option<SecretString>, OAuthError> {
    let token = held.access_token()?;
    let refused = stale.is_some_and(|stale| stale.expose_secret() == token.expose_secret());
    Ok((held.is_fresh() && !refused).then_some(token))
}

/// The tokens of a connection by an OAuth app. They stand in the database only: what is taken back, renewed elsewhere or
/// connected anew counts from the next request on.
#[derive(Debug)]
pub(in crate::connect) struct AppTokens {
    connections: Connections,
    wanted: Wanted,
}

impl AppTokens {
    /// Those of a connection, even of one that has been ended.
    pub(in crate::connect) fn new(connections: &Connections, id: Uuid, even_ended: bool) -> Self {
        Self {
            // A client holds them, and must not hold the clients.
            connections: connections.without_clients(),
            wanted: Wanted {
                id,
                method: AuthMethod::OAuth,
                even_ended,
            },
        }
    }
}

impl AccessTokens for AppTokens {
    fn token<'a>(
        &'a self,
        stale: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<SecretString, CloseError>> {
        let taken = async move {
            match self.connections.access(self.wanted, stale).await {
                Ok((_, token)) => Ok(token),
                Err(
                    error @ (SyncError::OAuth(OAuthError::Renewal(_)) | SyncError::Database(_)),
                ) => Err(CloseError::NoToken(error.chain())),
                Err(error) => Err(CloseError::NoAccess(error.chain())),
            }
        };
        taken.boxed()
    }
}
