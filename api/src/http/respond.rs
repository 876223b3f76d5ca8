//! GraphQL over HTTP: JSON only, GET for queries only, one operation a request.

use super::auth::{Denied, Identified};
use super::{Api, limits, order};
use crate::error::ApiError;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Request, Response, ServerError, Variables};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

/// Counter of the errors in GraphQL answers.
pub(crate) const ERRORS: &str = "closegraph_api_errors_total";

const GRAPHQL_JSON: &str = "application/graphql-response+json";

/// The parameters of a request, from its body or its address.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: Option<String>,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Value>,
    #[serde(default)]
    extensions: Option<Value>,
}

/// Parameters in an address: variables and extensions are JSON text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InAddress {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// A refusal before anything was executed.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> HttpResponse {
        let body =
            json!({"errors": [{"message": self.message, "extensions": {"code": self.code}}]});
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            _ => {}
        }
        response
    }
}

/// `POST /graphql`.
pub(super) async fn post(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> HttpResponse {
    let answered = async {
        let caller = identify(&api, &headers).await?;
        let body = body.map_err(|refused| match refused.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let allowed = api.options.limits.body_bytes;
                let message = format!("the body is larger than {allowed} bytes");
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_LIMIT", message)
            }
            _ => Refusal::bad(format!("the body can't be read: {refused}")),
        })?;
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media = content_type
            .and_then(|text| text.split(';').next())
            .unwrap_or_default()
            .trim();
        if !media.eq_ignore_ascii_case("application/json") {
            let message = "the body must be application/json";
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "MEDIA_TYPE",
                message,
            ));
        }
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(Refusal::bad(
                "batches are not served: send one operation a request",
            ));
        }
        let parameters = serde_json::from_slice(&body)
            .map_err(|error| Refusal::bad(format!("the body is no GraphQL request: {error}")))?;
        execute(&api, &headers, caller, parameters, true).await
    };
    answered.await.unwrap_or_else(IntoResponse::into_response)
}

/// `GET /graphql`, for queries.
pub(super) async fn get(
    State(api): State<Api>,
    headers: HeaderMap,
    address: Result<Query<InAddress>, QueryRejection>,
) -> HttpResponse {
    let answered = async {
        let caller = identify(&api, &headers).await?;
        let Query(address) = address
            .map_err(|refused| Refusal::bad(format!("the address can't be read: {refused}")))?;
        let decode = |name: &str, text: Option<String>| {
            text.filter(|text| !text.is_empty())
                .map(|text| serde_json::from_str::<Value>(&text))
                .transpose()
                .map_err(|error| Refusal::bad(format!("{name} is no JSON: {error}")))
        };
        let parameters = Parameters {
            query: address.query,
            operation_name: address.operation_name,
            variables: decode("variables", address.variables)?,
            extensions: decode("extensions", address.extensions)?,
        };
        execute(&api, &headers, caller, parameters, false).await
    };
    answered.await.unwrap_or_else(IntoResponse::into_response)
}

async fn identify(api: &Api, headers: &HeaderMap) -> Result<Identified, Refusal> {
    api.callers
        .identify(headers)
        .await
        .map_err(|denied| match denied {
            Denied::Token(message) => {
                Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
            }
            Denied::Database(error) => {
                tracing::error!(error = %error, "a token can't be checked");
                Refusal::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "UNAVAILABLE",
                    "the database does not answer",
                )
            }
        })
}

async fn execute(
    api: &Api,
    headers: &HeaderMap,
    identified: Identified,
    parameters: Parameters,
    may_change: bool,
) -> Result<HttpResponse, Refusal> {
    let modern = accepts_graphql_json(headers);
    let query = parameters
        .query
        .ok_or_else(|| Refusal::bad("the parameter query is missing"))?;
    for (name, value) in [
        ("variables", &parameters.variables),
        ("extensions", &parameters.extensions),
    ] {
        if value
            .as_ref()
            .is_some_and(|value| !value.is_object() && !value.is_null())
        {
            return Err(Refusal::bad(format!("{name} must be an object")));
        }
    }
    let exceeded = |exceeded: limits::Exceeded| {
        Refusal::new(StatusCode::BAD_REQUEST, exceeded.code, exceeded.message)
    };
    limits::check_text(&query, &api.options.limits).map_err(exceeded)?;
    let document = match parse_query(&query) {
        Ok(document) => document,
        Err(error) => {
            let error = ServerError::from(error);
            return Ok(answer(
                Response::from_errors(vec![error]),
                "GRAPHQL_PARSE_FAILED",
                modern,
            ));
        }
    };
    limits::check(&document, &api.options.limits).map_err(exceeded)?;
    if !may_change && !only_queries(&document, parameters.operation_name.as_deref()) {
        let message = "GET is for queries: send this with POST";
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            message,
        ));
    }
    let order = order::asked(&document, parameters.operation_name.as_deref());
    let mut request = Request::new(query)
        .variables(Variables::from_json(
            parameters.variables.unwrap_or_default(),
        ))
        .data(identified.scope)
        .data(identified.caller);
    if let Some(trial) = &api.trial {
        request = request.data(trial.clone());
    }
    request.operation_name = parameters.operation_name;
    request.set_parsed_query(document);
    let mut response = api.schema.execute(request).await;
    order::restore(&mut response.data, &order);
    Ok(answer(response, "GRAPHQL_VALIDATION_FAILED", modern))
}

/// Whether the operation that would run, or any that could, is a query.
fn only_queries(document: &ExecutableDocument, name: Option<&str>) -> bool {
    document
        .operations
        .iter()
        .filter(|(known, _)| {
            name.is_none_or(|name| known.is_some_and(|known| known.as_str() == name))
        })
        .all(|(_, operation)| operation.node.ty == OperationType::Query)
}

fn accepts_graphql_json(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains(GRAPHQL_JSON))
}

/// The response with codes on its errors and nothing of the inside. A request that was not executed at all is a 400
/// for clients that know the newer media type.
fn answer(mut response: Response, refused: &'static str, modern: bool) -> HttpResponse {
    let executed = response.errors.iter().all(|error| !error.path.is_empty())
        || response.data != async_graphql::Value::Null;
    // What every round of the validation finds comes once.
    response.errors.dedup();
    for error in &mut response.errors {
        disclose(error, refused);
    }
    let (status, media) = match (modern, executed) {
        (true, false) => (StatusCode::BAD_REQUEST, GRAPHQL_JSON),
        (true, true) => (StatusCode::OK, GRAPHQL_JSON),
        (false, _) => (StatusCode::OK, "application/json"),
    };
    match serde_json::to_vec(&response) {
        Ok(body) => (status, [(header::CONTENT_TYPE, media)], body).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "an answer can't be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Gives an error its code; what is ours alone is logged instead of shown.
fn disclose(error: &mut ServerError, refused: &'static str) {
    let (code, public) = match error.source::<ApiError>() {
        Some(inner) => {
            if !inner.is_public() {
                tracing::error!(error = inner.logged(), path = ?error.path, "a field can't be answered");
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
    error.source = None;
    error.extensions.get_or_insert_default().set("code", code);
}
