//! An OAuth app, which an organization registers with Close for the REST API: its addresses, its codes and its tokens.
//! Each request for tokens carries the app's secret. Close's metadata document is not asked: it does not name where
//! people are sent.

use super::OAuthError;
use super::grant::lasts;
use super::http::{Hosts, Http};
use closegraph_entity::permission::{FULL_ACCESS, Granted, OFFLINE_ACCESS};
use futures::FutureExt;
use futures::future::BoxFuture;
use oauth2::basic::{
    BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse,
    BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EndpointNotSet, EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

/// What is asked for. There is no scope that only reads.
const SCOPES: [&str; 2] = [FULL_ACCESS, OFFLINE_ACCESS];

/// The host of Close's API, and the one to which it sends people.
const API: &str = "api.close.com";
const PEOPLE: &str = "app.close.com";

/// What Close adds to its tokens: the organization that was chosen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    organization_id: Option<String>,
}

impl ExtraTokenFields for Chosen {}

type Tokens = StandardTokenResponse<Chosen, BasicTokenType>;
type AppClient = Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// An app, as its organization has registered it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct App {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) redirect_uri: String,
}

/// What an app asked a person for.
pub(super) struct Asked {
    pub(super) url: Url,
    pub(super) state: String,
    pub(super) verifier: String,
}

/// What a person has granted to an app, as it is sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AppGrant {
    app: App,
    tokens: Tokens,
    /// Seconds since 1970.
    received_at: u64,
    /// Scopes, as they were granted at first.
    scopes: Vec<String>,
}

impl std::fmt::Debug for AppGrant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AppGrant(…)")
    }
}

/// An address of the authorization server of the API under `base_url`.
fn address(base_url: &Url, path: &str) -> Result<Url, OAuthError> {
    let joined = base_url.join(path);
    joined.map_err(|_| OAuthError::Address(base_url.to_string()))
}

fn authorization_address(base_url: &Url) -> Result<Url, OAuthError> {
    let mut url = address(base_url, "/oauth2/authorize/")?;
    if url.host_str() == Some(API) {
        url.set_host(Some(PEOPLE))
            .map_err(|_| OAuthError::Address(base_url.to_string()))?;
    }
    Ok(url)
}

impl App {
    fn client(&self, base_url: &Url) -> Result<AppClient, OAuthError> {
        let redirect_uri = RedirectUrl::new(self.redirect_uri.clone());
        let redirect_uri =
            redirect_uri.map_err(|_| OAuthError::Redirect(self.redirect_uri.clone()))?;
        Ok(Client::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(ClientSecret::new(self.client_secret.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_redirect_uri(redirect_uri)
            .set_auth_uri(AuthUrl::from_url(authorization_address(base_url)?))
            .set_token_uri(TokenUrl::from_url(address(base_url, "/oauth2/token/")?)))
    }

    /// What to ask a person for, and where.
    pub(super) fn ask(&self, base_url: &Url) -> Result<Asked, OAuthError> {
        let hosts = Hosts::of(base_url)?;
        let client = self.client(base_url)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = SCOPES.map(|scope| Scope::new(scope.to_owned()));
        let (url, state) = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(scopes)
            .set_pkce_challenge(challenge)
            .url();
        hosts.check(&url)?;
        Ok(Asked {
            url,
            state: state.into_secret(),
            verifier: verifier.into_secret(),
        })
    }

    /// Tokens for the code that a person came back with.
    pub(super) async fn exchange(
        self,
        base_url: &Url,
        code: &str,
        verifier: String,
    ) -> Result<AppGrant, OAuthError> {
        let http = Http::new(Hosts::of(base_url)?)?;
        let client = self.client(base_url)?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier));
        let answer = request.request_async(&http).await;
        let tokens = answer.map_err(|error| match refusal(&error) {
            Refusal::App(reason) => OAuthError::App(reason),
            Refusal::Grant(reason) | Refusal::Other(reason) => OAuthError::Exchange(reason),
        })?;
        // An answer that names no scopes grants what was asked for.
        let granted = tokens.scopes().map_or_else(
            || SCOPES.map(str::to_owned).to_vec(),
            |scopes| scopes.iter().map(|scope| scope.to_string()).collect(),
        );
        Ok(AppGrant {
            app: self,
            received_at: now(),
            tokens,
            scopes: granted,
        })
    }
}

impl AppGrant {
    pub(super) fn parse(text: &SecretString) -> Result<Self, OAuthError> {
        serde_json::from_str(text.expose_secret()).map_err(|_| OAuthError::Kept)
    }

    pub(super) fn text(&self) -> Result<SecretString, OAuthError> {
        let text = serde_json::to_string(self).map_err(|_| OAuthError::Kept)?;
        Ok(text.into())
    }

    pub(super) fn access_token(&self) -> SecretString {
        self.tokens.access_token().secret().clone().into()
    }

