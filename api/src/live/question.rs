//! What a subscriber asks, and its answer for a batch of entries.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Request, ServerError, Variables};
use futures::StreamExt;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::feed::Entry;
use super::position::Position;
use crate::ApiSchema;
use crate::error::ApiError;
use crate::http::{Operation, RequestId, disclose};
use crate::query::sessions::{Reader, Sessions};
use crate::schema::Yielded;
use crate::scope::{Caller, Scope};

/// The code of a document that does not fit the schema.
const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";

/// What is the same for subscribers that get the same.
pub(crate) type Key = [u8; 32];

/// A subscription that was found to be in order.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) key: Key,
    schema: ApiSchema,
    asked: Arc<Asked>,
}

struct Asked {
    operation: Operation,
    scope: Scope,
    caller: Caller,
    /// Of the request that asked first.
    id: RequestId,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Question").finish_non_exhaustive()
    }
}

/// An answer, ready to be sent: the JSON of a GraphQL response, and the place of the change that it shows.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) position: Position,
    pub(crate) payload: Arc<str>,
}

/// Why entries have no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The JSON of a list of GraphQL errors.
    pub(crate) errors: Arc<str>,
    /// Whether it may be otherwise a moment later.
    pub(crate) passes: bool,
    /// Whether it were otherwise for fewer entries.
    is_too_much: bool,
}

impl Question {
    /// `shared` are the variables without that of the cursor, which does not change what an answer says.
    pub(crate) fn new(
        schema: ApiSchema,
        operation: Operation,
        shared: &Variables,
        (scope, caller): (Scope, Caller),
        id: &RequestId,
    ) -> Self {
        let parts = (&operation.query, &operation.name, shared);
        let mut key = Sha256::new();
        key.update(serde_json::to_vec(&parts).unwrap_or_default());
        key.update(scope.fingerprint());
        key.update(format!("{:?}", caller.role));
        Self {
            key: key.finalize().into(),
            schema,
            asked: Arc::new(Asked {
                operation,
                scope,
                caller,
                id: id.clone(),
            }),
        }
    }

    /// What it reads the feed through.
    pub(crate) fn reader<'a>(&'a self, sessions: &'a Sessions) -> Reader<'a> {
        sessions.reader(self.asked.scope.sight())
    }

    /// The connections that it may see.
    pub(crate) fn connections(&self) -> Vec<Uuid> {
        self.asked.scope.connections()
    }

    /// The answers to entries of the connections that it may see, in their order.
    pub(crate) async fn answer(&self, entries: Vec<Entry>) -> Result<Vec<Answer>, Failure> {
        let mut answers = Vec::new();
        let mut waiting = vec![Arc::new(entries)];
        while let Some(entries) = waiting.pop() {
            match self.evaluate(entries.clone()).await {
                Ok(more) => answers.extend(more),
                Err(failure) if failure.is_too_much && entries.len() > 1 => {
                    let (first, second) = entries.split_at(entries.len() / 2);
                    waiting.push(Arc::new(second.to_vec()));
                    waiting.push(Arc::new(first.to_vec()));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(answers)
    }

    async fn evaluate(&self, entries: Arc<Vec<Entry>>) -> Result<Vec<Answer>, Failure> {
        let asked = &self.asked;
        let yielded = Arc::new(Yielded {
            entries,
            shown: Mutex::default(),
        });
        let operation = &asked.operation;
        let mut request = Request::new(operation.query.clone())
            .variables(operation.variables.clone())
            .data(asked.scope.clone())
            .data(asked.caller.clone())
            .data(yielded.clone());
        request.operation_name.clone_from(&operation.name);
        request.set_parsed_query(operation.document.clone());
        let mut responses = self.schema.execute_stream(request);
        let mut answers = Vec::new();
        while let Some(mut response) = responses.next().await {
            let shown = yielded.shown.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(position) = shown.get(answers.len()).copied() else {
                return Err(Failure::of(response.errors, INVALID, &asked.id));
            };
            drop(shown);
            for error in &mut response.errors {
                disclose(error, INVALID, &asked.id);
            }
            let payload = serde_json::to_string(&response).unwrap_or_default().into();
            answers.push(Answer { position, payload });
        }
        Ok(answers)
    }
}

impl Failure {
    /// Why the feed could not be read.
    pub(crate) fn reading(error: &ApiError) -> Self {
        if !error.is_public() {
            tracing::error!(error = error.logged(), "the feed can't be read");
        }
        let message = match error.is_public() {
            true => error.to_string(),
            false => "something went wrong here; it is in the server's log".to_owned(),
        };
        Self::told(&message, error.code(), None)
    }

    /// The end of a topic.
    pub(crate) fn ended(errors: Arc<str>) -> Self {
        Self {
            errors,
            passes: false,
            is_too_much: false,
        }
    }

    /// An error of ours, with the cursor to come back with.
    pub(crate) fn told(message: &str, code: &str, cursor: Option<&str>) -> Self {
        let mut extensions = json!({ "code": code });
        if let (Some(cursor), Some(extensions)) = (cursor, extensions.as_object_mut()) {
            extensions.insert("cursor".to_owned(), cursor.into());
        }
        let errors = json!([{ "message": message, "extensions": extensions }]);
        Self::ended(errors.to_string().into())
    }

    /// What GraphQL said instead of an answer.
    pub(crate) fn of(mut errors: Vec<ServerError>, refused: &'static str, id: &RequestId) -> Self {
        let source = |error: &ServerError| {
            let code = error.source::<ApiError>().map(ApiError::code);
            code.unwrap_or(refused)
        };
        let codes: Vec<_> = errors.iter().map(source).collect();
        for error in &mut errors {
            disclose(error, refused, id);
        }
        Self {
            errors: serde_json::to_string(&errors).unwrap_or_default().into(),
            passes: codes
                .iter()
                .any(|code| matches!(*code, "INTERNAL" | "TIMEOUT")),
            is_too_much: codes.contains(&"QUERY_TOO_COSTLY"),
        }
    }
}
