//! A connection that posts prepared requests and waits for each answer: as little work as a sender can have, so that
//! what is measured is the receiver.

use anyhow::ensure;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) struct Sender {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Sender {
    pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::with_capacity(1024),
        })
    }

    /// Sends a request; an answer other than 200 is an error.
    pub(super) async fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        // A 200 has no body.
        while !self.answer.ends_with(b"\r\n\r\n") {
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the connection ended");
            ensure!(
                self.answer.starts_with(b"HTTP/1.1 200") || self.answer.len() < 12,
                "answered {}",
                String::from_utf8_lossy(&self.answer)
            );
        }
        Ok(())
    }
}
