//! The client. It can send GET, POST to the search endpoint, and manage our own webhook subscription; no other write
//! to Close can be expressed with it.

use super::answer::{Refusal, Retry, decode, header_text, outcome, understood};
use super::authorization::{Authorization, Proof};
use super::error::{CloseError, describe};
use super::limiter::{Limiter, Priority, RateLimit};
use super::object::Object;
use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::{Client, Method, RequestBuilder, StatusCode, header};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::PgPool;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// How long to wait after a 429 that does not say so.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(2);

/// How to reach Close.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Limit of one request, connecting and reading included.
    pub timeout: Duration,
    /// Repetitions after a failure that may pass: no answer, 429, 5xx.
    pub retries: usize,
    /// Pause before the first repetition; it doubles, with jitter, up to `max_delay`.
    pub min_delay: Duration,
    pub max_delay: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            retries: 6,
            min_delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(30),
        }
    }
}

/// A client of one credential. Clones share its limiter and its count of requests.
#[derive(Clone, Debug)]
pub struct CloseClient {
    http: Client,
    base_url: Url,
    authorization: Authorization,
    options: ClientOptions,
    limiter: Arc<Limiter>,
    priority: Priority,
    requests: Arc<AtomicU64>,
    /// Close's time when it first answered.
    answered_at: Arc<OnceLock<DateTime<Utc>>>,
}

/// A page of a list: `{"data": […], "has_more": bool}`; `total_results` on leads, opportunities and tasks only.
#[derive(Debug, Deserialize)]
pub struct ListPage {
    pub data: Vec<Object>,
    #[serde(default)]
    pub has_more: bool,
    #[serde(default)]
    pub total_results: Option<i64>,
}

impl CloseClient {
    /// A client for the API under `base_url` (`https://api.close.com/api/v1/`).
    pub fn new(
        base_url: &Url,
        api_key: SecretString,
        options: ClientOptions,
    ) -> Result<Self, CloseError> {
        Self::proving(base_url, Authorization::Key(api_key), options)
    }

    /// The same by whatever proves who asks.
    pub(crate) fn proving(
        base_url: &Url,
        authorization: Authorization,
        options: ClientOptions,
    ) -> Result<Self, CloseError> {
        let mut base_url = base_url.clone();
        if base_url.cannot_be_a_base() || !matches!(base_url.scheme(), "http" | "https") {
            return Err(CloseError::BaseUrl(base_url.to_string()));
        }
        if !base_url.path().ends_with('/') {
            base_url.set_path(&format!("{}/", base_url.path()));
        }
        let http = Client::builder()
            .timeout(options.timeout)
            .connect_timeout(Duration::from_secs(10))
            .user_agent(concat!("closegraph/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| CloseError::Transport {
                path: base_url.to_string(),
                source,
            })?;
        Ok(Self {
            http,
            base_url,
            authorization,
            options,
            limiter: Arc::new(Limiter::new(None)),
            priority: Priority::default(),
            requests: Arc::default(),
            answered_at: Arc::default(),
        })
    }

    /// Shares its limiter with all processes that know the connection.
    pub(crate) fn shared(mut self, pool: PgPool, connection_id: Uuid) -> Self {
        self.limiter = Arc::new(Limiter::new(Some((pool, connection_id))));
        self
    }

    /// The same client for requests that can wait for others. It has had no answer yet.
    pub(crate) fn in_background(&self) -> Self {
        Self {
            priority: Priority::Background,
            answered_at: Arc::default(),
            ..self.clone()
        }
    }

    /// The same client for somebody who waits: it repeats what fails this often.
    pub(crate) fn repeating(&self, retries: usize) -> Self {
        let mut client = self.clone();
        client.options.retries = retries;
        client
    }

    /// Close's time at the first answer to this client or a clone of it, where Close told it.
    pub(crate) fn first_answered_at(&self) -> Option<DateTime<Utc>> {
        self.answered_at.get().copied()
    }

    /// The root that requests go to.
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// Requests sent so far, repetitions included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Reads `path` (relative, with its final slash).
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, CloseError> {
        self.send(path, Method::GET, |request| request.query(query), decode)
            .await
    }

    /// Reads a page of a list.
    pub async fn list(&self, path: &str, query: &[(&str, &str)]) -> Result<ListPage, CloseError> {
        self.get(path, query).await
    }

    /// Posts to the search endpoint, which reads.
    pub(super) async fn post_search<T: DeserializeOwned>(
        &self,
        body: &serde_json::Value,
    ) -> Result<T, CloseError> {
        self.send(
            "data/search/",
            Method::POST,
            |request| request.json(body),
            decode,
        )
        .await
    }

