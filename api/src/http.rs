//! The HTTP side: who asks, what may be asked, and how it is answered.

mod answer;
mod auth;
mod body;
mod cached;
mod cost;
mod graphiql;
mod guard;
mod introspection;
mod limits;
mod measure;
mod media;
mod operation;
mod order;
mod parameters;
mod parsed;
mod persisted;
mod rate;
mod refusal;
mod request_id;
mod respond;
mod roots;
mod sign_in;
mod socket;
mod stream;
mod text;
mod uses;
mod values;

pub(crate) use answer::{ERRORS, disclose};
pub use introspection::Introspection;
pub use limits::Limits;
pub(crate) use operation::Operation;
pub use request_id::RequestId;
pub use sign_in::{OpenIdConnect, SignIn};

use crate::live::Hub;
use crate::live::answers::Answers;
use crate::query::sessions::{Sessions, Share};
use crate::{ApiSchema, Documents, InvoiceTrial};
use auth::Callers;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use cost::Prices;
use parsed::Parsed;
use persisted::Persisted;
use rate::{Failures, Rates};
use roots::Roots;
use sign_in::SigningIn;
use sqlx::PgPool;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// What the API follows.
#[derive(Clone, Copy, Debug)]
pub struct ApiOptions {
    /// Whom GraphQL tells its schema.
    pub introspection: Introspection,
    pub limits: Limits,
    /// How long a token that was checked is believed where no change of it is heard of.
    pub token_cache: Duration,
    /// Sockets and streams of this process at once.
    pub streams: usize,
    /// Bytes of the answers that are kept; 0: none are.
    pub cache_bytes: u64,
    /// How much of the pool questions may have.
    pub share: Share,
    /// Statements of questions that run at once while none of them takes long; `None`: twice the cores where Postgres is on
    /// this machine, as many as have sessions where it is not.
    pub statements: Option<usize>,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            introspection: Introspection::All,
            limits: Limits::default(),
            token_cache: Duration::from_secs(5),
            streams: 10_000,
            cache_bytes: 0,
            share: Share::default(),
            statements: None,
        }
    }
}

/// Renders `/metrics`.
type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// The API over a database. Each request clones it several times.
#[derive(Clone, Debug)]
pub struct Api(Arc<Inner>);

/// What an API is made of.
#[derive(Clone)]
pub struct Inner {
    schema: ApiSchema,
    pool: PgPool,
    callers: Callers,
    rates: Rates,
    prices: Prices,
    roots: Roots,
    persisted: Persisted,
    parsed: Parsed,
    options: ApiOptions,
    metrics: Metrics,
    trial: Option<Arc<dyn InvoiceTrial>>,
    live: Arc<Hub>,
    answers: Answers,
    sign_in: Arc<SigningIn>,
}

impl Deref for Api {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Inner")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// An API; `metrics` renders `/metrics`. It listens to what commits change from now on, in the runtime at hand.
    pub fn new(
        pool: PgPool,
        options: ApiOptions,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        let limits = &options.limits;
        let failures = Failures::new(limits);
        let sdl = crate::sdl();
        let sessions = Sessions::new(pool.clone(), options.share, options.statements);
        let live = Hub::start(pool.clone(), sessions.clone(), options.streams);
        let live = Arc::new(live);
        Self(Arc::new(Inner {
            answers: Answers::new(options.cache_bytes),
            schema: crate::schema().data(pool.clone()).data(sessions).finish(),
            callers: Callers::new(pool.clone(), options.token_cache, failures, live.access()),
            live,
            rates: Rates::new(limits),
            prices: Prices::of(&sdl),
            roots: Roots::of(&sdl),
            persisted: Persisted::new(Documents::default(), false),
            parsed: Parsed::new(),
            pool,
            options,
            metrics: Arc::new(metrics),
            trial: None,
            sign_in: Arc::default(),
        }))
    }

    /// Ends all sockets and streams, so that a server that stops need not wait for them.
    pub fn end_streams(&self) {
        self.live.end_streams();
    }

    /// The same, which knows these documents, and answers no others where `only` says so.
    #[must_use]
    pub fn knowing(mut self, documents: Documents, only: bool) -> Self {
        Arc::make_mut(&mut self.0).persisted = Persisted::new(documents, only);
        self
    }

    /// The same, where people sign in so; an error where no client of HTTP can be made.
    pub fn signing_in(mut self, sign_in: SignIn) -> Result<Self, reqwest::Error> {
        let sign_in = SigningIn::new(sign_in)?;
        let inner = Arc::make_mut(&mut self.0);
        inner.callers = inner.callers.clone().living(sign_in.lifetime());
        inner.sign_in = Arc::new(sign_in);
        Ok(self)
    }

    /// The same, which can try mappings of invoices.
    #[must_use]
    pub fn trying(mut self, trial: impl InvoiceTrial + 'static) -> Self {
        Arc::make_mut(&mut self.0).trial = Some(Arc::new(trial));
        self
    }
}

/// All routes of the API.
pub fn router(api: Api) -> Router {
    Router::new()
        .route(
            "/graphql",
            get(socket::get)
                .post(respond::post)
                .fallback(respond::other),
        )
        .merge(sign_in::routes())
        .layer(middleware::from_fn(request_id::name))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/graphiql", get(graphiql::page))
        .route("/graphiql/", get(graphiql::page))
        .route("/graphiql/{*path}", get(graphiql::asset))
        .with_state(api)
}

/// Ready when the database answers and has our tables.
async fn ready(State(api): State<Api>) -> impl IntoResponse {
    let asked = sqlx::query("select from sync_run limit 1").execute(&api.pool);
    match tokio::time::timeout(Duration::from_secs(2), asked).await {
        Ok(Ok(_)) => (StatusCode::OK, "ready"),
        Ok(Err(error)) => {
            tracing::warn!(error = %error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer, or is not migrated",
            )
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer",
        ),
    }
}

async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    api.live.publish();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        (api.metrics)(),
    )
}
