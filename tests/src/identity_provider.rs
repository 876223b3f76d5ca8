//! An OpenID Connect provider on a loopback port. What it says is signed here, by hand: nothing of the client under test is
//! used for it. Whoever comes is let in at once, and it can be told to say what is not so.

use anyhow::Context;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, KeyPair as _};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use url::Url;

/// The client that it knows.
pub const CLIENT_ID: &str = "closegraph";
pub const CLIENT_SECRET: &str = "client-secret-of-the-test";

/// How an ID token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// As it should be.
    #[default]
    Right,
    /// By the right key, over something else.
    Wrong,
    /// By a key that nobody publishes.
    Foreign,
    /// With the client's secret, which others may know.
    Shared,
    /// Not at all.
    None,
}

/// What it does next.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// Claims over those that are right; null takes one away.
    pub claims: Value,
    pub signing: Signing,
    /// The error with which it sends browsers back.
    pub error: Option<&'static str>,
    /// Whether no code is good.
    pub refuses: bool,
    /// Whether it answers nothing.
    pub is_down: bool,
}

/// A provider; its port is closed when this is dropped.
#[derive(Debug)]
pub struct IdentityProvider {
    pub issuer: String,
    shared: Shared,
    serving: tokio::task::JoinHandle<()>,
}

type Shared = Arc<Mutex<Inner>>;

struct Inner {
    issuer: String,
    behaviour: Behaviour,
    key: Key,
    grants: HashMap<String, HashMap<String, String>>,
    secrets: Vec<String>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl IdentityProvider {
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let issuer = format!("http://{}/realm", listener.local_addr()?);
        let shared = Arc::new(Mutex::new(Inner {
            issuer: issuer.clone(),
            behaviour: Behaviour::default(),
            key: Key::new("first")?,
            grants: HashMap::new(),
            secrets: vec![CLIENT_SECRET.to_owned()],
        }));
        let router = Router::new()
            .route("/realm/.well-known/openid-configuration", get(metadata))
            .route("/realm/keys", get(keys))
            .route("/realm/authorize", get(authorize))
            .route("/realm/token", post(token))
            .with_state(shared.clone());
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self {
            issuer,
            shared,
            serving,
        })
    }

    pub fn behave(&self, behaviour: Behaviour) {
        lock(&self.shared).behaviour = behaviour;
    }

    /// Signs with a new key from now on, and publishes that one alone.
    pub fn rotate(&self) -> anyhow::Result<()> {
        let key = Key::new("second")?;
        lock(&self.shared).key = key;
        Ok(())
    }

    /// All that nobody else may know: codes, tokens, the secret of the client.
    pub fn secrets(&self) -> Vec<String> {
        lock(&self.shared).secrets.clone()
    }

    /// Opens an address of the provider, and answers where it sends the browser.
    pub async fn visit(&self, address: &str) -> anyhow::Result<Url> {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let answer = client.build()?.get(address).send().await?;
        let back = answer.headers().get(header::LOCATION);
        let back = back.with_context(|| format!("{} sends nobody back", answer.status()))?;
        Ok(Url::parse(back.to_str()?)?)
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Inner> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn metadata(State(shared): State<Shared>) -> Response {
    let inner = lock(&shared);
    if inner.behaviour.is_down {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let issuer = &inner.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // It offers more than is to be taken.
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
    }))
    .into_response()
}

async fn keys(State(shared): State<Shared>) -> Json<Value> {
    Json(json!({ "keys": [lock(&shared).key.public()] }))
}

/// Lets the person in, or says why not.
async fn authorize(
    State(shared): State<Shared>,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let mut inner = lock(&shared);
    let of = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let is_right = of("client_id") == CLIENT_ID
        && of("response_type") == "code"
        && of("code_challenge_method") == "S256"
        && of("scope").split(' ').any(|scope| scope == "openid")
        && ["state", "nonce", "code_challenge"]
            .iter()
            .all(|name| of(name).len() >= 32);
    let Some(mut back) = Url::parse(of("redirect_uri")).ok().filter(|_| is_right) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    back.query_pairs_mut().append_pair("state", of("state"));
    match inner.behaviour.error {
        Some(error) => {
            let told = "<b>words of the provider</b>";
            let mut pairs = back.query_pairs_mut();
            pairs
                .append_pair("error", error)
                .append_pair("error_description", told);
        }
        None => {
            let code = format!("code-{}", uuid::Uuid::new_v4());
            back.query_pairs_mut().append_pair("code", &code);
            inner.secrets.push(code.clone());
            inner.grants.insert(code, asked.clone());
        }
    }
    Redirect::to(back.as_str()).into_response()
}