    /// The organization that the person chose, where Close says so.
    pub(super) fn organization(&self) -> Option<&str> {
        self.tokens.extra_fields().organization_id.as_deref()
    }

    /// What was asked for, and whether it was granted; without the API itself the grant is of no use.
    pub(super) fn scopes(&self) -> Result<Vec<Granted>, OAuthError> {
        let granted = |name: &&str| self.scopes.iter().any(|one| one == name);
        if !granted(&FULL_ACCESS) {
            return Err(OAuthError::Scope(FULL_ACCESS));
        }
        let scope = |name: &&str| Granted::new(name, granted(name));
        Ok(SCOPES.iter().map(scope).collect())
    }

    pub(super) fn is_fresh(&self) -> bool {
        lasts(self.tokens.expires_in(), self.received_at)
    }

    /// The grant with new tokens; the ones before are dead.
    pub(super) async fn renewed(mut self, base_url: &Url) -> Result<Self, OAuthError> {
        let again = OAuthError::Gone("--oauth");
        let token = self.tokens.refresh_token().cloned().ok_or(again)?;
        let http = Http::new(Hosts::of(base_url)?)?;
        let client = self.app.client(base_url)?;
        let answer = client
            .exchange_refresh_token(&token)
            .request_async(&http)
            .await;
        self.tokens = answer.map_err(|error| match refusal(&error) {
            Refusal::App(reason) => OAuthError::App(reason),
            Refusal::Grant(_) => OAuthError::Gone("--oauth"),
            Refusal::Other(reason) => OAuthError::Renewal(reason),
        })?;
        if self.tokens.refresh_token().is_none() {
            self.tokens.set_refresh_token(Some(token));
        }
        self.received_at = now();
        Ok(self)
    }

    /// Gives the grant back, with all its tokens.
    pub(super) async fn revoke(&self, base_url: &Url) -> Result<(), OAuthError> {
        let http = Http::new(Hosts::of(base_url)?)?;
        let refresh = self.tokens.refresh_token().map(RefreshToken::secret);
        let token = refresh.unwrap_or_else(|| self.tokens.access_token().secret());
        let form = [
            ("client_id", self.app.client_id.as_str()),
            ("client_secret", &self.app.client_secret),
            ("token", token),
        ];
        let endpoint = address(base_url, "/oauth2/revoke/")?;
        match http.post(&endpoint, &form).await {
            Ok(200..=299) => Ok(()),
            Ok(status @ (401 | 403)) => Err(OAuthError::App(format!("status {status}"))),
            Ok(status) => Err(OAuthError::Revocation(format!("status {status}"))),
            Err(error) => Err(OAuthError::Revocation(error.to_string())),
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// Why a request for tokens has no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unanswered(String);

impl<'a> AsyncHttpClient<'a> for Http {
    type Error = Unanswered;
    type Future = BoxFuture<'a, Result<HttpResponse, Unanswered>>;

    fn call(&'a self, request: HttpRequest) -> Self::Future {
        let sent = async move {
            let sent = self.send(request).await;
            sent.map_err(|error| Unanswered(error.to_string()))
        };
        sent.boxed()
    }
}

/// Whom a refusal of tokens is about.
enum Refusal {
    App(String),
    Grant(String),
    Other(String),
}

fn refusal(error: &RequestTokenError<Unanswered, BasicErrorResponse>) -> Refusal {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let reason = said.to_string();
            match said.error() {
                BasicErrorResponseType::InvalidClient
                | BasicErrorResponseType::UnauthorizedClient => Refusal::App(reason),
                BasicErrorResponseType::InvalidGrant => Refusal::Grant(reason),
                _ => Refusal::Other(reason),
            }
        }
        RequestTokenError::Request(error) => Refusal::Other(error.to_string()),
        // The answer itself may hold tokens.
        RequestTokenError::Parse(..) => {
            Refusal::Other("the answer of Close can't be read".to_owned())
        }
        RequestTokenError::Other(reason) => Refusal::Other(reason.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::{address, authorization_address};
    use url::Url;

    #[test]
    fn people_are_sent_to_the_app_and_tokens_are_asked_of_the_api() {
        let close = Url::parse("https://api.close.com/api/v1/").unwrap();
        let asked = authorization_address(&close).unwrap();
        assert_eq!(asked.as_str(), "https://app.close.com/oauth2/authorize/");
        let tokens = address(&close, "/oauth2/token/").unwrap();
        assert_eq!(tokens.as_str(), "https://api.close.com/oauth2/token/");
        let other = Url::parse("http://127.0.0.1:8765/api/v1/").unwrap();
        let asked = authorization_address(&other).unwrap();
        assert_eq!(asked.as_str(), "http://127.0.0.1:8765/oauth2/authorize/");
    }
}
