//! Ending a connection: nothing is read any more, Close is told, the credentials are erased. What was mirrored stays, and
//! connecting the same organization again goes on with it.

use super::connections::{Connections, credential_place};
use super::{oauth, subscription};
use crate::close::CloseError;
use crate::error::SyncError;
use closegraph_entity::connection::AuthMethod;
use sea_orm::ActiveEnum;
use uuid::Uuid;

/// How often Close is told again what it did not answer, while a person waits.
const REPEATED: usize = 2;

/// What ending a connection did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disconnected {
    pub organization_name: Option<String>,
    /// Whether a webhook subscription was removed from Close.
    pub subscription_removed: bool,
    /// Whether tokens were given back to Close; an API key can only be deleted by a person there.
    pub access_revoked: bool,
    /// What Close could not be told, and why.
    pub left: Vec<String>,
}

#[derive(sqlx::FromRow)]
struct Known {
    organization_name: Option<String>,
    auth_method: String,
    base_url: String,
    credential: Option<Vec<u8>>,
    handed: bool,
}

/// Ends a connection. Reads stop first; where Close can't be told, the credentials are kept for another try, unless
/// `force` says that they are to be erased all the same.
pub async fn disconnect(
    connections: &Connections,
    id: Uuid,
    force: bool,
) -> Result<Disconnected, SyncError> {
    let known: Option<Known> = sqlx::query_as(
        "update connection
            set status = 'disconnected', status_reason = 'a person has disconnected it', updated_at = now()
          where id = $1
         returning organization_name, auth_method, base_url, credential, webhook_handed_keys is not null as handed",
    )
    .bind(id)
    .fetch_optional(connections.pool())
    .await?;
    let known = known.ok_or(SyncError::UnknownConnection(id))?;
    let mut done = Disconnected {
        organization_name: known.organization_name.clone(),
        ..Disconnected::default()
    };
    if known.credential.is_some() {
        // One that is being made is removed, too.
        let unsubscribed = unsubscribe(connections, id, force, &mut done);
        subscription::alone(connections, id, unsubscribed).await?;
        revoke(connections, id, &known, force, &mut done).await?;
    }
    if known.handed {
        let own = "the webhook subscription that a person made (it is not ours to remove)";
        done.left.push(own.to_owned());
    }
    // Whoever has connected again meanwhile keeps what is theirs.
    sqlx::query(
        "update connection
            set credential = null, webhook_subscription_id = null, webhook_signing_key = null,
                webhook_old_signing_key = null, webhook_handed_keys = null, webhook_url = null, webhook_status = null,
                webhook_checked_at = null, webhook_problem = null
          where id = $1 and status = 'disconnected'",
    )
    .bind(id)
    .execute(connections.pool())
    .await?;
    Ok(done)
}

async fn unsubscribe(
    connections: &Connections,
    id: Uuid,
    force: bool,
    done: &mut Disconnected,
) -> Result<(), SyncError> {
    let subscription: Option<String> =
        sqlx::query_scalar("select webhook_subscription_id from connection where id = $1")
            .bind(id)
            .fetch_one(connections.pool())
            .await?;
    let Some(subscription) = subscription else {
        return Ok(());
    };
    let removed = match connections.last_client(id).await {
        Ok(client) => {
            client
                .repeating(REPEATED)
                .delete_subscription(&subscription)
                .await
        }
        Err(error) => return done.leave("the webhook subscription", error, force),
    };
    match removed {
        Ok(()) => done.subscription_removed = true,
        Err(error) => return done.leave("the webhook subscription", error.into(), force),
    }
    Ok(())
}

async fn revoke(
    connections: &Connections,
    id: Uuid,
    known: &Known,
    force: bool,
    done: &mut Disconnected,
) -> Result<(), SyncError> {
    let method = AuthMethod::try_from_value(&known.auth_method)
        .map_err(|error| sqlx::Error::Decode(error.into()))?;
    if method == AuthMethod::ApiKey {
        return Ok(());
    }
    // The subscription may have been removed with a token that was renewed for it.
    let sealed: Option<Vec<u8>> = sqlx::query_scalar(
        "select credential from connection where id = $1 and status = 'disconnected'",
    )
    .bind(id)
    .fetch_optional(connections.pool())
    .await?
    .flatten();
    let Some(sealed) = sealed else {
        return Ok(());
    };
    let given_back = give_back(connections, id, method, &known.base_url, &sealed).await;
    match given_back {
        Ok(()) => done.access_revoked = true,
        Err(error) => return done.leave("the access", error, force),
    }
    Ok(())
}

/// Gives back the grant of a connection.
pub(super) async fn give_back(
    connections: &Connections,
    id: Uuid,
    method: AuthMethod,
    server: &str,
    sealed: &[u8],
) -> Result<(), SyncError> {
    let place = credential_place(method);
    let grant = connections.vault().open(id, place, sealed)?;
    oauth::revoke(method, server, &grant).await?;
    Ok(())
}

impl Disconnected {
    /// What can't succeed later either is left; for the rest the credentials are kept.
    fn leave(&mut self, what: &str, error: SyncError, force: bool) -> Result<(), SyncError> {
        let refused = matches!(
            &error,
            SyncError::Close(
                CloseError::Status {
                    status: 401 | 403,
                    ..
                } | CloseError::NoAccess(_)
            ) | SyncError::OAuth(oauth::OAuthError::App(_))
        );
        let unreadable = matches!(&error, SyncError::Vault(_) | SyncError::OnlyMcp(_));
        if !force && !refused && !unreadable {
            return Err(error);
        }
        self.left.push(format!("{what} ({})", error.chain()));
        Ok(())
    }
}
