//! Signing in by browser: with a token, or with an OpenID Connect provider. What comes of it is a session, which the browser
//! shows by a cookie that no script can read.

mod cookies;
mod openid;
mod page;
mod session;
mod site;

pub use openid::OpenIdConnect;

use super::Api;
use super::auth::{Credential, Denied, Identified};
use super::parameters::check_json;
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::{body, respond};
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use openid::Provider;
use serde::Deserialize;
use serde_json::{Value, json};
use session::Whom;
use site::Site;
use std::time::Duration;
use url::Url;

/// How people sign in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Where browsers reach this server, if that is known.
    pub public_url: Option<Url>,
    /// After which a session ends, however much it is used.
    pub session: Duration,
    /// After which a session ends that nobody uses.
    pub idle: Duration,
    /// The provider, if there is one. It needs the public address.
    pub openid_connect: Option<OpenIdConnect>,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            public_url: None,
            session: Duration::from_secs(12 * 3_600),
            idle: Duration::from_secs(2 * 3_600),
            openid_connect: None,
        }
    }
}

/// Which sessions live.
#[derive(Clone, Debug)]
pub(super) struct Lifetime {
    pub(super) idle: Duration,
    /// Persons of no other provider.
    pub(super) issuer: Option<String>,
}

impl Default for Lifetime {
    fn default() -> Self {
        SigningIn::default().lifetime()
    }
}

/// Signing in at work.
#[derive(Debug, Default)]
pub(super) struct SigningIn {
    options: SignIn,
    site: Site,
    provider: Option<Provider>,
}

impl SigningIn {
    /// An error where no client of HTTP can be made.
    pub(super) fn new(options: SignIn) -> Result<Self, reqwest::Error> {
        let site = Site::new(options.public_url.as_ref());
        let openid = options
            .openid_connect
            .clone()
            .zip(options.public_url.as_ref());
        let provider = openid
            .map(|(openid, public)| Provider::new(openid, public))
            .transpose()?;
        Ok(Self {
            options,
            site,
            provider,
        })
    }

    pub(super) fn lifetime(&self) -> Lifetime {
        Lifetime {
            idle: self.options.idle,
            issuer: self.provider.as_ref().map(Provider::issuer),
        }
    }

    /// What a request shows, if anything: the header wins over the cookie.
    pub(super) fn shown(&self, head: &Parts) -> Result<Option<Credential>, Denied> {
        if let Some(given) = head.headers.get(header::AUTHORIZATION) {
            return Credential::bearer(given).map(Some);
        }
        let Some(session) = self.session(head) else {
            return Ok(None);
        };
        match self.site.is_own(head) {
            true => Ok(Some(session)),
            false => Err(Denied::Foreign),
        }
    }

    /// The session of the cookie of a request for a socket, where it counts.
    pub(super) fn session_of_socket(&self, head: &Parts) -> Option<Credential> {
        let session = self.session(head)?;
        self.site.is_own_socket(head).then_some(session)
    }

    fn session(&self, head: &Parts) -> Option<Credential> {
        let secret = cookies::SESSION.of(&self.site, head)?;
        Some(Credential::session(&secret))
    }
}

/// What is answered about signing in and out.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/sign-in", get(ask).post(enter))
        .route("/sign-in/openid-connect", get(openid::start))
        .route("/sign-in/openid-connect/callback", get(openid::finish))
        .route("/session", get(show))
        .route("/sign-out", post(leave))
}

/// `GET /sign-in`: the form.
async fn ask(State(api): State<Api>) -> Response {
    page::form(&api.sign_in, None)
}

