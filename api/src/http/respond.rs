//! GraphQL over HTTP: JSON only, GET for queries only, one operation a request.

use super::answer::{Reply, answer};
use super::auth::{Denied, Identified, NO_TOKEN};
use super::body;
use super::cached::Sought;
use super::cost::Cost;
use super::guard::Guard;
use super::media::Media;
use super::operation::Operation;
use super::parameters::{InAddress, Parameters, check_json};
use super::persisted::Asked;
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::{Api, stream, values};
use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError, Variables};
use axum::extract::{ConnectInfo, Extension, Query, Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response as HttpResponse;
use std::net::{IpAddr, SocketAddr};

/// `POST /graphql`. Who sends a body is asked first, then it is read.
pub(super) async fn post(
    State(api): State<Api>,
    Extension(id): Extension<RequestId>,
    request: HttpRequest,
) -> HttpResponse {
    let (head, sent) = request.into_parts();
    let reply = reply(id, &head.headers);
    let answered = async {
        let is_stream = stream::is_wanted(&head.headers);
        if !is_stream {
            acceptable(&head.headers)?;
        }
        let caller = identify(&api, &head).await?;
        let body = body::read(sent, &api.options.limits).await?;
        check_json(&head.headers)?;
        if is_stream {
            let parameters = Parameters::of_body(&head.headers, &body, &api.options.limits)?;
            let guard = Guard::new(&api, caller);
            return follow(&api, &reply, guard, parameters, May::Change).await;
        }
        let sought = Sought::post(&reply, &caller, &body);
        if let Some(answer) = sought.found(&api, &caller) {
            return Ok(answer);
        }
        let parameters = Parameters::of_body(&head.headers, &body, &api.options.limits)?;
        execute(&api, &sought, caller, parameters).await
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
        let parameters = || {
            let Query(address) = Query::<InAddress>::try_from_uri(&head.uri)
                .map_err(|refused| Refusal::bad(format!("the address can't be read: {refused}")))?;
            Parameters::of_address(address)
        };
        let is_stream = stream::is_wanted(&head.headers);
        if !is_stream {
            acceptable(&head.headers)?;
        }
        let caller = identify(&api, &head).await?;
        if is_stream {
            let guard = Guard::new(&api, caller);
            return follow(&api, &reply, guard, parameters()?, May::Follow).await;
        }
        let sought = Sought::get(&reply, &caller, &head.uri, &head.headers);
        if let Some(answer) = sought.found(&api, &caller) {
            return Ok(answer);
        }
        execute(&api, &sought, caller, parameters()?).await
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

/// Refuses who accepts none of the types that there are.
fn acceptable(headers: &HeaderMap) -> Result<(), Refusal> {
    if Media::wanted(headers).is_some() {
        return Ok(());
    }
    let message = "answers are application/graphql-response+json or application/json, in UTF-8";
    Err(Refusal::new(
        StatusCode::NOT_ACCEPTABLE,
        "NOT_ACCEPTABLE",
        message,
    ))
}

/// Who asks, and has not asked too often.
pub(super) async fn identify(api: &Api, head: &Parts) -> Result<Identified, Refusal> {
    let shown = api.sign_in.shown(head).map_err(denied)?;
    let shown = shown.ok_or(NO_TOKEN).map_err(denied)?;
    let identified = api.callers.identify(shown, address(&head.extensions)).await;
    let identified = identified.map_err(denied)?;
    paced(api, &identified)?;
    Ok(identified)
}

/// Where a request comes from.
pub(super) fn address(extensions: &Extensions) -> Option<IpAddr> {
    let from = extensions.get::<ConnectInfo<SocketAddr>>();
    from.map(|ConnectInfo(address)| address.ip())
}

/// Refuses a token that has asked too often.
pub(super) fn paced(api: &Api, identified: &Identified) -> Result<(), Refusal> {
    api.rates.request(identified.token).map_err(|wait| {
        let allowed = api.options.limits.requests_per_second;
        let message = format!("this token may send {allowed} requests a second");
        Refusal::too_often(message, wait)
    })
}

/// Why nobody is let in, as a refusal.
pub(super) fn denied(denied: Denied) -> Refusal {
    match denied {
        Denied::Token(message) => Refusal::unauthenticated(message),
        Denied::Foreign => Refusal::new(
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
            "a session is for pages of this server: others send Authorization: Bearer cg_…",
        ),
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
    }
}

/// A stream of events, unless the document is refused.
async fn follow(
    api: &Api,
    reply: &Reply,
    guard: Guard,
    parameters: Parameters,
    may: May,
) -> Result<HttpResponse, Refusal> {
    match admit(api, &guard.caller, parameters, may)? {
        Err(error) => {
            let response = Response::from_errors(vec![error]);
            Ok(answer(response, "GRAPHQL_PARSE_FAILED", reply))
        }
        Ok(operation) => stream::answer(api, guard, operation, &reply.id).await,
    }
}

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    Ask,
    /// Ask, and follow what changes.
    Follow,
    Change,
}

impl May {
    fn check(self, operation: &Operation) -> Result<(), Refusal> {
        let refused = match self {
            Self::Ask => !operation.is(OperationType::Query),
            Self::Follow => operation.may_be(OperationType::Mutation),
            Self::Change => false,
        };
        if refused {
            let message = "GET is for queries: send this with POST";
            return Err(Refusal::method(message, "POST"));
        }
        Ok(())
    }
}

/// The operation of a request, where the token may run it and it is within the limits; or why it can't be parsed.
pub(super) fn admit(
    api: &Api,
    identified: &Identified,
    parameters: Parameters,
    may: May,
) -> Result<Result<Operation, ServerError>, Refusal> {
    let asked = api.persisted.find(&parameters, &identified.scope)?;
    let limits = &api.options.limits;
    let variables = parameters.variables.unwrap_or_default();
    values::check(&variables, limits)?;
    let document = match api.parsed.find(&asked.text, limits)? {
        Ok(document) => document,
        Err(error) => return Ok(Err(error)),
    };
    if document.measured.introspects && !api.options.introspection.allows(identified.caller.role) {
        let message = "the schema is not told to this token";
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "INTROSPECTION_REFUSED",
            message,
        ));
    }
    api.persisted.keep(&asked);
    let mut operation = Operation {
        query: asked.text.to_string(),
        document: document.parsed.clone(),
        name: asked.operation.clone(),
        variables: Variables::from_json(variables),
        cost: Cost::default(),
    };
    may.check(&operation)?;
    within_bounds(&asked, &operation.variables)?;
    let name = operation.name.as_deref();
    operation.cost = api
        .prices
        .bound(&operation.document, name, &operation.variables);
    afford(api, identified, operation.cost)?;
    Ok(Ok(operation))
}

async fn execute(
    api: &Api,
    sought: &Sought<'_>,
    identified: Identified,
    parameters: Parameters,
) -> Result<HttpResponse, Refusal> {
    let may = if sought.is_get() {
        May::Ask
    } else {
        May::Change
    };
    let operation = match admit(api, &identified, parameters, may)? {
        Ok(operation) => operation,
        Err(error) => {
            let response = Response::from_errors(vec![error]);
            return Ok(answer(response, "GRAPHQL_PARSE_FAILED", sought.reply));
        }
    };
    if operation.is(OperationType::Query) {
        return sought.answer(api, identified, operation).await;
    }
    let response = operation.execute(api, identified).await?;
    Ok(answer(response, "GRAPHQL_VALIDATION_FAILED", sought.reply))
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
