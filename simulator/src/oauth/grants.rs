//! Clients, codes and grants, with what can go wrong with them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::app::lock;

/// How the authorization server behaves; `PUT /_sim/oauth` changes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Behaviour {
    /// Lifetime of an access token. Default 3600.
    pub(crate) access_token_seconds: u64,
    /// Lifetime of an authorization code. Default 60.
    pub(crate) code_seconds: u64,
    /// Scopes that are never granted. Default none.
    pub(crate) withheld: Vec<String>,
    /// Milliseconds that a token request takes. Default 0.
    pub(crate) token_delay_ms: u64,
    /// Whether those who allow an app are users who are no admins. Default no.
    pub(crate) consent_by_member: bool,
    /// A secret that has taken the place of the app's. Default none.
    pub(crate) app_secret: Option<String>,
    /// Token requests from now on that are done but answered 502, as if the answer were lost.
    pub(crate) lost_answers: u32,
    /// Tools of the MCP server that fail. Default none.
    pub(crate) failing_tools: Vec<String>,
    /// Tools of the MCP server that answer their first page whatever cursor they are given. Default none.
    pub(crate) stuck_tools: Vec<String>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            access_token_seconds: 3_600,
            code_seconds: 60,
            withheld: Vec::new(),
            token_delay_ms: 0,
            consent_by_member: false,
            app_secret: None,
            lost_answers: 0,
            failing_tools: Vec::new(),
            stuck_tools: Vec::new(),
        }
    }
}

/// A client that registered itself, or an app, which has a secret.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) secret: Option<String>,
}

impl Client {
    /// Close wants https of an app (dossier 1.3); here this machine is as good.
    pub(super) fn may_return_to(&self, uri: &str) -> bool {
        if self.secret.is_none() {
            return self.redirect_uris.iter().any(|known| known == uri);
        }
        let Ok(uri) = Url::parse(uri) else {
            return false;
        };
        uri.scheme() == "https" || uri.host_str() == Some("127.0.0.1")
    }

    /// What may be granted to it.
    fn scopes(&self) -> &'static [&'static str] {
        match self.secret {
            Some(_) => &super::APP_SCOPES,
            None => &super::SCOPES,
        }
    }
}

/// What a person allowed, before a client has asked for its tokens.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) resource: String,
    expires: Instant,
    /// The grant that was made of it.
    grant: Option<usize>,
}

#[derive(Debug)]
struct Grant {
    client_id: String,
    scopes: Vec<String>,
    access: HashMap<String, Instant>,
    refresh: Option<String>,
    revoked: bool,
}

/// Why a token request is refused, as its `error` says it.
pub(crate) type Refusal = (&'static str, &'static str);

const INVALID: &str = "invalid_grant";

#[derive(Debug, Default)]
pub(crate) struct OAuth {
    behaviour: Mutex<Behaviour>,
    state: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    clients: BTreeMap<String, Client>,
    codes: HashMap<String, Code>,
    grants: Vec<Grant>,
    /// Refresh tokens ever given, by the place of their grant.
    refresh: HashMap<String, usize>,
    refreshes: u64,
    /// All codes and tokens ever given.
    secrets: Vec<String>,
}

