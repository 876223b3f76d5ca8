//! Clients that follow what changes: over WebSocket, and over Server-Sent Events.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const PROTOCOL: &str = "sec-websocket-protocol";
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket that speaks graphql-transport-ws.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// A socket on which nothing was said.
    pub(crate) async fn open(address: &str, protocol: Option<&str>) -> Self {
        let named = protocol.map(|protocol| (PROTOCOL, protocol));
        Self::shaken(address, named.as_slice()).await
    }

    /// A socket on which nothing was said, asked for with these headers.
    pub(crate) async fn open_with(address: &str, headers: &[(&'static str, &str)]) -> Self {
        let named = [(PROTOCOL, "graphql-transport-ws")];
        Self::shaken(address, &[&named, headers].concat()).await
    }

    async fn shaken(address: &str, headers: &[(&'static str, &str)]) -> Self {
        let mut request = format!("ws://{address}/graphql")
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        Self(connect_async(request).await.unwrap().0)
    }

    /// A socket that was let in.
    pub(crate) async fn connect(address: &str, token: &str) -> Self {
        let mut socket = Self::open(address, Some("graphql-transport-ws")).await;
        socket
            .say(json!({ "type": "connection_init", "payload": { "token": token } }))
            .await;
        assert_eq!(socket.hear().await, Ok(json!({ "type": "connection_ack" })));
        socket
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await;
    }

    /// The next message, or the code with which the socket is closed.
    pub(crate) async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match heard.unwrap() {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => unreachable!("{other:?}"),
            }
        }
    }

    /// The payload of the next message of an operation, which has to be of the type.
    pub(crate) async fn told(&mut self, kind: &str) -> Value {
        let message = self.hear().await.unwrap();
        assert_eq!(message["type"], kind, "{message}");
        message["payload"].clone()
    }

    /// Whether nothing is heard for a while.
    pub(crate) async fn is_silent(&mut self, span: Duration) -> bool {
        tokio::time::timeout(span, self.hear()).await.is_err()
    }
}

/// A stream of Server-Sent Events.
pub(crate) struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    pub(crate) async fn open(address: &str, token: &str, query: &str, variables: Value) -> Self {
        let response = reqwest::Client::new()
            .post(format!("http://{address}/graphql"))
            .bearer_auth(token)
            .header("accept", "text/event-stream")
            .json(&json!({ "query": query, "variables": variables }))
            .send()
            .await
            .unwrap();
        let text = String::new();
        Self { response, text }
    }

    pub(crate) fn media(&self) -> &str {
        self.response.headers()["content-type"].to_str().unwrap()
    }

    /// The name and data of the next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let line = |name: &str| {
                    let mut lines = event.lines().filter_map(|line| line.split_once(": "));
                    lines
                        .find(|(found, _)| *found == name)
                        .map(|(_, value)| value)
                };
                if let Some(name) = line("event") {
                    let data = line("data").unwrap_or("null");
                    return Some((name.to_owned(), serde_json::from_str(data).unwrap()));
                }
                continue;
            }
            let heard = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let bytes = heard.unwrap().unwrap()?;
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
}
