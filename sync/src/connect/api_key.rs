//! Connecting with an API key: the key is tried, the organization's settings are read, the webhook subscription is
//! made. Connecting the same organization again renews what was there.

use super::connections::{API_KEY, Connections, parse_base_url};
use super::disconnect::give_back;
use super::{settings, subscription};
use crate::close::{ClientOptions, CloseClient};
use crate::error::SyncError;
use secrecy::SecretString;
use uuid::Uuid;

/// What a person gives to connect.
#[derive(Clone, Debug)]
pub struct ConnectRequest {
    pub api_key: SecretString,
    /// Root of the REST API.
    pub base_url: String,
    /// Where Close can reach this deployment, if it can; deliveries go to `webhooks/close/{id}` below it.
    pub public_url: Option<String>,
    /// IANA name; the key's user's own when absent.
    pub time_zone: Option<String>,
    /// Month in which the fiscal year starts.
    pub fiscal_year_start: Option<i16>,
}

/// A connection that is ready to be synced.
#[derive(Clone, Debug)]
pub struct Connected {
    pub id: Uuid,
    pub organization_id: String,
    pub organization_name: Option<String>,
    /// Where Close delivers, if a subscription was made.
    pub webhook_url: Option<String>,
    /// Whether the organization was connected before.
    pub renewed: bool,
}

/// The id of the connection to an organization: computed, so that connecting again finds what was there.
pub(super) fn connection_id(organization_id: &str) -> Uuid {
    Uuid::new_v5(
        &Uuid::NAMESPACE_URL,
        format!("close:{organization_id}").as_bytes(),
    )
}

/// Connects, or connects again.
pub async fn connect_api_key(
    connections: &Connections,
    request: &ConnectRequest,
) -> Result<Connected, SyncError> {
    let base_url = parse_base_url(&request.base_url)?;
    check(request)?;
    let options = ClientOptions {
        retries: 3,
        ..ClientOptions::default()
    };
    let client = CloseClient::new(&base_url, request.api_key.clone(), options)?;
    let (organization, own_zone) = settings::me(&client).await?;
    let id = connection_id(&organization.id);
    let time_zone = request.time_zone.clone().or(own_zone);
    let sealed = connections.vault().seal(id, API_KEY, &request.api_key)?;
    let before: Option<(String, Vec<u8>)> = sqlx::query_as(
        "select base_url, credential from connection where id = $1 and auth_method = 'mcp' and credential is not null",
    )
    .bind(id)
    .fetch_optional(connections.pool())
    .await?;
    let renewed: bool = sqlx::query_scalar(
        "insert into connection as known
             (id, source, auth_method, status, organization_id, organization_name, currency, time_zone,
              fiscal_year_start, base_url, credential, scopes)
         values ($1, 'close', 'api_key', 'active', $2, $3, coalesce($4, 'USD'), coalesce($5, 'UTC'),
                 coalesce($6, 1::smallint), $7, $8, '[{\"name\": \"all.full_access\", \"granted\": true}]')
         on conflict (id) do update set
             auth_method = 'api_key', status = 'active', status_reason = null,
             organization_name = excluded.organization_name, currency = excluded.currency,
             time_zone = coalesce($5, known.time_zone),
             fiscal_year_start = coalesce($6, known.fiscal_year_start),
             base_url = excluded.base_url, credential = excluded.credential, scopes = excluded.scopes,
             updated_at = now()
         returning xmax <> 0",
    )
    .bind(id)
    .bind(&organization.id)
    .bind(&organization.name)
    .bind(&organization.currency)
    .bind(&time_zone)
    .bind(request.fiscal_year_start)
    .bind(client.base_url().as_str())
    .bind(sealed)
    .fetch_one(connections.pool())
    .await?;
    if let Some((server, grant)) = before {
        // A key reads more; the grant is needed no more.
        let given_back = give_back(connections, id, &server, &grant).await;
        if let Err(error) = given_back {
            tracing::warn!(connection = %id, error = error.logged(), "the access by MCP could not be given back");
        }
    }
    let context = connections.mapping(id).await?;
    settings::read(connections.pool(), &client, &context).await?;
    let webhook_url = match &request.public_url {
        Some(public_url) => {
            Some(subscription::subscribe(connections, &client, id, public_url).await?)
        }
        None => None,
    };
    Ok(Connected {
        id,
        organization_id: organization.id,
        organization_name: organization.name,
        webhook_url,
        renewed,
    })
}

fn check(request: &ConnectRequest) -> Result<(), SyncError> {
    if let Some(zone) = &request.time_zone
        && zone.parse::<chrono_tz::Tz>().is_err()
    {
        let allowed = "an IANA name such as Europe/Berlin";
        return Err(SyncError::InvalidInput {
            what: "the time zone",
            given: zone.clone(),
            allowed,
        });
    }
    if let Some(month) = request.fiscal_year_start
        && !(1..=12).contains(&month)
    {
        let what = "the start of the fiscal year";
        return Err(SyncError::InvalidInput {
            what,
            given: month.to_string(),
            allowed: "a month, 1 to 12",
        });
    }
    Ok(())
}
