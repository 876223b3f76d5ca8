//! Why nobody is signed in by a provider: for the person, and for the log. Neither has codes, tokens or claims.

use axum::http::StatusCode;
use openidconnect::{ClaimsVerificationError, SignatureVerificationError};

#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("This server has no OpenID Connect provider: sign in with a token.")]
    Unconfigured,
    #[error(
        "This sign-in was not begun in this browser, or more than ten minutes ago. Begin again."
    )]
    NotBegun,
    #[error("The provider says that access was denied.")]
    Denied,
    #[error("The provider ended the sign-in with the error {0}.")]
    Ended(String),
    #[error(
        "The provider does not answer as it should. Try again later; the server's log says more."
    )]
    Unavailable(String),
    #[error(
        "The provider gave no identity for its answer. Begin again; the server's log says more."
    )]
    Exchange(String),
    #[error("What the provider says of you can't be trusted: {0}.")]
    Untrusted(&'static str),
    #[error(
        "The provider knows you, but nothing that it says of you gives you a role here. Ask whoever runs this server."
    )]
    NoRole,
    #[error(
        "The provider knows you, but it names no organization that you may see here. Ask whoever runs this server."
    )]
    NoConnection,
    #[error("Too many sign-ins from this address came to nothing: wait a minute.")]
    TooOften,
    #[error("The database does not answer. Try again later.")]
    Database,
}

impl Fault {
    /// What an answer says instead of a code.
    pub(super) fn of_answer(error: &str) -> Self {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        match error {
            "access_denied" => Self::Denied,
            _ if error.len() <= 64 && error.bytes().all(is_word) => Self::Ended(error.to_owned()),
            _ => Self::Ended("that is no word of OpenID Connect".to_owned()),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Unconfigured => StatusCode::NOT_FOUND,
            Self::NotBegun => StatusCode::BAD_REQUEST,
            Self::Denied | Self::NoRole | Self::NoConnection => StatusCode::FORBIDDEN,
            Self::Ended(_) | Self::Exchange(_) | Self::Untrusted(_) => StatusCode::BAD_GATEWAY,
            Self::Unavailable(_) | Self::Database => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Whether the answer is wrong that the browser brought, and not the provider out of order.
    pub(super) fn is_of_the_answer(&self) -> bool {
        matches!(self, Self::Exchange(_) | Self::Untrusted(_))
    }

    /// What a log may have of it.
    pub(super) fn logged(&self) -> String {
        match self {
            Self::Unavailable(inner) | Self::Exchange(inner) => format!("{self} {inner}"),
            other => other.to_string(),
        }
    }
}

impl From<ClaimsVerificationError> for Fault {
    /// The errors quote what the ID token holds.
    fn from(error: ClaimsVerificationError) -> Self {
        use ClaimsVerificationError as E;
        Self::Untrusted(match error {
            E::Expired(_) => "it has expired",
            E::InvalidAudience(_) => "it is meant for another application",
            E::InvalidIssuer(_) => "another provider says so",
            E::InvalidNonce(_) => "it answers another sign-in",
            E::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
                "it is signed with a key that is not the provider's"
            }
            E::SignatureVerification(_) => "its signature is wrong",
            _ => "it is not made as it should be",
        })
    }
}
