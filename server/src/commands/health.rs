//! `closegraph health`: one request, for health checks where no other program can ask.

use crate::config::Config;
use anyhow::Context;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use url::Url;

pub(super) async fn run(config: &Config, given: Option<Url>) -> anyhow::Result<()> {
    let url = &match given {
        Some(url) => url,
        None => Url::parse(&format!("http://{}/readyz", reachable(config.http.listen)))?,
    };
    let status = timeout(Duration::from_secs(5), ask(url))
        .await
        .context("no answer within 5 s")??;
    anyhow::ensure!(status.contains(" 200"), "{url} answered {status}");
    super::print("ready")
}

/// Where a server of this machine answers that listens there: one that listens everywhere does so on the loopback
/// interface, too.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}

async fn ask(url: &Url) -> anyhow::Result<String> {
    anyhow::ensure!(
        url.scheme() == "http",
        "{url} is not served here: allowed is http://"
    );
    let host = url.host_str().context("the address names no host")?;
    let port = url.port_or_known_default().unwrap_or(80);
    // An address of version 6 stands in brackets, which are none of it.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let mut stream = TcpStream::connect((name, port))
        .await
        .with_context(|| format!("{url} is not reachable"))?;
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n",
        url.path()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
