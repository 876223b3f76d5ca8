//! A grant of either kind, as it is held for a connection.

use super::OAuthError;
use super::app::AppGrant;
use super::grant::{Grant, discover_for, told};
use super::revoke;
use closegraph_entity::connection::AuthMethod;
use rmcp::transport::auth::{
    AuthError, AuthorizationManager, CredentialStore, InMemoryCredentialStore,
};
use secrecy::SecretString;
use url::Url;

/// A grant for the server at `base_url`.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) base_url: Url,
    grant: Either,
}

#[derive(Debug)]
enum Either {
    Mcp(Grant),
    App(AppGrant),
}

/// What has to be known before a grant is renewed.
pub(super) enum Way {
    Mcp(Box<AuthorizationManager>),
    App,
}

impl Held {
    /// What is sealed for a connection of this kind. One by an API key holds none.
    pub(super) fn parse(
        method: AuthMethod,
        base_url: &str,
        text: &SecretString,
    ) -> Result<Self, OAuthError> {
        let base_url =
            Url::parse(base_url).map_err(|_| OAuthError::Address(base_url.to_owned()))?;
        let grant = match method {
            AuthMethod::Mcp => Either::Mcp(Grant::parse(text)?),
            AuthMethod::OAuth => Either::App(AppGrant::parse(text)?),
            AuthMethod::ApiKey => return Err(OAuthError::Kept),
        };
        Ok(Self { base_url, grant })
    }

    pub(super) fn text(&self) -> Result<SecretString, OAuthError> {
        match &self.grant {
            Either::Mcp(grant) => grant.text(),
            Either::App(grant) => grant.text(),
        }
    }

    pub(super) fn access_token(&self) -> Result<SecretString, OAuthError> {
        match &self.grant {
            Either::Mcp(grant) => grant.access_token(),
            Either::App(grant) => Ok(grant.access_token()),
        }
    }

    pub(super) fn is_fresh(&self) -> bool {
        match &self.grant {
            Either::Mcp(grant) => grant.is_fresh(),
            Either::App(grant) => grant.is_fresh(),
        }
    }

    /// Finds out how it is renewed, which may take its time.
    pub(super) async fn way(&self) -> Result<Way, OAuthError> {
        match &self.grant {
            Either::Mcp(grant) => {
                let manager = discover_for(&self.base_url, &grant.registration).await?;
                Ok(Way::Mcp(Box::new(manager)))
            }
            Either::App(_) => Ok(Way::App),
        }
    }

    /// The same with new tokens; the ones before are dead.
    pub(super) async fn renewed(self, way: Way) -> Result<Self, OAuthError> {
        let grant = match (self.grant, way) {
            (Either::Mcp(grant), Way::Mcp(manager)) => Either::Mcp(again(*manager, grant).await?),
            (Either::App(grant), Way::App) => Either::App(grant.renewed(&self.base_url).await?),
            // It was connected in another way meanwhile.
            _ => return Err(OAuthError::Kept),
        };
        Ok(Self {
            base_url: self.base_url,
            grant,
        })
    }

    /// Gives it back, with all its tokens.
    pub(super) async fn revoke(&self) -> Result<(), OAuthError> {
        match &self.grant {
            Either::Mcp(grant) => revoke::send(&self.base_url, grant).await,
            Either::App(grant) => grant.revoke(&self.base_url).await,
        }
    }
}

impl From<(Url, Grant)> for Held {
    fn from((base_url, grant): (Url, Grant)) -> Self {
        let grant = Either::Mcp(grant);
        Self { base_url, grant }
    }
}

impl From<(Url, AppGrant)> for Held {
    fn from((base_url, grant): (Url, AppGrant)) -> Self {
        let grant = Either::App(grant);
        Self { base_url, grant }
    }
}

async fn again(mut manager: AuthorizationManager, grant: Grant) -> Result<Grant, OAuthError> {
    let store = InMemoryCredentialStore::new();
    let failed = |error: AuthError| OAuthError::Renewal(told(&error));
    let kept = store.save(grant.credentials).await;
    kept.map_err(failed)?;
    manager.set_credential_store(store.clone());
    match manager.refresh_token().await {
        Ok(_) => {}
        Err(AuthError::TokenRefreshRejected(_) | AuthError::AuthorizationRequired) => {
            return Err(OAuthError::Gone("--mcp"));
        }
        Err(error) => return Err(failed(error)),
    }
    let credentials = store.load().await.map_err(failed)?;
    Ok(Grant {
        registration: grant.registration,
        credentials: credentials.ok_or(OAuthError::Kept)?,
    })
}
