//! Responses of GraphQL as answers of HTTP.

use super::media::Media;
use super::request_id::RequestId;
use crate::error::ApiError;
use async_graphql::{Response, ServerError, Value};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::collections::BTreeMap;
use std::io;

/// Counter of the errors in GraphQL answers.
pub(crate) const ERRORS: &str = "closegraph_api_errors_total";

/// Errors of a document that are shown.
const SHOWN: usize = 20;
/// Letters of a message that are shown: some quote what was sent.
const MESSAGE: usize = 1_000;

/// How a request is answered, whatever the answer is.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) id: RequestId,
    pub(super) media: Media,
}

/// A response as it is written: data stands in it only where something was executed.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'a BTreeMap<String, Value>,
}

/// The response with codes on its errors and nothing of the inside. A request that was not executed at all is a 400
/// for clients that know the newer media type; its errors without a code of their own are given `refused`.
pub(super) fn answer(response: Response, refused: &'static str, reply: &Reply) -> HttpResponse {
    match written(response, refused, reply) {
        Ok((status, body)) => {
            let media = [(header::CONTENT_TYPE, reply.media.content_type())];
            (status, media, body).into_response()
        }
        Err(error) => {
            tracing::error!(error = %error, "an answer can't be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The status and the body of an answer.
pub(super) fn written(
    mut response: Response,
    refused: &'static str,
    reply: &Reply,
) -> serde_json::Result<(StatusCode, Vec<u8>)> {
    let executed =
        response.errors.iter().all(|error| !error.path.is_empty()) || response.data != Value::Null;
    // What every round of the validation finds comes once, and no more of it than a person reads.
    response.errors.dedup();
    if !executed {
        response.errors.truncate(SHOWN);
    }
    for error in &mut response.errors {
        disclose(error, refused, &reply.id);
    }
    let status = match (reply.media, executed) {
        (Media::GraphqlResponse, false) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let body = Body {
        data: executed.then_some(&response.data),
        errors: &response.errors,
        extensions: &response.extensions,
    };
    Ok((status, json(&body)?))
}

/// The JSON of a response or a part of it. Binary values in it are JSON that root fields have written themselves.
pub(super) fn json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(1024);
    value.serialize(&mut Serializer::with_formatter(&mut json, Verbatim))?;
    Ok(json)
}

/// Writes binary values as they are.
struct Verbatim;

impl Formatter for Verbatim {
    fn write_byte_array<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        value: &[u8],
    ) -> io::Result<()> {
        writer.write_all(value)
    }
}

/// Gives an error its code and the request's id; what is ours alone is logged instead of shown.
pub(crate) fn disclose(error: &mut ServerError, refused: &'static str, id: &RequestId) {
    let (code, public) = match error.source::<ApiError>() {
        Some(inner) => {
            if !inner.is_public() {
                let request_id = id.as_str();
                tracing::error!(error = inner.logged(), path = ?error.path, request_id, "a field can't be answered");
            }
            (inner.code(), inner.is_public())
        }
        None if error.path.is_empty() => (refused, true),
        None => ("BAD_USER_INPUT", true),
    };
    metrics::counter!(ERRORS, "code" => code).increment(1);
    if !public {
        "something went wrong here; it is in the server's log".clone_into(&mut error.message);
    }
    if let Some((at, _)) = error.message.char_indices().nth(MESSAGE) {
        error.message.truncate(at);
        error.message.push('…');
    }
    error.source = None;
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("code", code);
    extensions.set("requestId", id.as_str());
}
