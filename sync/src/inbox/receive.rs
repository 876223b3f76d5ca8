//! `POST /webhooks/close/{connectionId}`: 200 once the event is durable, 503 when it could not be stored, 401 when the
//! signature is wrong or missing, or old and the event not in Close's log, 400 when the body is no event, 413 when it is
//! too large.

use super::delivery::Delivery;
use super::store::Inbox;
use crate::close::signature::{HASH_HEADER, SignatureError, SigningKey, TIMESTAMP_HEADER};
use crate::connect::{Connections, Vault};
use crate::error::SyncError;
use crate::redact::chain;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::Utc;
use closegraph_entity::record::Origin;
use http_body_util::BodyExt;
use serde_json::json;
use sqlx::PgPool;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long a signing key is believed to be current before it is read again.
const KEY_AGE: Duration = Duration::from_secs(5);

/// The same for a signature that the known key did not make: a forger can't make us read it more often.
const NEW_KEY_AGE: Duration = Duration::from_millis(500);

/// What a receiver accepts.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverOptions {
    /// Larger bodies are answered 413.
    pub max_body_bytes: usize,
    /// Age of a signature, either way, above which it is refused.
    pub max_signature_age: Duration,
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self {
            max_body_bytes: 4 * 1024 * 1024,
            max_signature_age: Duration::from_secs(300),
        }
    }
}

/// What the route needs.
#[derive(Clone, Debug)]
pub struct Receiver {
    inbox: Inbox,
    connections: Connections,
    keys: Arc<RwLock<HashMap<Uuid, CachedKeys>>>,
    options: ReceiverOptions,
}

#[derive(Clone, Debug)]
struct CachedKeys {
    keys: Arc<[SigningKey]>,
    read_at: Instant,
}

impl Receiver {
    /// A receiver that stores into `inbox`.
    pub fn new(pool: PgPool, vault: Vault, inbox: Inbox, options: ReceiverOptions) -> Self {
        Self {
            inbox,
            connections: Connections::new(pool, vault),
            keys: Arc::default(),
            options,
        }
    }

    async fn signing_keys(
        &self,
        connection_id: Uuid,
        age: Duration,
    ) -> Result<Arc<[SigningKey]>, Refusal> {
        let cached = {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.get(&connection_id)
                .filter(|cached| cached.read_at.elapsed() < age)
                .cloned()
        };
        if let Some(cached) = cached {
            return Ok(cached.keys);
        }
        let keys = self.connections.signing_keys(connection_id).await.map_err(|error| {
            tracing::error!(connection = %connection_id, error = error.logged(), "a signing key can't be read");
            Refusal::Unavailable
        })?;
        let keys: Arc<[SigningKey]> = keys.into();
        // Unknown ids are not remembered: a stranger can't make us keep them.
        if !keys.is_empty() {
            let cached = CachedKeys {
                keys: Arc::clone(&keys),
                read_at: Instant::now(),
            };
            let mut all = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            all.insert(connection_id, cached);
        }
        Ok(keys)
    }