/// `POST /sign-in`: a form, answered with a page or a redirection, or JSON, answered likewise.
async fn enter(
    State(api): State<Api>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let is_form = is_form(&head.headers);
    match sign_in(&api, &head, body, is_form).await {
        Ok((cookie, _)) if is_form => {
            ([(header::SET_COOKIE, cookie)], Redirect::to("graphiql/")).into_response()
        }
        Ok((cookie, shown)) => ([(header::SET_COOKIE, cookie)], axum::Json(shown)).into_response(),
        Err(refusal) if is_form => refusal.page(|message| page::form(&api.sign_in, Some(message))),
        Err(refusal) => refusal.answer(&respond::reply(id, &head.headers)),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE);
    let media = media.and_then(|value| value.to_str().ok());
    let media = media.and_then(|value| value.split(';').next());
    media.is_some_and(|media| {
        media
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// What is posted to sign in.
#[derive(Deserialize)]
struct Shown {
    token: String,
}

/// A session for the token that is posted: its cookie, and what is said of it.
async fn sign_in(
    api: &Api,
    head: &Parts,
    sent: Body,
    is_form: bool,
) -> Result<(HeaderValue, Value), Refusal> {
    // Nobody is signed in by a page on another site, as somebody else than they think.
    own(api, head)?;
    let sent = body::read(sent, &api.options.limits).await?;
    let token = if is_form {
        let mut pairs = url::form_urlencoded::parse(&sent);
        let token = pairs.find(|(name, _)| name == "token");
        token.map(|(_, token)| token.into_owned())
    } else {
        check_json(&head.headers)?;
        let shown = serde_json::from_slice(&sent);
        shown.ok().map(|shown: Shown| shown.token)
    };
    let token = token.ok_or_else(|| Refusal::bad("a token is needed, as the field token"))?;
    let from = respond::address(&head.extensions);
    let caller = api.callers.identify(Credential::token(&token), from).await;
    let caller = caller.map_err(respond::denied)?;
    respond::paced(api, &caller)?;
    let secret = session::open(api, head, &Whom::Token(&caller)).await;
    let secret = secret.map_err(|error| respond::denied(Denied::Database(error)))?;
    let session = Credential::session(&secret);
    let session = api.callers.identify(session, from).await;
    let session = session.map_err(respond::denied)?;
    let cookie = cookies::SESSION.set(
        &api.sign_in.site,
        head,
        &secret,
        api.sign_in.options.session,
    );
    Ok((cookie, json!({ "session": told(&session) })))
}

/// Refuses what is not asked by a page of this server.
fn own(api: &Api, head: &Parts) -> Result<(), Refusal> {
    if api.sign_in.site.is_own(head) {
        return Ok(());
    }
    let at = match &api.sign_in.options.public_url {
        Some(url) => format!("the pages at {url}"),
        None => "the pages of this server".to_owned(),
    };
    let message = format!("one signs in and out on {at}, in a browser: others send a token");
    Err(Refusal::new(StatusCode::FORBIDDEN, "FORBIDDEN", message))
}

/// `GET /session`: who is signed in, and how one may sign in.
async fn show(
    State(api): State<Api>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = api.sign_in.session(&head);
    let shown = shown.filter(|_| api.sign_in.site.is_own(&head));
    let found = match shown {
        Some(session) => {
            let from = respond::address(&head.extensions);
            api.callers.identify(session, from).await.map(Some)
        }
        None => Ok(None),
    };
    let by = api.sign_in.provider.as_ref().map(Provider::label);
    let answer = |session: Value| json!({ "session": session, "openIdConnect": by });
    match found {
        Ok(Some(session)) => axum::Json(answer(told(&session))).into_response(),
        Ok(None) => axum::Json(answer(Value::Null)).into_response(),
        // It would be refused each time.
        Err(Denied::Token(_)) => {
            let cleared = cookies::SESSION.cleared(&api.sign_in.site, &head);
            let cleared = [(header::SET_COOKIE, cleared)];
            (cleared, axum::Json(answer(Value::Null))).into_response()
        }
        Err(denied) => respond::denied(denied).answer(&respond::reply(id, &head.headers)),
    }
}

/// What is said of a session.
fn told(session: &Identified) -> Value {
    let caller = &session.caller;
    let prefix = caller.token.as_ref().map(|(_, prefix)| &**prefix);
    json!({
        "name": &*caller.name, "role": caller.role, "tokenPrefix": prefix, "expiresAt": session.expires_at,
    })
}

/// `POST /sign-out`: the session of the cookie ends, in all processes.
async fn leave(
    State(api): State<Api>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let left = async {
        own(&api, &head)?;
        let Some(shown) = api.sign_in.session(&head) else {
            return Ok(());
        };
        match api.callers.identify(shown.clone(), None).await {
            Ok(session) => {
                let closed = session::close(&api.pool, &session).await;
                closed.map_err(|error| respond::denied(Denied::Database(error)))?;
                api.callers.forget(&shown);
                Ok(())
            }
            Err(Denied::Token(_)) => Ok(()),
            Err(denied) => Err(respond::denied(denied)),
        }
    };
    match left.await {
        Ok(()) => {
            let cleared = cookies::SESSION.cleared(&api.sign_in.site, &head);
            (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cleared)]).into_response()
        }
        Err(refusal) => refusal.answer(&respond::reply(id, &head.headers)),
    }
}
