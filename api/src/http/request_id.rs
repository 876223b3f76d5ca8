//! The id of a request: in logs, in the answer's header and in each of its errors.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use uuid::Uuid;

/// Carries the id, both ways.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids of callers are not taken over.
const MAX_BYTES: usize = 64;

/// The id of a request, by which its log lines, its answer and its errors are found together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The caller's own id, where it is short and of letters, digits, `-`, `_` and `.` only; else a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        match given.filter(|id| is_plain(id)) {
            Some(id) => Self(id.into()),
            None => Self(Uuid::new_v4().to_string().into()),
        }
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Puts the id into the headers of an answer.
    pub fn mark(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            headers.insert(HEADER, value);
        }
    }
}

fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !id.is_empty() && id.len() <= MAX_BYTES && id.bytes().all(plain)
}

/// Names a request that nobody has named yet, and its answer.
pub(super) async fn name(mut request: Request, next: Next) -> Response {
    let named = request.extensions().get::<RequestId>().cloned();
    let id = named.unwrap_or_else(|| RequestId::of(request.headers()));
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    id.mark(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::{HEADER, RequestId};
    use axum::http::{HeaderMap, HeaderValue};

    #[test]
    fn an_id_is_taken_over_only_where_it_is_one() {
        let given = |value: &str| {
            let value = HeaderValue::from_str(value).unwrap();
            RequestId::of(&HeaderMap::from_iter([(HEADER, value)]))
        };
        assert_eq!(given("a-1_b.2").as_str(), "a-1_b.2");
        for refused in ["", "ann@example.com", "two words", &"x".repeat(65)] {
            assert_ne!(given(refused).as_str(), refused);
            assert_eq!(given(refused).as_str().len(), 36, "{refused}");
        }
        let empty = HeaderMap::new();
        assert_ne!(RequestId::of(&empty), RequestId::of(&empty));
    }
}
