//! What the provider is asked: its metadata and keys, which are kept for a while, and who a code is about.

use super::attempt::Attempt;
use super::fault::Fault;
use super::{CALLBACK, OpenIdConnect};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, TokenResponse,
};
use reqwest::header::AUTHORIZATION;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use url::Url;

/// How long metadata and keys are believed.
const FRESH: Duration = Duration::from_secs(900);
/// Between two readings of them, whether they came to something or not.
const PAUSE: Duration = Duration::from_secs(1);
/// Limits of one request.
const CONNECTING: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);
/// No answer of a provider is longer.
const LONGEST: usize = 1024 * 1024;
/// A longer subject is none that OpenID Connect knows.
const SUBJECT: usize = 255;

/// Signatures that only the provider can make: those by a shared secret are not among them.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The provider.
#[derive(Debug)]
pub(in crate::http::sign_in) struct Provider {
    options: OpenIdConnect,
    callback: RedirectUrl,
    http: reqwest::Client,
    known: Mutex<Known>,
}

/// What is known of it.
#[derive(Debug, Default)]
struct Known {
    metadata: Option<CoreProviderMetadata>,
    /// When it was last asked for, and what went wrong then.
    asked: Option<(Instant, Option<String>)>,
}

impl Provider {
    /// Asks nothing yet.
    pub(in crate::http::sign_in) fn new(
        options: OpenIdConnect,
        public: &Url,
    ) -> Result<Self, reqwest::Error> {
        let mut callback = public.clone();
        let below = public.path().trim_end_matches('/');
        callback.set_path(&format!("{below}/{CALLBACK}"));
        callback.set_query(None);
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECTING)
            .timeout(TIMEOUT)
            .https_only(options.issuer.starts_with("https:"))
            // Nobody is followed elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("closegraph/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            options,
            callback: RedirectUrl::from_url(callback),
            http,
            known: Mutex::default(),
        })
    }

    pub(in crate::http::sign_in) fn issuer(&self) -> String {
        self.options.issuer.clone()
    }

    pub(in crate::http::sign_in) fn label(&self) -> String {
        self.options.label.clone()
    }

    pub(super) fn options(&self) -> &OpenIdConnect {
        &self.options
    }

    /// Where a person allows the sign-in.
    pub(super) async fn address(&self, attempt: &Attempt) -> Result<Url, Fault> {
        let metadata = self.metadata(FRESH).await?;
        let verifier = PkceCodeVerifier::new(attempt.verifier());
        let client = self.client(metadata);
        let (state, nonce) = (attempt.state(), attempt.nonce());
        let asked = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(state),
            move || Nonce::new(nonce),
        );
        let scopes = self.options.scopes.iter().cloned().map(Scope::new);
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let (address, _, _) = asked.add_scopes(scopes).set_pkce_challenge(challenge).url();
        Ok(address)
    }

    /// Whom a code is about: the subject, and all claims of the ID token.
    pub(super) async fn identify(
        &self,
        attempt: &Attempt,
        code: String,
    ) -> Result<(String, Value), Fault> {
        let metadata = self.metadata(FRESH).await?;
        let token = self.exchange(metadata.clone(), attempt, code).await?;
        let nonce = Nonce::new(attempt.nonce());
        let subject = match self.verified(metadata, &token, &nonce) {
            // The provider may have new keys.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let metadata = self.metadata(Duration::ZERO).await?;
                self.verified(metadata, &token, &nonce)?
            }
            verified => verified?,
        };
        let is_plain = subject.len() <= SUBJECT && !subject.contains(char::is_control);
        let claims = claims(&token).filter(|_| is_plain);
        let claims = claims.ok_or(Fault::Untrusted("it is not made as it should be"))?;
        Ok((subject, claims))
    }

    async fn exchange(
        &self,
        metadata: CoreProviderMetadata,
        attempt: &Attempt,
        code: String,
    ) -> Result<CoreIdToken, Fault> {
        let fault = |told: &str| Fault::Exchange(told.to_owned());
        let client = self.client(metadata);
        let asked = client.exchange_code(AuthorizationCode::new(code));
        let asked = asked.map_err(|_| fault("it has no token endpoint"))?;
        let verifier = PkceCodeVerifier::new(attempt.verifier());
        let http = |request| send(self.http.clone(), request);
        let answer = asked.set_pkce_verifier(verifier).request_async(&http).await;
        let answer = answer.map_err(|error| match error {
            // Its description may quote what it was asked.
            RequestTokenError::ServerResponse(refusal) => {
                fault(&format!("it answers {:.64}", refusal.error().to_string()))
            }
            RequestTokenError::Request(error) => fault(&chain(&error)),
            RequestTokenError::Parse(..) => fault("its answer is no answer about tokens"),
            RequestTokenError::Other(_) => fault("its answer is empty or of another type"),
        })?;
        let token = answer.id_token().cloned();
        token.ok_or_else(|| fault("its answer has no ID token"))
    }

    /// The subject of an ID token that the provider has made for this sign-in.
    fn verified(
        &self,
        metadata: CoreProviderMetadata,
        token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<String, ClaimsVerificationError> {
        let client = self.client(metadata);
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
        let claims = token.claims(&verifier, nonce)?;
        Ok(claims.subject().to_string())
    }

    fn client(&self, metadata: CoreProviderMetadata) -> Client {
        use CoreClientAuthMethod::{ClientSecretBasic, ClientSecretPost};
        let methods = metadata.token_endpoint_auth_methods_supported();
        let posts = methods.is_some_and(|methods| {
            methods.contains(&ClientSecretPost) && !methods.contains(&ClientSecretBasic)
        });
        let secret = self.options.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let id = ClientId::new(self.options.client_id.clone());
        CoreClient::from_provider_metadata(metadata, id, secret)
            .set_redirect_uri(self.callback.clone())
            .set_auth_type(match posts {
                true => AuthType::RequestBody,
                false => AuthType::BasicAuth,
            })
    }

    /// Metadata and keys, no older than that or just read.
    async fn metadata(&self, age: Duration) -> Result<CoreProviderMetadata, Fault> {
        let mut known = self.known.lock().await;
        if let Some((at, failed)) = &known.asked {
            let limit = match failed {
                Some(_) => PAUSE,
                None => age.max(PAUSE),
            };
            match (failed, &known.metadata) {
                (Some(told), _) if at.elapsed() < limit => {
                    return Err(Fault::Unavailable(told.clone()));
                }
                (None, Some(metadata)) if at.elapsed() < limit => return Ok(metadata.clone()),
                _ => {}
            }
        }
        let found = self.discover().await;
        known.asked = Some((Instant::now(), found.as_ref().err().cloned()));
        let found = found.map_err(Fault::Unavailable)?;
        known.metadata = Some(found.clone());
        Ok(found)
    }

    async fn discover(&self) -> Result<CoreProviderMetadata, String> {
        let issuer = IssuerUrl::new(self.options.issuer.clone());
        let issuer = issuer.map_err(|error| error.to_string())?;
        let http = |request| send(self.http.clone(), request);
        let found = CoreProviderMetadata::discover_async(issuer, &http).await;
        found.map_err(|error| chain(&error))
    }
}

/// All claims of an ID token that was verified.
fn claims(token: &CoreIdToken) -> Option<Value> {
    let token = token.to_string();
    let payload = token.split('.').nth(1)?;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("it can't be asked")]
    Http(#[source] reqwest::Error),
    #[error("its answer can't be read")]
    Answer(#[from] axum::http::Error),
    #[error("its answer is longer than {LONGEST} bytes")]
    Length,
}

impl From<reqwest::Error> for SendError {
    /// Addresses may hold more than is to be logged.
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, SendError> {
    let (mut head, body) = request.into_parts();
    if let Some(secret) = head.headers.get_mut(AUTHORIZATION) {
        secret.set_sensitive(true);
    }
    let request = http
        .request(head.method, head.uri.to_string())
        .headers(head.headers)
        .body(body);
    let mut answer = request.send().await?;
    let mut read = axum::http::Response::builder().status(answer.status());
    if let Some(headers) = read.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > LONGEST {
            return Err(SendError::Length);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(read.body(body)?)
}

/// An error and what is behind it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        told.push_str(": ");
        told.push_str(&error.to_string());
        behind = error.source();
    }
    told
}
