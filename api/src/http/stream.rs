//! GraphQL over Server-Sent Events, in distinct connections mode: a request is answered by `next` events, then `complete`.

use super::Api;
use super::guard::{Guard, Lapse};
use super::operation::{Operation, Running};
use super::refusal::Refusal;
use super::request_id::RequestId;
use crate::live::{Failure, Told};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Between two comments that keep a silent stream alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Whether the answer is to be a stream of events.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|media| media.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// A stream at work.
struct Events {
    running: Option<Running>,
    guard: Guard,
    _room: OwnedSemaphorePermit,
}

/// The stream of an operation.
pub(super) async fn answer(
    api: &Api,
    guard: Guard,
    operation: Operation,
    id: &RequestId,
) -> Result<Response, Refusal> {
    let room = api.live.room().ok_or_else(full)?;
    let running = match operation.run(api, guard.caller.clone(), id).await {
        Ok(running) => running,
        Err(errors) => Running::Once(Some(Told::Failed(errors))),
    };
    let events = Events {
        running: Some(running),
        guard,
        _room: room,
    };
    let stream = futures::stream::unfold(events, |mut events| async {
        let event = events.next().await?;
        Some((Ok::<_, Infallible>(event), events))
    });
    let stream = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(stream.into_response())
}

/// No room for another stream or socket.
pub(super) fn full() -> Refusal {
    let message = "this server has as many streams as it may have: try again later";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "STREAM_LIMIT", message)
}

impl Events {
    /// The next event; `complete` is the last.
    async fn next(&mut self) -> Option<Event> {
        let running = self.running.as_mut()?;
        // Once there is one thing left to tell, or the end, the token is not looked at again: it would be refused twice.
        let told = if let Running::Once(told) = running {
            told.take()
        } else {
            tokio::select! {
            told = running.next() => told,
            lapse = self.guard.lapse() => match lapse {
                Lapse::Denied => {
                    let message = "the token is revoked or at its end";
                    Some(Told::Failed(Failure::told(message, "UNAUTHENTICATED", None).errors))
                }
                // The client comes back by itself.
                Lapse::Changed | Lapse::Stopping => {
                    self.running = None;
                    return None;
                }
            },
            }
        };
        let event = match told {
            Some(Told::Next(payload)) => Event::default().event("next").data(payload),
            Some(Told::Failed(errors)) => {
                *running = Running::Once(None);
                let payload = format!("{{\"errors\":{errors}}}");
                Event::default().event("next").data(payload)
            }
            None => {
                self.running = None;
                Event::default().event("complete").data("")
            }
        };
        Some(event)
    }
}
