//! GraphQL over HTTP: JSON only, GET for queries only, one operation a request.

use super::answer::{Reply, answer};
use super::auth::{Denied, Identified};
use super::body;
use super::media::Media;
use super::parameters::{InAddress, Parameters};
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::{Api, limits};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Request, Response, ServerError, Variables};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response as HttpResponse;

/// `POST /graphql`. Who sends a body is asked first, then it is read.
pub(super) async fn post(
    State(api): State<Api>,
    Extension(id): Extension<RequestId>,
    request: HttpRequest,
) -> HttpResponse {
    let (head, sent) = request.into_parts();
    let reply = reply(id, &head.headers);
    let answered = async {
        let reply = acceptable(&reply, &head.headers)?;
        let caller = identify(&api, &head.headers).await?;
        let body = body::read(sent, &api.options.limits).await?;
        let parameters = Parameters::of_body(&head.headers, &body)?;
        execute(&api, reply, caller, parameters, true).await
    };
    answered
        .await
        .unwrap_or_else(|refusal: Refusal| refusal.answer(&reply))
}

/// `GET /graphql`, for queries.
pub(super) async fn get(
    State(api): State<Api>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    address: Result<Query<InAddress>, QueryRejection>,
) -> HttpResponse {
    let reply = reply(id, &headers);
    let answered = async {
        let reply = acceptable(&reply, &headers)?;
        let caller = identify(&api, &headers).await?;
        let Query(address) = address
            .map_err(|refused| Refusal::bad(format!("the address can't be read: {refused}")))?;
        let parameters = Parameters::of_address(address)?;
        execute(&api, reply, caller, parameters, false).await
    };
    answered
        .await
        .unwrap_or_else(|refusal: Refusal| refusal.answer(&reply))
}

/// Any other method.
pub(super) async fn other(Extension(id): Extension<RequestId>, headers: HeaderMap) -> HttpResponse {
    let message = "GraphQL is asked by POST, or by GET for queries";
    Refusal::method(message, "GET, HEAD, POST").answer(&reply(id, &headers))
}

fn reply(id: RequestId, headers: &HeaderMap) -> Reply {
    let media = Media::wanted(headers).unwrap_or_default();
    Reply { id, media }
}

/// The reply, where it is of a type that is accepted.
fn acceptable<'a>(reply: &'a Reply, headers: &HeaderMap) -> Result<&'a Reply, Refusal> {
    if Media::wanted(headers).is_some() {
        return Ok(reply);
    }
    let message = "answers are application/graphql-response+json or application/json, in UTF-8";
    Err(Refusal::new(
        StatusCode::NOT_ACCEPTABLE,
        "NOT_ACCEPTABLE",
        message,
    ))
}

async fn identify(api: &Api, headers: &HeaderMap) -> Result<Identified, Refusal> {
    api.callers
        .identify(headers)
        .await
        .map_err(|denied| match denied {
            Denied::Token(message) => Refusal::unauthenticated(message),
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
    reply: &Reply,
    identified: Identified,
    parameters: Parameters,
    may_change: bool,
) -> Result<HttpResponse, Refusal> {
    let query = parameters
        .query
        .ok_or_else(|| Refusal::bad("the parameter query is missing"))?;
    let exceeded = |exceeded: limits::Exceeded| {
        Refusal::new(StatusCode::BAD_REQUEST, exceeded.code, exceeded.message)
    };
    limits::check_text(&query, &api.options.limits).map_err(exceeded)?;
    let document = match parse_query(&query) {
        Ok(document) => document,
        Err(error) => {
            let error = ServerError::from(error);
            let response = Response::from_errors(vec![error]);
            return Ok(answer(response, "GRAPHQL_PARSE_FAILED", reply));
        }
    };
    limits::check(&document, &api.options.limits).map_err(exceeded)?;
    if !may_change && !only_queries(&document, parameters.operation_name.as_deref()) {
        let message = "GET is for queries: send this with POST";
        return Err(Refusal::method(message, "POST"));
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
    Ok(answer(response, "GRAPHQL_VALIDATION_FAILED", reply))
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
