//! The error of this crate. Inside [`crate::close`] use [`CloseError`], inside [`crate::mapping`] use
//! [`MappingError`](crate::mapping::MappingError); this one is for everything that joins them with the database.

use crate::close::CloseError;

/// What can stop a sync task.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error("Close could not be read")]
    Close(#[from] CloseError),
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    #[error("no connection has the id {0}")]
    UnknownConnection(uuid::Uuid),
    #[error("the connection {0} has no usable credential: connect it again")]
    NoCredential(uuid::Uuid),
    #[error("the connection {0} has no webhook subscription")]
    NoSubscription(uuid::Uuid),
    #[error("a {kind} of this connection is running already, in this process or another")]
    AlreadyRunning { kind: &'static str },
    #[error(transparent)]
    Vault(#[from] crate::connect::VaultError),
    #[error(transparent)]
    OAuth(#[from] crate::connect::OAuthError),
    #[error(
        "the connection {0} is by MCP, which has no event log and no lists: connect the organization with an API key for this"
    )]
    OnlyMcp(uuid::Uuid),
    #[error("{what} is not valid: {given:?}. Allowed: {allowed}")]
    InvalidInput {
        what: &'static str,
        given: String,
        allowed: &'static str,
    },
    #[error(
        "the credential is for the organization {found}, and the connection {id} mirrors {wanted}: nothing is changed"
    )]
    OtherOrganization {
        id: uuid::Uuid,
        wanted: String,
        found: String,
    },
    #[error("the connection {0} has a webhook subscription of its own: it needs no other")]
    OwnSubscription(uuid::Uuid),
    #[error("that is no signing key: allowed are the 64 hex characters of signature_key")]
    SigningKey,
    #[error("stopped before its end; the next run resumes at the checkpoint")]
    Interrupted,
    #[error(
        "more than {limit} {object}s share the instant {at}: Close's search can't list them all"
    )]
    InstantTooLarge {
        object: &'static str,
        at: String,
        limit: usize,
    },
    #[error("the kept position of {stream} can't be read")]
    Checkpoint {
        stream: &'static str,
        #[source]
        source: serde_json::Error,
    },
}

impl From<crate::close::McpError> for SyncError {
    fn from(error: crate::close::McpError) -> Self {
        Self::OAuth(error.into())
    }
}

/// How codes of Postgres begin that say nothing against a statement: connections, rollbacks as of deadlocks, what there is
/// too little of, what an operator does, and locks.
const PASSING: [&str; 5] = ["08", "40", "53", "57", "55P03"];

impl SyncError {
    /// Whether Close refused the credential.
    pub(crate) fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Close(error) if error.is_unauthorized())
    }

    /// Whether the same may succeed a moment later: Close gave no answer, a 429 or a 5xx, or the database no session, no
    /// room or no turn.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Close(CloseError::Transport { .. } | CloseError::NoToken(_))
            | Self::Database(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            Self::Database(sqlx::Error::Database(error)) => {
                let code = error.code().unwrap_or_default();
                PASSING.iter().any(|class| code.starts_with(class))
            }
            Self::Close(error) => error
                .status()
                .is_some_and(|status| status == 429 || status >= 500),
            _ => false,
        }
    }

    /// The chain as a log may have it: without the values that its messages quote.
    pub fn logged(&self) -> String {
        crate::redact::chain(self)
    }

    /// The whole chain in one line, each message once. It may quote what it is about: not for logs.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(inner) = source {
            let message = inner.to_string();
            if !text.ends_with(&message) {
                text.push_str(": ");
                text.push_str(&message);
            }
            source = inner.source();
        }
        text
    }
}
