//! `WS /graphql`: the protocol graphql-transport-ws.

mod message;
mod session;

use super::Api;
use super::auth::Denied;
use super::guard::Guard;
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::{respond, stream};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::Response;
use session::Session;

/// The subprotocol.
const PROTOCOL: &str = "graphql-transport-ws";
/// Bytes that a silent socket keeps for what may come.
const BUFFER: usize = 2 * 1024;

/// `GET /graphql`: a socket where one is asked for, else a query.
pub(super) async fn get(
    State(api): State<Api>,
    Extension(id): Extension<RequestId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    match upgrade {
        Err(_) => respond::get(State(api), Extension(id), request).await,
        Ok(upgrade) => {
            let (head, _) = request.into_parts();
            let reply = respond::reply(id.clone(), &head.headers);
            let opened = open(&api, id, upgrade, &head).await;
            opened.unwrap_or_else(|refusal| refusal.answer(&reply))
        }
    }
}

/// Whom the cookie names. One that names nobody, or does not count here, is none: a token may follow.
async fn by_cookie(api: &Api, head: &Parts) -> Result<Option<Guard>, Refusal> {
    let Some(session) = api.sign_in.session_of_socket(head) else {
        return Ok(None);
    };
    let from = respond::address(&head.extensions);
    match api.callers.identify(session, from).await {
        Ok(caller) => {
            respond::paced(api, &caller)?;
            Ok(Some(Guard::new(api, caller)))
        }
        Err(Denied::Token(_) | Denied::Foreign) => Ok(None),
        Err(denied) => Err(respond::denied(denied)),
    }
}

/// A socket; who asks is said by the header or a cookie, or by the first message where there is none.
async fn open(
    api: &Api,
    id: RequestId,
    upgrade: WebSocketUpgrade,
    head: &Parts,
) -> Result<Response, Refusal> {
    let room = api.live.room().ok_or_else(stream::full)?;
    let guard = match head.headers.contains_key(header::AUTHORIZATION) {
        true => Some(Guard::new(api, respond::identify(api, head).await?)),
        false => by_cookie(api, head).await?,
    };
    let from = respond::address(&head.extensions);
    let api = api.clone();
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .max_message_size(api.options.limits.body_bytes)
        .max_frame_size(api.options.limits.body_bytes)
        .read_buffer_size(BUFFER)
        .write_buffer_size(0);
    Ok(upgrade.on_upgrade(move |socket| async move {
        Session::new(api, id, socket, (guard, from)).run().await;
        drop(room);
    }))
}