async fn token(State(shared): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let mut inner = lock(&shared);
    let sent: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let of = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let client = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    let is_client = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|given| given == format!("Basic {client}").as_str());
    inner.secrets.push(of("code_verifier"));
    // A code is good once.
    let grant = inner.grants.remove(&of("code"));
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(of("code_verifier")));
    let grant = grant.filter(|grant| {
        is_client
            && !inner.behaviour.refuses
            && of("grant_type") == "authorization_code"
            && grant.get("code_challenge") == Some(&challenge)
            && grant.get("redirect_uri") == Some(&of("redirect_uri"))
    });
    let Some(grant) = grant else {
        let code = of("code");
        // Some providers quote what they were asked.
        let told =
            json!({ "error": "invalid_grant", "error_description": format!("{code} is not good") });
        return (StatusCode::BAD_REQUEST, Json(told)).into_response();
    };
    match inner.id_token(grant.get("nonce")) {
        Ok(id_token) => {
            let access_token = format!("access-{}", uuid::Uuid::new_v4());
            inner
                .secrets
                .extend([id_token.clone(), access_token.clone()]);
            Json(json!({ "access_token": access_token, "token_type": "Bearer", "id_token": id_token }))
                .into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

impl Inner {
    /// What is so, and over it what was told to be said.
    fn id_token(&self, nonce: Option<&String>) -> anyhow::Result<String> {
        let now = chrono::Utc::now().timestamp();
        let mut claims = json!({
            "iss": self.issuer, "sub": "ann-1", "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce,
            "email": "ann@example.com", "groups": ["everybody", "crm"],
        });
        let claims_mut = claims.as_object_mut().context("claims are an object")?;
        for (name, value) in self.behaviour.claims.as_object().into_iter().flatten() {
            claims_mut.insert(name.clone(), value.clone());
        }
        claims_mut.retain(|_, value| !value.is_null());
        let signing = self.behaviour.signing;
        let foreign;
        let key = match signing {
            Signing::Foreign => {
                foreign = Key::new("foreign")?;
                &foreign
            }
            _ => &self.key,
        };
        let algorithm = match signing {
            Signing::Shared => "HS256",
            Signing::None => "none",
            _ => "RS256",
        };
        let head = json!({ "alg": algorithm, "typ": "JWT", "kid": key.id });
        let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&head), encode(&claims));
        let signature = match signing {
            Signing::Right | Signing::Foreign => key.sign(signed.as_bytes())?,
            Signing::Wrong => key.sign(b"something else")?,
            Signing::Shared => {
                let mac = Hmac::<Sha256>::new_from_slice(CLIENT_SECRET.as_bytes())?;
                mac.chain_update(&signed).finalize().into_bytes().to_vec()
            }
            Signing::None => Vec::new(),
        };
        Ok(format!(
            "{signed}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(signature)
        ))
    }
}

/// A key that signs.
struct Key {
    id: &'static str,
    pair: KeyPair,
}

impl Key {
    fn new(id: &'static str) -> anyhow::Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048);
        let pair = pair.map_err(|_| anyhow::anyhow!("a key can't be made"))?;
        Ok(Self { id, pair })
    }

    fn sign(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let signed = self.pair.sign(
            &signature::RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        );
        signed.map_err(|_| anyhow::anyhow!("nothing can be signed"))?;
        Ok(signature)
    }

    /// As a JWK: the modulus stands in the DER of the public key behind nine bytes, and the exponent is 65537.
    fn public(&self) -> Value {
        let der = self.pair.public_key().as_ref();
        let length = self.pair.public_modulus_len();
        let modulus = der.get(9..9 + length).unwrap_or_default();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
            "n": BASE64_URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB",
        })
    }
}
