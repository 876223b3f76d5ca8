//! A simulator on a port of its own, a client for it, and a receiver for webhooks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use close_sim::{RateLimit, Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A quiet organization: 120 leads, no traffic, no limit, its clock at noon of 2026-06-19.
pub(crate) fn config() -> SimulatorConfig {
    SimulatorConfig {
        leads: 120,
        traffic_per_second: 0.0,
        rate_limit: RateLimit {
            requests: 0,
            ..RateLimit::default()
        },
        now: Some("2026-06-19T12:00:00Z".parse().unwrap()),
        ..SimulatorConfig::default()
    }
}

pub(crate) struct Sim {
    pub(crate) simulator: Simulator,
    pub(crate) client: reqwest::Client,
    shutdown: DropGuard,
}

/// A status and its JSON body.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Got {
    /// The body of a 200 or 201.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!(
            matches!(self.status, 200 | 201),
            "{} {}",
            self.status,
            self.body
        );
        self.body
    }

    /// The text of a field error of a 400.
    #[track_caller]
    pub(crate) fn field_error(self, field: &str) -> String {
        assert_eq!(self.status, 400, "{}", self.body);
        assert!(self.body["errors"].is_array());
        let text = self.body["field-errors"][field].as_str();
        text.unwrap_or_else(|| panic!("no error for {field} in {}", self.body))
            .to_owned()
    }
}

pub(crate) async fn start(config: SimulatorConfig) -> Sim {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    let simulator = Simulator::start(config, listener, shutdown.clone())
        .await
        .unwrap();
    Sim {
        simulator,
        client: reqwest::Client::new(),
        shutdown: shutdown.drop_guard(),
    }
}

impl Sim {
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.simulator.base_url());
        let method = method.parse().unwrap();
        self.client
            .request(method, url)
            .basic_auth(self.simulator.api_key(), Some(""))
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        got(self.request("GET", path)).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> Got {
        got(self.request(method, path).json(&body)).await
    }

    pub(crate) async fn search(&self, body: Value) -> Got {
        self.send("POST", "data/search/", body).await
    }

    /// Cancels the shutdown token and waits for the end; the client keeps its connections.
    pub(crate) async fn stop(self) {
        self.shutdown.disarm().cancel();
        self.simulator.stopped().await;
    }

    /// A control endpoint.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Got {
        let url = format!("{}{path}", self.simulator.control_url());
        got(self
            .client
            .request(method.parse().unwrap(), url)
            .json(&body))
        .await
    }

    /// The objects of a list, over all its pages.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let (mut all, separator) = (Vec::new(), if path.contains('?') { '&' } else { '?' });
        loop {
            let page = format!("{path}{separator}_limit=200&_skip={}", all.len());
            let page = self.get(&page).await.ok();
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            if page["has_more"] == false {
                return all;
            }
        }
    }

    /// Events of one object type, oldest first.
    pub(crate) async fn events(&self, path: &str) -> Vec<Value> {
        let body = self.get(&format!("event/{path}")).await.ok();
        let mut events = body["data"].as_array().unwrap().clone();
        events.reverse();
        events
    }

    pub(crate) async fn idle(&self) {
        let idle = self
            .control("POST", "idle?timeout=10", json!({}))
            .await
            .ok();
        assert_eq!(idle["idle"], true);
    }
}

async fn got(request: reqwest::RequestBuilder) -> Got {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Got {
        status,
        headers,
        body,
    }
}

pub(crate) fn ids(data: &Value) -> Vec<String> {
    let items = data["data"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is no text in {value}"))
}

/// One delivery as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    pub(crate) raw: Vec<u8>,
    pub(crate) body: Value,
}

impl Arrived {
    pub(crate) fn event(&self) -> &Value {
        &self.body["event"]
    }

    pub(crate) fn what(&self) -> String {
        format!(
            "{} {}",
            text(self.event(), "object_type"),
            text(self.event(), "action")
        )
    }
}

#[derive(Clone, Default)]
pub(crate) struct Receiver {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    /// The status for the next attempts of an event; 200 when none is left.
    failures: Arc<Mutex<HashMap<String, u32>>>,
    /// How many attempts of each event fail first.
    pub(crate) fail_first: u32,
    pub(crate) url: String,
}

impl Receiver {
    pub(crate) async fn start(fail_first: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let receiver = Self {
            fail_first,
            url,
            ..Self::default()
        };
        let router = Router::new()
            .route("/hook", post(take))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// Waits until as many deliveries came.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Arrived> {
        for _ in 0..500 {
            if self.arrived().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let arrived = self.arrived();
        assert!(
            arrived.len() >= count,
            "{} of {count} deliveries came",
            arrived.len()
        );
        arrived
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, raw: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
    let body: Value = serde_json::from_slice(&raw).unwrap();
    let id = body["event"]["id"].as_str().unwrap_or_default().to_owned();
    receiver.arrived.lock().unwrap().push(Arrived {
        timestamp: header("close-sig-timestamp"),
        signature: header("close-sig-hash"),
        raw: raw.to_vec(),
        body,
    });
    let mut failures = receiver.failures.lock().unwrap();
    let failed = failures.entry(id).or_default();
    if *failed < receiver.fail_first {
        *failed += 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::OK
}

/// Everything that a mirror subscribes to.
pub(crate) fn subscription(url: &str) -> Value {
    let choices = ["lead", "contact", "opportunity"]
        .into_iter()
        .flat_map(|kind| {
            ["created", "updated", "deleted"]
                .map(|action| json!({ "object_type": kind, "action": action }))
        });
    let merged = json!({ "object_type": "lead", "action": "merged" });
    json!({ "url": url, "events": choices.chain([merged]).collect::<Vec<_>>() })
}
