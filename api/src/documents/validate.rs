//! Documents against the schema, without executing them.

use super::{Composed, DocumentFault};
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::{Request, Response, async_trait};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Ends a request where it would be executed.
struct Stop;

impl ExtensionFactory for Stop {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Stop {
    async fn execute(
        &self,
        _: &ExtensionContext<'_>,
        _: Option<&str>,
        _: NextExecute<'_>,
    ) -> Response {
        Response::default()
    }
}

/// What the schema refuses in the documents.
pub(super) fn all(documents: &[Composed]) -> Vec<DocumentFault> {
    let schema = crate::schema().extension(Stop).finish();
    let mut faults = Vec::new();
    for document in documents {
        let operation = document.operations.first();
        let mut request = Request::new(document.text.as_str());
        request.operation_name = operation.map(|operation| operation.name.clone());
        let response = now(schema.execute(request));
        for error in response.into_iter().flat_map(|response| response.errors) {
            let place = error.locations.first().copied().unwrap_or_default();
            let fault = document.fault(place, error.message);
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
    }
    faults
}

/// The outcome of what waits for nothing, which validation does not.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}