    /// Creates or changes a webhook subscription; an empty `id` creates.
    pub(super) async fn write_webhook<T: DeserializeOwned>(
        &self,
        id: Option<&str>,
        body: &serde_json::Value,
    ) -> Result<T, CloseError> {
        let (path, method) = match id {
            Some(id) => (format!("webhook/{id}/"), Method::PUT),
            None => ("webhook/".to_owned(), Method::POST),
        };
        self.send(&path, method, |request| request.json(body), decode)
            .await
    }

    /// Removes a webhook subscription.
    pub(super) async fn delete_webhook(&self, id: &str) -> Result<(), CloseError> {
        let path = format!("webhook/{id}/");
        self.send(&path, Method::DELETE, |request| request, |_, _| Ok(()))
            .await
    }

    #[tracing::instrument(name = "close_request", skip_all, fields(request_id = %uuid::Uuid::new_v4(), path = path))]
    async fn send<T>(
        &self,
        path: &str,
        method: Method,
        fill: impl Fn(RequestBuilder) -> RequestBuilder,
        read: impl Fn(&str, &[u8]) -> Result<T, CloseError>,
    ) -> Result<T, CloseError> {
        let url = self
            .base_url
            .join(path)
            .map_err(|_| CloseError::BaseUrl(self.base_url.to_string()))?;
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(self.options.min_delay)
            .with_max_delay(self.options.max_delay)
            .with_max_times(self.options.retries)
            .with_jitter()
            .build();
        let endpoint = endpoint(&method, path);
        let mut proof = Proof::new(&self.authorization);
        loop {
            let request = fill(self.http.request(method.clone(), url.clone()));
            let request = proof.add_to(request).await?;
            let answer = self.attempt(path, &endpoint, request).await;
            if let Err(refusal) = &answer
                && refusal.error.is_unauthorized()
                && proof.takes_another()
            {
                continue;
            }
            let (error, asked_to_wait) = match answer.and_then(|body| understood(read(path, &body)))
            {
                Ok(answer) => return Ok(answer),
                Err(Refusal {
                    error,
                    retry: Retry::No,
                }) => return Err(error),
                Err(Refusal {
                    error,
                    retry: Retry::Backoff,
                }) => (error, None),
                Err(Refusal {
                    error,
                    retry: Retry::After(wait),
                }) => (error, Some(wait)),
            };
            let Some(delay) = delays.next() else {
                return Err(error);
            };
            let delay = asked_to_wait.map_or(delay, |wait| wait + self.options.min_delay);
            tracing::debug!(
                error = crate::redact::chain(&error),
                delay_ms = delay.as_millis() as u64,
                "asking Close again"
            );
            tokio::time::sleep(delay).await;
        }
    }

    async fn attempt(
        &self,
        path: &str,
        endpoint: &str,
        request: RequestBuilder,
    ) -> Result<Bytes, Refusal> {
        self.limiter.acquire(endpoint, self.priority).await;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let transport = |source: reqwest::Error| Refusal {
            error: CloseError::Transport {
                path: path.to_owned(),
                source: source.without_url(),
            },
            retry: Retry::Backoff,
        };
        let sent = request.send().await.inspect_err(|_| {
            metrics::counter!("closegraph_close_requests_total", "outcome" => "no_answer")
                .increment(1);
        });
        let response = sent.map_err(transport)?;
        let status = response.status();
        tracing::debug!(status = status.as_u16(), "Close answered");
        metrics::counter!("closegraph_close_requests_total", "outcome" => outcome(status))
            .increment(1);
        let rate_limit = header_text(&response, "ratelimit").and_then(RateLimit::parse);
        if let Some(limit) = &rate_limit {
            self.limiter.observe(endpoint, limit).await;
        }
        let retry_after = header_text(&response, header::RETRY_AFTER.as_str())
            .and_then(|text| text.trim().parse().ok())
            .map(Duration::from_secs);
        let answered_at = header_text(&response, header::DATE.as_str())
            .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
            .map(|at| at.with_timezone(&Utc));
        let body = response.bytes().await.map_err(transport)?;
        if status.is_success() {
            if let Some(at) = answered_at {
                self.answered_at.get_or_init(|| at);
            }
            return Ok(body);
        }
        let retry = match status {
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = retry_after
                    .or(rate_limit.map(|limit| limit.reset))
                    .unwrap_or(DEFAULT_RETRY_AFTER);
                self.limiter.block(wait).await;
                Retry::After(wait)
            }
            status if status.is_server_error() => Retry::Backoff,
            _ => Retry::No,
        };
        let (message, fields) = describe(&body);
        let error = CloseError::Status {
            path: path.to_owned(),
            status: status.as_u16(),
            message,
            fields,
        };
        Err(Refusal { error, retry })
    }
}

/// Which of Close's windows a request is likely to count in. Close does not publish them: the resource, and whether it
/// is read or written.
fn endpoint(method: &Method, path: &str) -> String {
    let resource = path.split('/').next().unwrap_or_default();
    let family = match *method {
        Method::GET => "read",
        _ if resource == "data" => "read",
        _ => "write",
    };
    format!("{family} {resource}")
}
