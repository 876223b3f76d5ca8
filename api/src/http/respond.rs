//! GraphQL over HTTP: JSON only, GET for queries only, one operation a request.

use super::answer::{Reply, answer};
use super::auth::{Denied, Identified};
use super::body;
use super::cost::Cost;
use super::media::Media;
use super::parameters::{InAddress, Parameters};
use super::persisted::Asked;
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::{Api, measure, order, text, values};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Request, Response, ServerError, Variables};
use axum::extract::{ConnectInfo, Extension, Query, Request as HttpRequest, State};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response as HttpResponse;
use std::net::SocketAddr;

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
        let caller = identify(&api, &head.headers, &head.extensions).await?;
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
    request: HttpRequest,
) -> HttpResponse {
    let (head, _) = request.into_parts();
    let reply = reply(id, &head.headers);
    let answered = async {
        let reply = acceptable(&reply, &head.headers)?;
        let caller = identify(&api, &head.headers, &head.extensions).await?;
        let Query(address) = Query::<InAddress>::try_from_uri(&head.uri)
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

/// Who asks, and has not asked too often.
async fn identify(
    api: &Api,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Identified, Refusal> {
    let from = extensions.get::<ConnectInfo<SocketAddr>>();
    let from = from.map(|ConnectInfo(address)| address.ip());
    let identified = api.callers.identify(headers, from).await;
    let identified = identified.map_err(|denied| match denied {
        Denied::Token(message) => Refusal::unauthenticated(message),
        Denied::Failures(wait) => {
            let message = "too many tokens from this address do not work: wait a minute";
            Refusal::too_often(message, wait)
        }
        Denied::Database(error) => {
            tracing::error!(error = %error, "a token can't be checked");
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                "the database does not answer",
            )
        }
    })?;
    api.rates.request(identified.token).map_err(|wait| {
        let allowed = api.options.limits.requests_per_second;
        let message = format!("this token may send {allowed} requests a second");
        Refusal::too_often(message, wait)
    })?;
    Ok(identified)
}

async fn execute(
    api: &Api,
    reply: &Reply,
    identified: Identified,
    parameters: Parameters,
    may_change: bool,
) -> Result<HttpResponse, Refusal> {
    let asked = api.persisted.find(&parameters)?;
    let limits = &api.options.limits;
    text::check(&asked.text, limits)?;
    let variables = parameters.variables.unwrap_or_default();
    values::check(&variables, limits)?;
    let document = match parse_query(&*asked.text) {
        Ok(document) => document,
        Err(error) => {
            let error = ServerError::from(error);
            let response = Response::from_errors(vec![error]);
            return Ok(answer(response, "GRAPHQL_PARSE_FAILED", reply));
        }
    };
    let measured = measure::check(&document, limits)?;
    if measured.introspects && !api.options.introspection.allows(identified.caller.role) {
        let message = "the schema is not told to this token";
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "INTROSPECTION_REFUSED",
            message,
        ));
    }
    api.persisted.keep(&asked);
    let name = asked.operation.as_deref();
    if !may_change && !only_queries(&document, name) {
        let message = "GET is for queries: send this with POST";
        return Err(Refusal::method(message, "POST"));
    }
    let variables = Variables::from_json(variables);
    within_bounds(&asked, &variables)?;
    let cost = api.prices.bound(&document, name, &variables);
    afford(api, &identified, cost)?;
    let order = order::asked(&document, name);
    let mut request = Request::new(&*asked.text)
        .variables(variables)
        .data(identified.scope)
        .data(identified.caller);
    if let Some(trial) = &api.trial {
        request = request.data(trial.clone());
    }
    request.operation_name = asked.operation;
    request.set_parsed_query(document);
    let executed = api.schema.execute(request);
    let executed = tokio::time::timeout(limits.request_time(), executed).await;
    let response = executed.map_err(|_| {
        let allowed = limits.request_ms;
        let message = format!("the request took longer than {allowed} ms: ask for less");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", message)
    })?;
    let mut response = response.extension("cost", cost.into());
    order::restore(&mut response.data, &order);
    Ok(answer(response, "GRAPHQL_VALIDATION_FAILED", reply))
}

/// Refuses numbers above what a document that is known allows.
fn within_bounds(asked: &Asked, variables: &Variables) -> Result<(), Refusal> {
    let exceeded = asked
        .known
        .as_ref()
        .and_then(|known| known.exceeded(variables));
    exceeded.map_or(Ok(()), |(name, most)| {
        let message = format!("the variable {name} may be {most} at most in this document");
        Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "VARIABLE_BOUND",
            message,
        ))
    })
}

/// Refuses what could cost more than the token may spend, on one request or in a minute.
fn afford(api: &Api, identified: &Identified, cost: Cost) -> Result<(), Refusal> {
    let limits = &api.options.limits;
    let budget = identified.cost_budget.unwrap_or(limits.cost);
    if cost.rows > budget {
        let message = format!(
            "this request may answer {} rows, the budget is {budget}: ask for smaller pages",
            cost.rows
        );
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "COST_LIMIT", message));
    }
    api.rates.cost(identified.token, cost.rows).map_err(|wait| {
        let allowed = limits.cost_per_minute;
        let message = format!(
            "this request may answer {} rows, and this token {allowed} in a minute",
            cost.rows
        );
        Refusal::too_often(message, wait)
    })
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
