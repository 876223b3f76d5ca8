//! A connection by the REST API, whatever proves who asks: what the credential may do is looked at, the organization's
//! settings are read, the webhook subscription is made. Connecting the same organization again renews what was there.

use super::connections::{Connections, credential_place};
use super::disconnect::give_back;
use super::permissions::examine;
use super::{settings, subscription};
use crate::close::{ClientOptions, CloseClient};
use crate::error::SyncError;
use closegraph_entity::connection::AuthMethod;
use closegraph_entity::permission::Granted;
use sea_orm::ActiveEnum;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// A connection that is ready to be synced.
#[derive(Clone, Debug)]
pub struct Connected {
    pub id: Uuid,
    pub organization_id: String,
    pub organization_name: Option<String>,
    /// Where Close delivers, if a subscription was made.
    pub webhook_url: Option<String>,
    /// What was asked for, and what the credential may do.
    pub scopes: Vec<Granted>,
    /// Whether the organization was connected before.
    pub renewed: bool,
}

/// The id of the connection to an organization: of the one that is there, else one that is computed, so that processes that
/// connect at once make the same. Webhooks arrive at it, so nobody guesses it from the organization's id.
pub(super) async fn connection_id(
    connections: &Connections,
    organization_id: &str,
) -> Result<Uuid, SyncError> {
    let known = sqlx::query_scalar(
        "select id from connection where source = 'close' and organization_id = $1",
    )
    .bind(organization_id)
    .fetch_optional(connections.pool());
    match known.await? {
        Some(id) => Ok(id),
        None => Ok(connections.vault().id_of(organization_id)?),
    }
}

/// What a person wants of a connection.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Wishes {
    /// Where Close can reach this deployment.
    pub(super) public_url: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) fiscal_year_start: Option<i16>,
    /// The connection that it has to be.
    pub(super) connection: Option<Uuid>,
}

impl Wishes {
    /// Refuses what can't be, before anybody is asked.
    pub(super) async fn check(&self, connections: &Connections) -> Result<(), SyncError> {
        if let Some(zone) = &self.time_zone
            && zone.parse::<chrono_tz::Tz>().is_err()
        {
            let allowed = "an IANA name such as Europe/Berlin";
            return Err(SyncError::InvalidInput {
                what: "the time zone",
                given: zone.clone(),
                allowed,
            });
        }
        if let Some(month) = self.fiscal_year_start
            && !(1..=12).contains(&month)
        {
            let what = "the start of the fiscal year";
            return Err(SyncError::InvalidInput {
                what,
                given: month.to_string(),
                allowed: "a month, 1 to 12",
            });
        }
        match self.connection {
            Some(id) => organization_of(connections, id).await.map(drop),
            None => Ok(()),
        }
    }
}

async fn organization_of(connections: &Connections, id: Uuid) -> Result<String, SyncError> {
    let found = sqlx::query_scalar("select organization_id from connection where id = $1")
        .bind(id)
        .fetch_optional(connections.pool());
    found.await?.ok_or(SyncError::UnknownConnection(id))
}

/// How Close is asked while a person waits.
pub(super) fn first_options() -> ClientOptions {
    ClientOptions {
        retries: 3,
        ..ClientOptions::default()
    }
}

/// What a connection is made of.
pub(super) struct Full {
    pub(super) client: CloseClient,
    pub(super) method: AuthMethod,
    pub(super) credential: SecretString,
    /// What was asked for.
    pub(super) asked: Vec<Granted>,
    /// The organization that was chosen, where a user has several.
    pub(super) organization: Option<String>,
    pub(super) wishes: Wishes,
}

/// A connection that stands in the database.
pub(super) struct Stored {
    client: CloseClient,
    public_url: Option<String>,
    connected: Connected,
}

