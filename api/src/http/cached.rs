//! Questions whose answers may be kept: found before they are parsed, kept once they are answered.

use super::Api;
use super::answer::{Reply, written};
use super::auth::Identified;
use super::operation::Operation;
use super::refusal::Refusal;
use crate::live::answers::{Kept, Key, Outcome, count, etag, key};
use crate::live::flights::Asking;
use crate::live::kept::watched;
use async_graphql::{Response, Value};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response as HttpResponse};

/// The key of `extensions` that says what became of a question.
const CACHE: &str = "cache";

/// A request as it came.
pub(super) struct Sought<'a> {
    pub(super) reply: &'a Reply,
    key: Key,
    /// Of a GET: the tags that the client has.
    known: Option<Option<&'a HeaderValue>>,
}

impl<'a> Sought<'a> {
    /// A question in a body.
    pub(super) fn post(reply: &'a Reply, caller: &Identified, body: &[u8]) -> Self {
        Self::new(reply, caller, ("POST", body), None)
    }

    /// A question in an address.
    pub(super) fn get(
        reply: &'a Reply,
        caller: &Identified,
        uri: &Uri,
        headers: &'a HeaderMap,
    ) -> Self {
        let address = uri.query().unwrap_or_default().as_bytes();
        let known = Some(headers.get(header::IF_NONE_MATCH));
        Self::new(reply, caller, ("GET", address), known)
    }

    fn new(
        reply: &'a Reply,
        caller: &Identified,
        (method, bytes): (&str, &[u8]),
        known: Option<Option<&'a HeaderValue>>,
    ) -> Self {
        // What a token of one budget is answered, one of another may be refused.
        let budget = caller.cost_budget;
        let kind = format!("{method} {} {budget:?}", reply.media.content_type());
        let key = key(&kind, bytes, &caller.scope, caller.caller.role);
        Self { reply, key, known }
    }

    pub(super) fn is_get(&self) -> bool {
        self.known.is_some()
    }

    /// The answer that is kept, if it is current.
    pub(super) fn found(&self, api: &Api, caller: &Identified) -> Option<HttpResponse> {
        let kept = api
            .answers
            .find(api.live.stamps(), &caller.scope, &self.key)?;
        let Kept { body, etag, .. } = kept.as_ref();
        Some(self.sent(StatusCode::OK, body.clone(), Some(etag.clone())))
    }

    /// Asks, unless somebody is being answered the same just now, and keeps what may be kept.
    pub(super) async fn answer(
        &self,
        api: &Api,
        identified: Identified,
        operation: Operation,
    ) -> Result<HttpResponse, Refusal> {
        // Before anything is read.
        let place = api
            .answers
            .place(api.live.stamps(), &identified.scope, self.key);
        let flight = match place.as_ref().map(|place| api.answers.join(place)) {
            Some(Asking::First(flight)) => Some(flight),
            Some(Asking::Later(first)) => {
                first.cancelled().await;
                if let Some(found) = self.found(api, &identified) {
                    return Ok(found);
                }
                None
            }
            None => None,
        };
        // There until the answer is kept.
        let (response, steady, _flight) = watched(flight, operation.execute(api, identified)).await;
        let mut response = response?;
        let place = place.filter(|_| steady && response.errors.is_empty());
        let outcome = if place.is_some() {
            Outcome::Miss
        } else {
            Outcome::Bypass
        };
        if api.answers.is_on() {
            count(outcome);
            mark(&mut response, outcome);
        }
        let (status, body) = match written(response, "GRAPHQL_VALIDATION_FAILED", self.reply) {
            Ok(written) => written,
            Err(error) => {
                tracing::error!(error = %error, "an answer can't be written");
                return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
            }
        };
        if place.is_none() && !self.is_get() {
            return Ok(self.sent(status, body.into(), None));
        }
        // Bodies that differ only in whether they were kept have one tag.
        let hit: Bytes = said(&body, outcome, Outcome::Hit).into();
        let tag = etag(&hit).filter(|_| status == StatusCode::OK);
        if let (Some(place), Some(tag)) = (&place, &tag) {
            api.answers.keep(place, hit, tag.clone());
        }
        Ok(self.sent(status, body.into(), tag))
    }

    fn sent(&self, status: StatusCode, body: Bytes, tag: Option<HeaderValue>) -> HttpResponse {
        let tag = tag.filter(|_| self.is_get());
        let is_known = tag.as_ref().is_some_and(|tag| self.knows(tag));
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let media = [(header::CONTENT_TYPE, self.reply.media.content_type())];
            (status, media, body).into_response()
        };
        let headers = response.headers_mut();
        if let Some(tag) = tag {
            headers.insert(header::ETAG, tag);
            headers.insert(
                header::VARY,
                HeaderValue::from_static("authorization, cookie, accept"),
            );
        }
        let control = HeaderValue::from_static("private, no-cache");
        headers.insert(header::CACHE_CONTROL, control);
        response
    }

    /// Whether the client has the body of this tag, as `If-None-Match` compares them.
    fn knows(&self, tag: &HeaderValue) -> bool {
        let given = self.known.flatten().and_then(|known| known.to_str().ok());
        let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let (Some(given), Ok(tag)) = (given, tag.to_str()) else {
            return false;
        };
        given
            .split(',')
            .any(|known| known.trim() == "*" || strong(known) == strong(tag))
    }
}

fn mark(response: &mut Response, outcome: Outcome) {
    let said = Value::from(outcome.as_str());
    response.extensions.insert(CACHE.to_owned(), said);
}

/// A body that says another outcome. The extensions stand last: what looks like them before is data.
fn said(body: &[u8], outcome: Outcome, instead: Outcome) -> Vec<u8> {
    let text = |outcome: Outcome| format!("\"{CACHE}\":\"{}\"", outcome.as_str());
    let (old, new) = (text(outcome), text(instead));
    let at = body
        .windows(old.len())
        .rposition(|window| window == old.as_bytes());
    let Some((before, rest)) = at.and_then(|at| body.split_at_checked(at)) else {
        return body.to_vec();
    };
    let behind = rest.get(old.len()..).unwrap_or_default();
    [before, new.as_bytes(), behind].concat()
}

#[cfg(test)]
mod tests {
    use super::{Outcome, said};

    #[test]
    fn a_body_says_another_outcome_and_is_the_same_otherwise() {
        let body = br#"{"data":{"cache":"miss"},"extensions":{"cache":"miss","cost":1}}"#;
        let hit = said(body, Outcome::Miss, Outcome::Hit);
        let expected = br#"{"data":{"cache":"miss"},"extensions":{"cache":"hit","cost":1}}"#;
        assert_eq!(hit, expected);
    }
}
