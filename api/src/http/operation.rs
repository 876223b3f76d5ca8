//! An operation that may run, and its run as a stream: of one response, or of a subscription's.

use super::answer::{disclose, json};
use super::auth::Identified;
use super::cost::Cost;
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::{Api, order};
use crate::error::ApiError;
use crate::live::{Failure, Question, Subscriber, Told, beginning};
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Request, Response, Variables};
use axum::http::StatusCode;
use std::sync::Arc;

/// A document within the limits, with what it is asked with.
pub(crate) struct Operation {
    pub(crate) query: String,
    pub(crate) document: ExecutableDocument,
    pub(crate) name: Option<String>,
    pub(crate) variables: Variables,
    /// What its answer holds at most.
    pub(super) cost: Cost,
}

/// An operation at work.
pub(super) enum Running {
    /// Its one response, until it was taken.
    Once(Option<Told>),
    Subscribed(Box<Subscriber>),
}

impl Operation {
    /// Whether all operations that would run, or could, are of a type.
    pub(super) fn is(&self, wanted: OperationType) -> bool {
        self.chosen().all(|ty| ty == wanted)
    }

    /// Whether an operation that would run, or could, is of a type.
    pub(super) fn may_be(&self, wanted: OperationType) -> bool {
        self.chosen().any(|ty| ty == wanted)
    }

    fn chosen(&self) -> impl Iterator<Item = OperationType> {
        let name = self.name.as_deref();
        let operations = self.document.operations.iter().filter(move |(known, _)| {
            name.is_none_or(|name| known.is_some_and(|known| known.as_str() == name))
        });
        operations.map(|(_, operation)| operation.node.ty)
    }

    /// Its response, within the time that a request may take. What it decides, this process knows at once.
    pub(super) async fn execute(
        self,
        api: &Api,
        identified: Identified,
    ) -> Result<Response, Refusal> {
        let changes = self.may_be(OperationType::Mutation);
        let (connections, cost) = (identified.scope.connections(), self.cost);
        let limits = &api.options.limits;
        let order = order::asked(&self.document, self.name.as_deref());
        let executed = api.schema.execute(self.request(api, identified));
        let executed = tokio::time::timeout(limits.request_time(), executed).await;
        if changes {
            api.live.touch(connections);
        }
        let mut response = executed.map_err(|_| {
            let allowed = limits.request_ms;
            let message = format!("the request took longer than {allowed} ms: ask for less");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", message)
        })?;
        api.roots.complete(&mut response, &order);
        order::restore(&mut response.data, &order);
        Ok(response.extension("cost", cost.into()))
    }

    /// The request that GraphQL executes.
    fn request(self, api: &Api, identified: Identified) -> Request {
        let mut request = Request::new(self.query)
            .variables(self.variables)
            .data(identified.scope)
            .data(identified.caller);
        if let Some(trial) = &api.trial {
            request = request.data(trial.clone());
        }
        request.operation_name = self.name;
        request.set_parsed_query(self.document);
        request
    }

    /// Begins; the JSON of a list of errors where it can't.
    pub(super) async fn run(
        self,
        api: &Api,
        identified: Identified,
        id: &RequestId,
    ) -> Result<Running, Arc<str>> {
        if !self.is(OperationType::Subscription) {
            let executed = self.execute(api, identified).await;
            let mut response = executed.map_err(|refusal| refusal.errors(id).to_string())?;
            for error in &mut response.errors {
                disclose(error, "GRAPHQL_VALIDATION_FAILED", id);
            }
            let payload = json(&response)
                .ok()
                .and_then(|json| String::from_utf8(json).ok());
            return Ok(Running::Once(Some(Told::Next(
                payload.unwrap_or_default().into(),
            ))));
        }
        let subscribed = async {
            let reading = |error: ApiError| Failure::reading(&error);
            let (after, shared) = beginning(&self).map_err(reading)?;
            let scope = (identified.scope, identified.caller);
            let question = Question::new(api.schema.clone(), self, &shared, scope, id);
            // Whether it fits the schema is known before anything changes.
            question.answer(Vec::new()).await?;
            let subscriber = api.live.subscribe(question, after).await;
            subscriber.map_err(reading)
        };
        match subscribed.await {
            Ok(subscriber) => Ok(Running::Subscribed(Box::new(subscriber))),
            Err(failure) => Err(failure.errors),
        }
    }
}

impl Running {
    /// What is told next; `None` after the end.
    pub(super) async fn next(&mut self) -> Option<Told> {
        match self {
            Self::Once(told) => told.take(),
            Self::Subscribed(subscriber) => subscriber.next().await,
        }
    }
}
