//! `closegraph health`: one request, for health checks where no other program can ask.

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use url::Url;

pub(super) async fn run(url: &Url) -> anyhow::Result<()> {
    let status = timeout(Duration::from_secs(5), ask(url))
        .await
        .context("no answer within 5 s")??;
    anyhow::ensure!(status.contains(" 200"), "{url} answered {status}");
    super::print("ready")
}

async fn ask(url: &Url) -> anyhow::Result<String> {
    anyhow::ensure!(
        url.scheme() == "http",
        "{url} is not served here: allowed is http://"
    );
    let host = url.host_str().context("the address names no host")?;
    let port = url.port_or_known_default().unwrap_or(80);
    let mut stream = TcpStream::connect((host, port))
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
