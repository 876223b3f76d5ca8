//! HTTP, connection by connection: how many at once, how slow a head may be, and the end of it all.

mod unyielding;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use closegraph_api::Limits;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use unyielding::unyielding;

/// Pause after a connection could not be accepted, such as for want of file descriptors.
const BREATH: Duration = Duration::from_secs(1);
/// Pause between two looks at the beginning of a connection.
const GLANCE: Duration = Duration::from_millis(20);
/// By which a connection of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests that one connection of HTTP/2 may have open.
const STREAMS: u32 = 100;

/// Serves until `stop`; then no connection is accepted, and what was begun on the others is finished.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    stop: CancellationToken,
) {
    let patience = Duration::from_millis(limits.head_ms);
    let server = builder(patience);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    while let Some(Some((stream, from, place))) = stop
        .run_until_cancelled(accept(&listener, places.clone()))
        .await
    {
        let router = router.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(from));
            router.clone().oneshot(request)
        });
        let (server, watcher, stop) = (server.clone(), graceful.watcher(), stop.clone());
        tokio::spawn(async move {
            let begun = stop.run_until_cancelled(has_begun(&stream, patience)).await;
            if begun == Some(true) {
                let connection =
                    server.serve_connection_with_upgrades(TokioIo::new(stream), service);
                if let Err(error) = unyielding(watcher.watch(connection.into_owned())).await {
                    tracing::debug!(error = %error, "a connection ends in the middle");
                }
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

fn builder(patience: Duration) -> Builder<TokioExecutor> {
    let mut server = Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience)
        .max_concurrent_streams(STREAMS)
        // For WebSockets.
        .enable_connect_protocol();
    server
}

/// Whether enough has arrived in time to tell the version of HTTP: until then the server knows of no time.
async fn has_begun(stream: &TcpStream, patience: Duration) -> bool {
    let begun = async {
        let mut seen = [0; PREFACE.len()];
        loop {
            let length = stream.peek(&mut seen).await.unwrap_or(0);
            let seen = seen.get(..length).unwrap_or_default();
            if length == 0 || length == PREFACE.len() || !PREFACE.starts_with(seen) {
                return length > 0;
            }
            tokio::time::sleep(GLANCE).await;
        }
    };
    tokio::time::timeout(patience, begun).await.unwrap_or(false)
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                // Answers are short: waiting to fill a packet only delays them.
                stream.set_nodelay(true).ok();
                return Some((stream, from, place));
            }
            Err(error) if is_of_the_caller(error.kind()) => {}
            Err(error) => {
                tracing::error!(error = %error, "a connection can't be accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// Whether only that one connection came to nothing.
fn is_of_the_caller(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
