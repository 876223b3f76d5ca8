//! What is kept of a grant: the client that was registered for it, and its tokens.

use super::http::{Hosts, Http};
use super::{OAuthError, SCOPES};
use closegraph_entity::permission::Granted;
use oauth2::TokenResponse;
use rmcp::transport::auth::{
    AuthError, AuthorizationManager, AuthorizationMetadata, AuthorizationMetadataSource,
    OAuthClientConfig, StoredCredentials,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::Url;

/// The client that the authorization server knows us as.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Registration {
    pub(super) client_id: String,
    #[serde(default)]
    pub(super) client_secret: Option<String>,
    pub(super) redirect_uri: String,
}

impl Registration {
    pub(super) fn of(client: OAuthClientConfig) -> Self {
        Self {
            client_id: client.client_id,
            client_secret: client.client_secret,
            redirect_uri: client.redirect_uri,
        }
    }

    fn client(&self) -> OAuthClientConfig {
        let scopes = SCOPES.map(str::to_owned).to_vec();
        let client = OAuthClientConfig::new(&self.client_id, &self.redirect_uri);
        let client = client.with_scopes(scopes);
        match &self.client_secret {
            Some(secret) => client.with_client_secret(secret),
            None => client,
        }
    }
}

/// A grant, as it is sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) registration: Registration,
    pub(super) credentials: StoredCredentials,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Grant(…)")
    }
}

impl Grant {
    pub(super) fn parse(text: &SecretString) -> Result<Self, OAuthError> {
        serde_json::from_str(text.expose_secret()).map_err(|_| OAuthError::Kept)
    }

    pub(super) fn text(&self) -> Result<SecretString, OAuthError> {
        let text = serde_json::to_string(self).map_err(|_| OAuthError::Kept)?;
        Ok(text.into())
    }

    pub(super) fn access_token(&self) -> Result<SecretString, OAuthError> {
        let tokens = self.credentials.token_response.as_ref();
        let token = tokens.ok_or(OAuthError::Kept)?.access_token().secret();
        Ok(SecretString::from(token.clone()))
    }

    /// The token that outlives the others: with it the whole grant is given back.
    pub(super) fn longest_token(&self) -> Result<SecretString, OAuthError> {
        let tokens = self.credentials.token_response.as_ref();
        let tokens = tokens.ok_or(OAuthError::Kept)?;
        Ok(match tokens.refresh_token() {
            Some(token) => SecretString::from(token.secret().clone()),
            None => self.access_token()?,
        })
    }

    /// What was asked for, and whether it was granted.
    pub(super) fn scopes(&self) -> Vec<Granted> {
        let granted = &self.credentials.granted_scopes;
        let scope = |name: &str| Granted::new(name, granted.iter().any(|one| one == name));
        SCOPES.into_iter().map(scope).collect()
    }

    /// Whether the access token is good for longer than a request may take.
    pub(super) fn is_fresh(&self) -> bool {
        let tokens = self.credentials.token_response.as_ref();
        let lifetime = tokens.and_then(TokenResponse::expires_in);
        lasts(
            lifetime,
            self.credentials.token_received_at.unwrap_or_default(),
        )
    }
}

/// Whether a token that was received then, in seconds since 1970, is good for longer than a request may take.
pub(super) fn lasts(lifetime: Option<Duration>, received: u64) -> bool {
    let Some(lifetime) = lifetime else {
        // It says of no end: the server's 401 will.
        return true;
    };
    let end = UNIX_EPOCH + Duration::from_secs(received) + lifetime;
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    left > AHEAD.min(lifetime / 5)
}

/// How long before its end a token is renewed, unless it lives for less than five times that.
const AHEAD: Duration = Duration::from_secs(120);

/// An authorization server, as its documents tell of it.
pub(super) struct Found {
    /// Knows where to ask for tokens.
    pub(super) manager: AuthorizationManager,
    pub(super) metadata: AuthorizationMetadata,
    pub(super) http: Http,
}

/// Finds the authorization server of an MCP server.
pub(super) async fn discover(server: &Url) -> Result<Found, OAuthError> {
    let http = Http::new(Hosts::of(server)?)?;
    let failed = |reason: String| OAuthError::Discovery {
        server: server.to_string(),
        reason,
    };
    let new = AuthorizationManager::new_with_oauth_http_client(server.clone(), http.shared());
    let mut manager = new.await.map_err(|error| failed(told(&error)))?;
    let found = manager.resolve_metadata().await;
    let found = found.map_err(|error| failed(told(&error)))?;
    if found.source == AuthorizationMetadataSource::LegacyEndpointFallback {
        return Err(failed("it publishes none".to_owned()));
    }
    let metadata = found.metadata;
    for address in [&metadata.authorization_endpoint, &metadata.token_endpoint] {
        let address = Url::parse(address).map_err(|error| failed(error.to_string()))?;
        http.hosts().check(&address)?;
    }
    manager.set_metadata(metadata.clone());
    Ok(Found {
        manager,
        metadata,
        http,
    })
}

/// The same for a client that is registered already.
pub(super) async fn discover_for(
    server: &Url,
    registration: &Registration,
) -> Result<AuthorizationManager, OAuthError> {
    let Found { mut manager, .. } = discover(server).await?;
    let configured = manager.configure_client(registration.client());
    configured.map_err(|error| OAuthError::Discovery {
        server: server.to_string(),
        reason: told(&error),
    })?;
    Ok(manager)
}

/// An error with its causes, each once.
pub(super) fn told(error: &AuthError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let message = inner.to_string();
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        source = inner.source();
    }
    text
}
