//! Close as it behaves: a stand-in for the Close CRM's API with a seeded organization, people at
//! work in it, signed webhooks, and faults on demand. For tests, demos and people without an
//! account.
//!
//! What it knows of Close comes from the project's dossier of the Close API; comments name its
//! sections.

mod app;
mod config;
mod control;
mod faults;
mod generate;
mod mcp;
mod oauth;
mod requests;
mod rest;
mod traffic;
mod webhooks;
mod world;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

pub use crate::config::{InvoiceLayout, RateLimit, SimulatorConfig, WebhookTiming};
pub use crate::faults::Faults;

use crate::app::App;
use crate::world::write::FieldChange;

/// Why a simulator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// A setting is out of its range.
    #[error("{setting}: {allowed}")]
    Setting {
        /// The field of [`SimulatorConfig`].
        setting: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// The listener has no address.
    #[error("the listener has no address")]
    Address(#[source] std::io::Error),
    /// The organization was not generated: the runtime is shutting down.
    #[error("the organization was not generated")]
    Generation(#[source] tokio::task::JoinError),
    /// The client for webhook deliveries cannot be made.
    #[error("the client for webhook deliveries cannot be made")]
    Client(#[source] reqwest::Error),
}

/// Actions a second that traffic may have.
pub(crate) const MOST_TRAFFIC: f64 = 10_000.0;

/// A running simulator.
#[derive(Debug)]
pub struct Simulator {
    app: Arc<App>,
    base_url: Url,
    control_url: Url,
    mcp_url: Url,
    tasks: TaskTracker,
}

/// Where a path of the listener is reached from this machine.
fn reach(mut address: SocketAddr, path: &str) -> Result<Url, SimulatorError> {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Url::parse(&format!("http://{address}{path}"))
        .map_err(|error| SimulatorError::Address(std::io::Error::other(error)))
}

impl Simulator {
    /// Generates the organization and serves it on `listener` until `shutdown` is cancelled.
    ///
    /// # Errors
    /// When a setting is out of its range, the listener has no address, or no HTTP client can
    /// be made.
    pub async fn start(
        config: SimulatorConfig,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<Self, SimulatorError> {
        config.check()?;
        let address = listener.local_addr().map_err(SimulatorError::Address)?;
        let (base_url, control_url) = (reach(address, "/api/v1/")?, reach(address, "/_sim/")?);
        let mcp_url = reach(address, "/mcp")?;
        let tasks = TaskTracker::new();
        let parts = (config, shutdown.clone(), tasks.clone());
        // Many leads take a second or more of a processor.
        let app = tokio::task::spawn_blocking(|| App::new(parts.0, parts.1, parts.2))
            .await
            .map_err(SimulatorError::Generation)??;
        let app = Arc::new(app);
        let router = Router::new()
            .nest("/api/v1", rest::router(&app))
            .nest("/_sim", control::router(&app))
            .merge(oauth::router(&app))
            .merge(mcp::router(&app))
            .layer(from_fn_with_state(Arc::clone(&app), requests::tell))
            .fallback(|| async { rest::answer::Failure::NoSuchPath });
        let server = axum::serve(listener, rest::with_method_override(router))
            .with_graceful_shutdown(shutdown.clone().cancelled_owned());
        tasks.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the simulator's listener failed");
            }
        });
        tasks.spawn(traffic::run(Arc::clone(&app), shutdown));
        Ok(Self {
            app,
            base_url,
            control_url,
            mcp_url,
            tasks,
        })
    }

    /// `http://127.0.0.1:PORT/api/v1/`
    pub fn base_url(&self) -> Url {
        self.base_url.clone()
    }

    /// `http://127.0.0.1:PORT/_sim/`
    pub fn control_url(&self) -> Url {
        self.control_url.clone()
    }

    /// `http://127.0.0.1:PORT/mcp`
    pub fn mcp_url(&self) -> Url {
        self.mcp_url.clone()
    }

    /// The key that Basic auth accepts as the user, with an empty password.
    pub fn api_key(&self) -> &str {
        &self.app.config.api_key
    }

    /// The same of a user who is no admin.
    pub fn member_api_key(&self) -> &str {
        &self.app.config.member_api_key
    }

    /// Id and secret of the organization's OAuth app.
    pub fn oauth_client(&self) -> (&str, &str) {
        let config = &self.app.config;
        (&config.oauth_client_id, &config.oauth_client_secret)
    }

    /// `orga_…`
    pub fn organization_id(&self) -> &str {
        self.app.organization_id.as_str()
    }

    /// Changes per second from now on, up to 10,000; 0 is none.
    pub fn set_traffic(&self, per_second: f64) {
        self.app
            .traffic
            .send_replace(per_second.clamp(0.0, MOST_TRAFFIC));
    }

    /// Puts the organization's clock forward, as if nothing had happened for so long.
    pub fn advance(&self, by: std::time::Duration) {
        self.app.clock.advance(by);
    }

    /// What every live invoice is, whatever fields tell it: the lines of `GET /_sim/invoices`.
    pub fn invoices(&self) -> Vec<serde_json::Value> {
        control::invoices::truth(&self.app)
    }

    /// Renames the custom type's field with this id or name, with its schema event; false when
    /// there is none.
    pub fn rename_custom_field(&self, field: &str, name: &str) -> bool {
        let change = FieldChange {
            name: Some(name.into()),
            ..FieldChange::default()
        };
        self.change_custom_field(field, &change)
    }

    /// New words for choices of a custom type's field, old and new, in the objects too, with all
    /// their events; false when there is no such field or word.
    pub fn reword_choices(&self, field: &str, words: &[(&str, &str)]) -> bool {
        let words = words
            .iter()
            .map(|(old, new)| ((*old).into(), (*new).into()));
        let change = FieldChange {
            words: words.collect(),
            rewrite: true,
            ..FieldChange::default()
        };
        self.change_custom_field(field, &change)
    }

    fn change_custom_field(&self, field: &str, change: &FieldChange) -> bool {
        let changed = self.app.redefine(|world| world.change_field(field, change));
        changed.is_ok()
    }

    /// Resolves once everything has ended after the shutdown.
    pub async fn stopped(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
