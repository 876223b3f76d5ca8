//! The messages of graphql-transport-ws, and the codes with which it closes.

use serde::Deserialize;
use serde_json::Value;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Incoming {
    ConnectionInit { payload: Option<Value> },
    Ping,
    Pong,
    Subscribe { id: String, payload: Value },
    Complete { id: String },
}

/// What an operation of a client tells.
#[derive(Debug)]
pub(super) enum Outgoing {
    Next(std::sync::Arc<str>),
    Failed(std::sync::Arc<str>),
    Complete,
}

impl Outgoing {
    /// The message about the operation of this id.
    pub(super) fn text(&self, id: &str) -> String {
        let id = Value::from(id);
        match self {
            Self::Next(payload) => {
                format!("{{\"id\":{id},\"type\":\"next\",\"payload\":{payload}}}")
            }
            Self::Failed(errors) => {
                format!("{{\"id\":{id},\"type\":\"error\",\"payload\":{errors}}}")
            }
            Self::Complete => format!("{{\"id\":{id},\"type\":\"complete\"}}"),
        }
    }
}

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// The other side has gone.
    Gone,
    Stopping,
    TooLarge,
    Changed,
    Busy,
    BadMessage,
    Unauthorized,
    Forbidden,
    NoProtocol,
    NoInit,
    Twice,
    TooManyInits,
}

impl Closing {
    /// The code and the reason; none where nobody is left to hear it.
    pub(super) fn frame(self) -> Option<(u16, &'static str)> {
        Some(match self {
            Self::Gone => return None,
            Self::Stopping => (1001, "the server stops"),
            Self::TooLarge => (1009, "the message holds more values than are allowed"),
            Self::Changed => (
                1012,
                "the token sees something else than before: connect again",
            ),
            Self::Busy => (1013, "the database does not answer"),
            Self::BadMessage => (4400, "no message of graphql-transport-ws"),
            Self::Unauthorized => (4401, "Unauthorized"),
            Self::Forbidden => (4403, "Forbidden"),
            Self::NoProtocol => (4406, "Subprotocol not acceptable"),
            Self::NoInit => (4408, "Connection initialisation timeout"),
            Self::Twice => (4409, "a subscriber with this id already exists"),
            Self::TooManyInits => (4429, "Too many initialisation requests"),
        })
    }
}
