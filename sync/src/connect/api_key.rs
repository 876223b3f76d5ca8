//! Connecting with an API key.

use super::connections::{Connections, parse_base_url};
use super::full::{Connected, Full, Wishes, first_options};
use crate::close::CloseClient;
use crate::error::SyncError;
use closegraph_entity::connection::AuthMethod;
use closegraph_entity::permission::{FULL_ACCESS, Granted};
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

/// Connects, or connects again.
pub async fn connect_api_key(
    connections: &Connections,
    request: &ConnectRequest,
) -> Result<Connected, SyncError> {
    by_key(connections, request, None).await
}

/// Gives a key to a connection that is there, whatever it was by: it keeps its id and its data. A key of another
/// organization is refused.
pub async fn add_api_key(
    connections: &Connections,
    connection: Uuid,
    request: &ConnectRequest,
) -> Result<Connected, SyncError> {
    by_key(connections, request, Some(connection)).await
}

async fn by_key(
    connections: &Connections,
    request: &ConnectRequest,
    connection: Option<Uuid>,
) -> Result<Connected, SyncError> {
    let base_url = parse_base_url(&request.base_url)?;
    let wishes = Wishes {
        public_url: request.public_url.clone(),
        time_zone: request.time_zone.clone(),
        fiscal_year_start: request.fiscal_year_start,
        connection,
    };
    wishes.check(connections).await?;
    let client = CloseClient::new(&base_url, request.api_key.clone(), first_options())?;
    let full = Full {
        client,
        method: AuthMethod::ApiKey,
        credential: request.api_key.clone(),
        asked: vec![Granted::new(FULL_ACCESS, true)],
        organization: None,
        wishes,
    };
    full.store(connections).await?.complete(connections).await
}