impl Full {
    /// Tries the credential and stores the connection.
    pub(super) async fn store(self, connections: &Connections) -> Result<Stored, SyncError> {
        let me = settings::me(&self.client, self.organization.as_deref()).await?;
        let id = connection_id(connections, &me.organization.id).await?;
        if let Some(wanted) = self.wishes.connection.filter(|wanted| *wanted != id) {
            return Err(SyncError::OtherOrganization {
                id: wanted,
                wanted: organization_of(connections, wanted).await?,
                found: me.organization.id,
            });
        }
        let examined = examine(&self.client, &me).await?;
        let scopes = [self.asked.clone(), examined].concat();
        let before = other_grant(connections, id, self.method).await?;
        let renewed = self.write(connections, id, &me, &scopes).await?;
        if let Some((method, server, grant)) = before {
            // This reads more; the grant is needed no more.
            let given_back = give_back(connections, id, method, &server, &grant).await;
            if let Err(error) = given_back {
                tracing::warn!(connection = %id, error = error.logged(), "the access before could not be given back");
            }
        }
        Ok(Stored {
            client: self.client,
            public_url: self.wishes.public_url,
            connected: Connected {
                id,
                organization_id: me.organization.id,
                organization_name: me.organization.name,
                webhook_url: None,
                scopes,
                renewed,
            },
        })
    }

    /// Answers whether there was one.
    async fn write(
        &self,
        connections: &Connections,
        id: Uuid,
        me: &settings::Me,
        scopes: &[Granted],
    ) -> Result<bool, SyncError> {
        let place = credential_place(self.method);
        let sealed = connections.vault().seal(id, place, &self.credential)?;
        let time_zone = self.wishes.time_zone.as_ref().or(me.time_zone.as_ref());
        let renewed = sqlx::query_scalar(
            "insert into connection as known
                 (id, source, auth_method, status, organization_id, organization_name, currency, time_zone,
                  fiscal_year_start, base_url, credential, scopes)
             values ($1, 'close', $9, 'active', $2, $3, coalesce($4, 'USD'), coalesce($5, 'UTC'),
                     coalesce($6, 1::smallint), $7, $8, $10)
             on conflict (id) do update set
                 auth_method = excluded.auth_method, status = 'active', status_reason = null,
                 organization_name = excluded.organization_name, currency = excluded.currency,
                 time_zone = coalesce($5, known.time_zone),
                 fiscal_year_start = coalesce($6, known.fiscal_year_start),
                 base_url = excluded.base_url, credential = excluded.credential, scopes = excluded.scopes,
                 settings_read_at = case when known.auth_method <> 'mcp' then known.settings_read_at end,
                 updated_at = now()
             returning xmax <> 0",
        )
        .bind(id)
        .bind(&me.organization.id)
        .bind(&me.organization.name)
        .bind(&me.organization.currency)
        .bind(time_zone)
        .bind(self.wishes.fiscal_year_start)
        .bind(self.client.base_url().as_str())
        .bind(sealed)
        .bind(self.method.to_value())
        .bind(Json(scopes))
        .fetch_one(connections.pool());
        Ok(renewed.await?)
    }
}

/// Kind, server and sealed text of a grant that is about to be replaced by another kind of credential.
async fn other_grant(
    connections: &Connections,
    id: Uuid,
    method: AuthMethod,
) -> Result<Option<(AuthMethod, String, Vec<u8>)>, SyncError> {
    let found: Option<(String, String, Vec<u8>)> = sqlx::query_as(
        "select auth_method, base_url, credential from connection
          where id = $1 and auth_method in ('mcp', 'oauth') and auth_method <> $2 and credential is not null",
    )
    .bind(id)
    .bind(method.to_value())
    .fetch_optional(connections.pool())
    .await?;
    let Some((method, base_url, sealed)) = found else {
        return Ok(None);
    };
    let method =
        AuthMethod::try_from_value(&method).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Some((method, base_url, sealed)))
}

impl Stored {
    /// Reads the settings and makes the subscription, where Close lets us.
    pub(super) async fn complete(self, connections: &Connections) -> Result<Connected, SyncError> {
        let Self {
            client,
            public_url,
            mut connected,
        } = self;
        settings::read(connections, &client, connected.id).await?;
        let Some(public_url) = public_url else {
            return Ok(connected);
        };
        let made = subscription::subscribe(connections, &client, connected.id, &public_url).await;
        match made {
            Ok(url) => connected.webhook_url = Some(url),
            Err(SyncError::Close(error)) if matches!(error.status(), Some(402 | 403)) => {
                tracing::warn!(connection = %connected.id, error = crate::redact::chain(&error), "Close refuses a webhook subscription to this credential");
            }
            Err(error) => return Err(error),
        }
        Ok(connected)
    }
}
