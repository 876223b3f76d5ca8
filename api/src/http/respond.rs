//! GraphQL over HTTP: JSON only, GET for queries only, one operation a request.

use super::answer::{accepts_graphql_json, answer};
use super::auth::{Denied, Identified};
use super::parameters::{InAddress, Parameters};
use super::refusal::Refusal;
use super::{Api, limits};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Request, Response, ServerError, Variables};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response as HttpResponse};

/// `POST /graphql`.
pub(super) async fn post(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> HttpResponse {
    let answered = async {
        let caller = identify(&api, &headers).await?;
        let parameters = Parameters::of_body(&api, &headers, body)?;
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
        let parameters = Parameters::of_address(address)?;
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
    let response = api.schema.execute(request).await;
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