    async fn receive(
        &self,
        connection_id: Uuid,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Refusal> {
        let keys = self.signing_keys(connection_id, KEY_AGE).await?;
        let fresh = match self.verify(&keys, headers, body) {
            // The key may have been changed a moment ago.
            Err(Refusal::Denied(_)) if !keys.is_empty() => {
                let keys = self.signing_keys(connection_id, NEW_KEY_AGE).await?;
                self.verify(&keys, headers, body)?
            }
            verified => verified?,
        };
        let text = std::str::from_utf8(body)
            .map_err(|error| Refusal::NoEvent(format!("the body is no UTF-8: {error}")))?;
        let delivery = Delivery::from_envelope(connection_id, Origin::Webhook, text)
            .map_err(|error| Refusal::NoEvent(error.to_string()))?;
        let (event, close_event) = (delivery.id(), delivery.close_event_id().to_owned());
        let unavailable = |error: &sqlx::Error| {
            tracing::error!(connection = %connection_id, %event, error = chain(error), "a delivery can't be stored");
            Refusal::Unavailable
        };
        if !fresh {
            let known = self.inbox.knows(&delivery).await;
            if !known.map_err(|error| unavailable(&error))? {
                self.confirm(connection_id, &delivery).await?;
            }
        }
        let stored = self.inbox.store(delivery).await;
        stored.map_err(|error| unavailable(&error))?;
        tracing::debug!(connection = %connection_id, %event, close_event, "a delivery is stored");
        Ok(())
    }

    /// Whether the signature is right (else refused), and made a moment ago.
    fn verify(
        &self,
        keys: &[SigningKey],
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<bool, Refusal> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (timestamp, hash) = (header(TIMESTAMP_HEADER), header(HASH_HEADER));
        let mut refusal = "this connection has no webhook subscription".to_owned();
        for key in keys {
            let age = self.options.max_signature_age;
            match key.verify(timestamp, hash, body, Utc::now(), age) {
                Ok(()) => return Ok(true),
                Err(SignatureError::Stale) => return Ok(false),
                Err(error) => refusal = error.to_string(),
            }
        }
        Err(Refusal::Denied(refusal))
    }

    /// Close may retry for 72 hours, and does not say whether it signs a retry anew. What was signed long ago could be
    /// a replay, so the event log has to know it.
    async fn confirm(&self, connection_id: Uuid, delivery: &Delivery) -> Result<(), Refusal> {
        let stale = || Refusal::Denied(SignatureError::Stale.to_string());
        let asked = async {
            let client = self.connections.client(connection_id).await?;
            Ok::<_, SyncError>(client.event(delivery.close_event_id()).await?)
        };
        let logged = asked.await.map_err(|error| {
            tracing::warn!(connection = %connection_id, event = %delivery.id(), error = error.logged(), "an old delivery can't be confirmed");
            stale()
        })?;
        let logged = logged.ok_or_else(stale)?;
        match Delivery::from_event(connection_id, Origin::EventLog, logged.get()) {
            Ok(logged) if logged.is_as_new_as(delivery) => Ok(()),
            _ => Err(stale()),
        }
    }
}

enum Refusal {
    Denied(String),
    NoEvent(String),
    TooLarge(usize),
    Unavailable,
}

impl Refusal {
    /// The answer; what is wrong with a body is told to its sender only.
    fn answer(self, connection_id: Uuid) -> Response {
        let (status, reason, message) = match self {
            Self::Denied(message) => (StatusCode::UNAUTHORIZED, "signature", message),
            Self::NoEvent(message) => (StatusCode::BAD_REQUEST, "no_event", message),
            Self::TooLarge(allowed) => {
                let message = format!("the body is larger than {allowed} bytes");
                (StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
            }
            Self::Unavailable => {
                let message = "the event could not be stored: deliver it again".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            }
        };
        metrics::counter!("closegraph_events_refused_total", "reason" => reason).increment(1);
        tracing::info!(connection = %connection_id, reason, "a delivery is refused");
        (status, axum::Json(json!({"error": message}))).into_response()
    }
}

/// Bytes of a body that is too large that are read before it is answered: a sender that is still writing when the
/// connection ends would not see the answer.
const DRAINED: usize = 32 * 1024 * 1024;

/// The route.
pub fn router(receiver: Receiver) -> Router {
    Router::new()
        .route("/webhooks/close/{connection_id}", post(deliver))
        .layer(DefaultBodyLimit::disable())
        .with_state(receiver)
}

async fn deliver(
    State(receiver): State<Receiver>,
    Path(connection_id): Path<Uuid>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let received = async {
        let body = read(body, receiver.options.max_body_bytes).await?;
        receiver.receive(connection_id, &headers, &body).await
    };
    match received.await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.answer(connection_id),
    }
}

/// The body, of which no more is kept than is allowed.
async fn read(mut body: Body, allowed: usize) -> Result<Vec<u8>, Refusal> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut kept = Vec::with_capacity(expected.min(allowed));
    let mut seen = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Refusal::NoEvent(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen = seen.saturating_add(data.len());
        if seen <= allowed {
            kept.extend_from_slice(&data);
        } else if seen > DRAINED {
            break;
        }
    }
    if seen > allowed {
        return Err(Refusal::TooLarge(allowed));
    }
    Ok(kept)
}
