//! Signing in with an OpenID Connect provider: the authorization code flow with PKCE. What a person may do follows from a
//! claim of the ID token, which is read then and not again: it lasts as long as the session.

mod attempt;
mod claims;
mod fault;
mod provider;

pub(super) use provider::Provider;

use super::session::{self, Person, Whom};
use super::{cookies, page};
use crate::http::{Api, respond};
use attempt::{Attempt, LIFETIME};
use axum::extract::{Query, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use closegraph_entity::api_token::Role;
use fault::Fault;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Where the provider sends browsers back to, below the public address.
const CALLBACK: &str = "sign-in/openid-connect/callback";

/// A provider, and what its people may do here.
#[derive(Clone, Debug)]
pub struct OpenIdConnect {
    /// As the provider itself writes it: it is compared letter by letter.
    pub issuer: String,
    pub client_id: String,
    /// Absent: the client is public, and PKCE alone protects it.
    pub client_secret: Option<SecretString>,
    /// Scopes beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that says what a person may do: its name, or a JSON pointer to it.
    pub role_claim: String,
    /// The role of each value of the claim; of several the highest counts.
    pub roles: BTreeMap<String, Role>,
    /// Connections that its people see; `None` means all.
    pub connections: Option<Vec<Uuid>>,
    /// The claim that says which of them a person sees, by their ids; `None`: each sees all of them.
    pub connections_claim: Option<String>,
    /// What the sign-in page calls it.
    pub label: String,
}

/// `GET /sign-in/openid-connect`: sends the browser to the provider.
pub(super) async fn start(State(api): State<Api>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let attempt = Attempt::begin();
    let begun = async {
        let provider = api.sign_in.provider.as_ref().ok_or(Fault::Unconfigured)?;
        provider.address(&attempt).await
    };
    match begun.await {
        Ok(address) => {
            let site = &api.sign_in.site;
            let cookie = cookies::ATTEMPT.set(site, &head, attempt.cookie(), LIFETIME);
            let cookie = [(header::SET_COOKIE, cookie)];
            (cookie, Redirect::to(address.as_str())).into_response()
        }
        Err(fault) => refuse(&fault, "../"),
    }
}

/// What the provider sends along with the browser.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// `GET /sign-in/openid-connect/callback`: the browser is back.
pub(super) async fn finish(State(api): State<Api>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let finished = signed_in(&api, &head).await;
    let site = &api.sign_in.site;
    // An attempt is good for one answer.
    let over = cookies::ATTEMPT.cleared(site, &head);
    match finished {
        Ok(secret) => {
            let lifetime = api.sign_in.options.session;
            let session = cookies::SESSION.set(site, &head, &secret, lifetime);
            let set = [(header::SET_COOKIE, over), (header::SET_COOKIE, session)];
            (AppendHeaders(set), Redirect::to("../../graphiql/")).into_response()
        }
        Err(fault) => {
            let mut response = refuse(&fault, "../../");
            response.headers_mut().insert(header::SET_COOKIE, over);
            response
        }
    }
}

/// A session for the person whom the provider's answer names: the secret of its cookie.
async fn signed_in(api: &Api, head: &Parts) -> Result<String, Fault> {
    let provider = api.sign_in.provider.as_ref().ok_or(Fault::Unconfigured)?;
    let Query(answer) = Query::<Answer>::try_from_uri(&head.uri).unwrap_or_default();
    let begun = cookies::ATTEMPT.of(&api.sign_in.site, head);
    let attempt = begun.as_deref().and_then(Attempt::of_cookie);
    let state = answer.state.as_deref().unwrap_or_default();
    // Whoever else sends the browser here, with an answer of theirs, does not know the state.
    let attempt = attempt.filter(|attempt| attempt.is_answered_by(state));
    let attempt = attempt.ok_or(Fault::NotBegun)?;
    if let Some(error) = answer.error.as_deref() {
        return Err(Fault::of_answer(error));
    }
    let code = answer.code.ok_or(Fault::NotBegun)?;
    let from = respond::address(&head.extensions);
    // Each answer makes us ask the provider.
    api.callers.check(from).map_err(|_| Fault::TooOften)?;
    let named = provider.identify(&attempt, code).await;
    let (subject, claims) = named.inspect_err(|fault| {
        if fault.is_of_the_answer() {
            api.callers.failed(from);
        }
    })?;
    let options = provider.options();
    let person = Person {
        issuer: options.issuer.clone(),
        subject,
        role: claims::role(options, &claims).ok_or(Fault::NoRole)?,
        connections: claims::connections(options, &claims).ok_or(Fault::NoConnection)?,
    };
    let opened = session::open(api, head, &Whom::Person(&person)).await;
    opened.map_err(|error| {
        tracing::error!(%error, "a session can't be kept");
        Fault::Database
    })
}

fn refuse(fault: &Fault, root: &str) -> Response {
    tracing::warn!(
        reason = fault.logged(),
        "nobody is signed in by the provider"
    );
    let mut response = page::told(&fault.to_string(), root);
    *response.status_mut() = fault.status();
    response
}
