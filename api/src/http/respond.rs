//! GraphQL over HTTP: JSON only, GET for queries only, one operation a request.

use super::answer::{Reply, answer};
use super::auth::{Denied, Identified};
use super::body;
use super::cached::Asked;
use super::guard::Guard;
use super::media::Media;
use super::operation::Operation;
use super::parameters::{InAddress, Parameters, check_json};
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::{Api, limits, stream};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError, Variables};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
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
        if stream::is_wanted(&head.headers) {
            let guard = guard(&api, &head.headers).await?;
            let body = body::read(sent, &api.options.limits).await?;
            let parameters = Parameters::of_body(&head.headers, &body)?;
            return follow(&api, &reply, guard, parameters, true).await;
        }
        let reply = acceptable(&reply, &head.headers)?;
        let caller = identify(&api, &head.headers).await?;
        let body = body::read(sent, &api.options.limits).await?;
        check_json(&head.headers)?;
        let asked = Asked::post(reply, &caller, &body);
        if let Some(answer) = asked.found(&api, &caller) {
            return Ok(answer);
        }
        let parameters = Parameters::of_body(&head.headers, &body)?;
        execute(&api, &asked, caller, parameters).await
    };
    answered
        .await
        .unwrap_or_else(|refusal: Refusal| refusal.answer(&reply))
}

/// `GET /graphql`, for queries.
pub(super) async fn get(
    State(api): State<Api>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
    headers: HeaderMap,
    address: Result<Query<InAddress>, QueryRejection>,
) -> HttpResponse {
    let reply = reply(id, &headers);
    let answered = async {
        let parameters = || {
            let Query(address) = address
                .map_err(|refused| Refusal::bad(format!("the address can't be read: {refused}")))?;
            Parameters::of_address(address)
        };
        if stream::is_wanted(&headers) {
            let guard = guard(&api, &headers).await?;
            return follow(&api, &reply, guard, parameters()?, false).await;
        }
        let reply = acceptable(&reply, &headers)?;
        let caller = identify(&api, &headers).await?;
        let asked = Asked::get(reply, &caller, &uri, &headers);
        if let Some(answer) = asked.found(&api, &caller) {
            return Ok(answer);
        }
        execute(&api, &asked, caller, parameters()?).await
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

pub(super) fn reply(id: RequestId, headers: &HeaderMap) -> Reply {
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
    api.callers.identify(headers).await.map_err(denied)
}

/// Why nobody is let in, as a refusal.
pub(super) fn denied(denied: Denied) -> Refusal {
    match denied {
        Denied::Token(message) => Refusal::unauthenticated(message),
        Denied::Database(error) => {
            tracing::error!(error = %error, "a token can't be checked");
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                "the database does not answer",
            )
        }
    }
}

/// Whoever asks for a stream, let in for as long as the token allows.
async fn guard(api: &Api, headers: &HeaderMap) -> Result<Guard, Refusal> {
    let given = headers.get(header::AUTHORIZATION).cloned();
    let message = "a token is needed: Authorization: Bearer cg_…";
    let given = given.ok_or_else(|| Refusal::unauthenticated(message))?;
    Guard::admit(api, given).await.map_err(denied)
}

/// A stream of events, unless the document is refused.
async fn follow(
    api: &Api,
    reply: &Reply,
    guard: Guard,
    parameters: Parameters,
    may_change: bool,
) -> Result<HttpResponse, Refusal> {
    match admit(api, parameters)? {
        Err(error) => {
            let response = Response::from_errors(vec![error]);
            Ok(answer(response, "GRAPHQL_PARSE_FAILED", reply))
        }
        Ok(operation) if !may_change && operation.may_be(OperationType::Mutation) => {
            let message = "GET is for queries and subscriptions: send this with POST";
            Err(Refusal::method(message, "POST"))
        }
        Ok(operation) => stream::answer(api, guard, operation, &reply.id).await,
    }
}

/// The operation of a request within the limits, or why it can't be parsed.
pub(super) fn admit(
    api: &Api,
    parameters: Parameters,
) -> Result<Result<Operation, ServerError>, Refusal> {
    let query = parameters
        .query
        .ok_or_else(|| Refusal::bad("the parameter query is missing"))?;
    let exceeded = |exceeded: limits::Exceeded| {
        Refusal::new(StatusCode::BAD_REQUEST, exceeded.code, exceeded.message)
    };
    limits::check_text(&query, &api.options.limits).map_err(exceeded)?;
    let document = match parse_query(&query) {
        Ok(document) => document,
        Err(error) => return Ok(Err(ServerError::from(error))),
    };
    limits::check(&document, &api.options.limits).map_err(exceeded)?;
    Ok(Ok(Operation {
        query,
        document,
        name: parameters.operation_name,
        variables: Variables::from_json(parameters.variables.unwrap_or_default()),
    }))
}

async fn execute(
    api: &Api,
    asked: &Asked<'_>,
    identified: Identified,
    parameters: Parameters,
) -> Result<HttpResponse, Refusal> {
    let operation = match admit(api, parameters)? {
        Ok(operation) => operation,
        Err(error) => {
            let response = Response::from_errors(vec![error]);
            return Ok(answer(response, "GRAPHQL_PARSE_FAILED", asked.reply));
        }
    };
    if operation.is(OperationType::Query) {
        return Ok(asked.answer(api, identified, operation).await);
    }
    if asked.is_get() {
        let message = "GET is for queries: send this with POST";
        return Err(Refusal::method(message, "POST"));
    }
    let connections = identified.scope.connections();
    let response = api.schema.execute(operation.request(api, identified)).await;
    // Who decided something sees it in the next answer of this process.
    api.live.touch(connections);
    Ok(answer(response, "GRAPHQL_VALIDATION_FAILED", asked.reply))
}
