//! Load on a server: the same request over a number of connections, each waiting for its answer, as little work as a
//! client can have, since it runs on the cores of what it measures.

use anyhow::{Context, ensure};
use axum::body::Bytes;
use axum::http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use url::Url;

/// Answers a second, and how long they took.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    spans: Vec<Duration>,
}

impl Measured {
    /// How many were answered.
    #[expect(clippy::cast_precision_loss, reason = "to divide by")]
    pub(crate) fn count(&self) -> f64 {
        self.spans.len() as f64
    }

    /// The span within which so many of a hundred were answered, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let place = (self.spans.len() * percent / 100).min(self.spans.len().saturating_sub(1));
        let span = self.spans.get(place).copied().unwrap_or_default();
        span.as_secs_f64() * 1_000.0
    }
}

/// A request, or several in turn, to be repeated.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    requests: Arc<[Request<Full<Bytes>>]>,
    turn: Arc<AtomicUsize>,
    refused: bool,
}

impl Target {
    /// A GraphQL document posted with its variables, or, without a body, a read of the address.
    pub(crate) fn new(url: &str, token: Option<&str>, body: Option<&str>) -> anyhow::Result<Self> {
        Self::of(url, token, &[body])
    }

    /// Documents that are posted in turn.
    pub(crate) fn posting(
        url: &str,
        token: Option<&str>,
        bodies: &[String],
    ) -> anyhow::Result<Self> {
        let bodies: Vec<Option<&str>> = bodies.iter().map(|body| Some(body.as_str())).collect();
        Self::of(url, token, &bodies)
    }

    fn of(url: &str, token: Option<&str>, bodies: &[Option<&str>]) -> anyhow::Result<Self> {
        let url: Url = url.parse()?;
        let host = url.host_str().context("no host")?;
        let address = format!("{host}:{}", url.port().context("no port")?);
        let request = |body: &Option<&str>| {
            let mut request = match body {
                Some(_) => Request::post(url.path()),
                None => Request::get(url.path()),
            }
            .header(header::HOST, &address)
            .header(header::CONTENT_TYPE, "application/json");
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            let body = Bytes::copy_from_slice(body.unwrap_or_default().as_bytes());
            request.body(Full::new(body))
        };
        let requests: Result<Vec<_>, _> = bodies.iter().map(request).collect();
        Ok(Self {
            address: address.parse()?,
            requests: requests?.into(),
            turn: Arc::default(),
            refused: false,
        })
    }

    /// The same, which is to be refused: another answer ends the measurement.
    pub(crate) fn expecting_refusal(mut self) -> Self {
        self.refused = true;
        self
    }

    /// One answer.
    pub(crate) async fn once(&self) -> anyhow::Result<Bytes> {
        let mut connection = self.connect().await?;
        self.send(&mut connection).await
    }

    /// Repeats it over so many connections for a span. An answer that was not expected ends it.
    pub(crate) async fn measure(
        &self,
        connections: usize,
        span: Duration,
    ) -> anyhow::Result<Measured> {
        let mut opened = Vec::with_capacity(connections);
        for _ in 0..connections {
            opened.push(self.connect().await?);
        }
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for mut connection in opened {
            let target = self.clone();
            tasks.spawn(async move {
                let mut spans = Vec::new();
                while start.elapsed() < span {
                    let sent = Instant::now();
                    target.send(&mut connection).await?;
                    spans.push(sent.elapsed());
                }
                anyhow::Ok(spans)
            });
        }
        let mut spans = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            spans.extend(ended??);
        }
        let seconds = start.elapsed().as_secs_f64();
        spans.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let per_second = spans.len() as f64 / seconds;
        Ok(Measured { per_second, spans })
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn send(&self, connection: &mut SendRequest<Full<Bytes>>) -> anyhow::Result<Bytes> {
        connection.ready().await?;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.requests.len();
        let request = self.requests.get(turn).context("no request")?;
        let answer = connection.send_request(request.clone()).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success() != self.refused,
            "answered {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }
}