/// A text that nobody guesses.
fn mint(prefix: &str) -> String {
    let bytes: [u8; 24] = rand::random();
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// One that nobody else may know. It is recognized wherever it goes.
fn mint_secret(kind: &str) -> String {
    mint(&format!("{kind}_sim5ecret"))
}

impl OAuth {
    /// An authorization server that knows an app.
    pub(crate) fn with_app(id: &str, secret: &str) -> Self {
        let app = Client {
            name: "Closegraph of the organization".to_owned(),
            redirect_uris: Vec::new(),
            secret: Some(secret.to_owned()),
        };
        let oauth = Self::default();
        lock(&oauth.state).clients.insert(id.to_owned(), app);
        oauth
    }

    pub(crate) fn behaviour(&self) -> Behaviour {
        lock(&self.behaviour).clone()
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *lock(&self.behaviour) = behaviour;
    }

    /// Whether this answer is to be lost.
    pub(crate) fn loses_answer(&self) -> bool {
        let mut behaviour = lock(&self.behaviour);
        let left = behaviour.lost_answers.checked_sub(1);
        behaviour.lost_answers = left.unwrap_or(0);
        left.is_some()
    }

    pub(super) fn register(&self, name: String, redirect_uris: Vec<String>) -> String {
        let id = mint("client_");
        let client = Client {
            name,
            redirect_uris,
            secret: None,
        };
        lock(&self.state).clients.insert(id.clone(), client);
        id
    }

    pub(super) fn client(&self, id: &str) -> Option<Client> {
        lock(&self.state).clients.get(id).cloned()
    }

    /// The code of a consent, for these scopes but those that are withheld.
    pub(super) fn allow(
        &self,
        client_id: &str,
        redirect_uri: &str,
        challenge: &str,
        scopes: &str,
        resource: &str,
    ) -> String {
        let behaviour = self.behaviour();
        let client = self.client(client_id);
        let grantable = client.as_ref().map_or(&[][..], Client::scopes);
        let scopes = scopes.split_whitespace();
        let scopes = scopes.filter(|scope| {
            grantable.contains(scope) && !behaviour.withheld.iter().any(|not| not == scope)
        });
        let code = Code {
            client_id: client_id.into(),
            redirect_uri: redirect_uri.into(),
            challenge: challenge.into(),
            scopes: scopes.map(str::to_owned).collect(),
            resource: resource.into(),
            expires: Instant::now() + Duration::from_secs(behaviour.code_seconds),
            grant: None,
        };
        let text = mint_secret("code");
        let mut state = lock(&self.state);
        state.secrets.push(text.clone());
        state.codes.insert(text.clone(), code);
        text
    }

    /// Tokens for a code; a code that comes again takes back what was made of it.
    pub(super) fn exchange(
        &self,
        code: &str,
        client_id: &str,
        redirect_uri: &str,
        verifier: &str,
        resource: &str,
    ) -> Result<Value, Refusal> {
        let lifetime = self.behaviour().access_token_seconds;
        let mut state = lock(&self.state);
        let state = &mut *state;
        let code = state.codes.get_mut(code);
        let code = code.ok_or((INVALID, "The code is not known."))?;
        if let Some(grant) = code.grant.and_then(|place| state.grants.get_mut(place)) {
            grant.revoked = true;
            return Err((INVALID, "The code was used before."));
        }
        if code.expires <= Instant::now() {
            return Err((INVALID, "The code has expired."));
        }
        if code.client_id != client_id || code.redirect_uri != redirect_uri {
            return Err((INVALID, "The code was given to another client."));
        }
        if code.resource != resource {
            return Err(("invalid_target", "The resource is not the one allowed."));
        }
        let proved = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == code.challenge;
        if !proved && !code.challenge.is_empty() {
            return Err((INVALID, "The code verifier does not fit."));
        }
        code.grant = Some(state.grants.len());
        state.grants.push(Grant {
            client_id: client_id.to_owned(),
            scopes: code.scopes.clone(),
            access: HashMap::new(),
            refresh: None,
            revoked: false,
        });
        Ok(state.issue(state.grants.len() - 1, lifetime))
    }

    /// New tokens for a refresh token, which is dead from now on; one that is dead takes back its
    /// grant.
    pub(super) fn refresh(&self, token: &str, client_id: &str) -> Result<Value, Refusal> {
        let lifetime = self.behaviour().access_token_seconds;
        let mut state = lock(&self.state);
        let place = state.refresh.get(token).copied();
        let place = place.ok_or((INVALID, "The refresh token is not known."))?;
        let grant = state.grants.get_mut(place);
        let grant = grant.ok_or((INVALID, "The refresh token is not known."))?;
        if grant.client_id != client_id {
            return Err((INVALID, "The refresh token was given to another client."));
        }
        if grant.refresh.as_deref() != Some(token) {
            grant.revoked = true;
        }
        if grant.revoked {
            return Err((INVALID, "The grant was revoked."));
        }
        state.refreshes += 1;
        Ok(state.issue(place, lifetime))
    }

    /// Takes back the grant of a token, whichever of the two it is.
    pub(super) fn revoke(&self, token: &str, client_id: &str) {
        let mut state = lock(&self.state);
        let of_refresh = state.refresh.get(token).copied();
        let holds = |(_, grant): &(usize, &mut Grant)| grant.access.contains_key(token);
        let place = of_refresh.or_else(|| {
            let mut grants = state.grants.iter_mut().enumerate();
            grants.find(holds).map(|(place, _)| place)
        });
        let grant = place.and_then(|place| state.grants.get_mut(place));
        if let Some(grant) = grant.filter(|grant| grant.client_id == client_id) {
            grant.revoked = true;
        }
    }

    /// As a person does in Close's settings.
    pub(crate) fn revoke_all(&self) {
        let mut state = lock(&self.state);
        state
            .grants
            .iter_mut()
            .for_each(|grant| grant.revoked = true);
    }

    /// Access tokens are good no more; refresh tokens are.
    pub(crate) fn forget_access(&self) {
        let mut state = lock(&self.state);
        state
            .grants
            .iter_mut()
            .for_each(|grant| grant.access.clear());
    }

    /// The scopes of an access token that is good.
    pub(crate) fn scopes(&self, token: &str) -> Option<Vec<String>> {
        let now = Instant::now();
        let state = lock(&self.state);
        let mut live = state.grants.iter().filter(|grant| !grant.revoked);
        let found = live.find(|grant| grant.access.get(token).is_some_and(|end| *end > now));
        found.map(|grant| grant.scopes.clone())
    }

    /// What there is, for tests: the secrets, too.
    pub(crate) fn shown(&self) -> Value {
        let state = lock(&self.state);
        let grants: Vec<Value> = state
            .grants
            .iter()
            .map(|grant| json!({ "client_id": grant.client_id, "scopes": grant.scopes, "revoked": grant.revoked }))
            .collect();
        let clients: Vec<Value> = state
            .clients
            .values()
            .map(|client| json!({ "name": client.name, "redirect_uris": client.redirect_uris }))
            .collect();
        json!({
            "clients": clients,
            "grants": grants,
            "refreshes": state.refreshes,
            "secrets": state.secrets,
        })
    }
}

impl Known {
    /// New tokens of a grant, as a token answer tells them. Earlier access tokens live on.
    fn issue(&mut self, place: usize, lifetime: u64) -> Value {
        let Some(grant) = self.grants.get_mut(place) else {
            return Value::Null;
        };
        let access = mint_secret("at");
        let end = Instant::now() + Duration::from_secs(lifetime);
        grant.access.insert(access.clone(), end);
        self.secrets.push(access.clone());
        let mut answer = json!({
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": lifetime,
            "scope": grant.scopes.join(" "),
        });
        if grant.scopes.iter().any(|scope| scope == "offline_access") {
            let refresh = mint_secret("rt");
            grant.refresh = Some(refresh.clone());
            self.refresh.insert(refresh.clone(), place);
            self.secrets.push(refresh.clone());
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("refresh_token".into(), refresh.into());
            }
        }
        answer
    }
}
