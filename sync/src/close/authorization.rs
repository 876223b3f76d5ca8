//! By what a request to the REST API proves who asks: an API key, or an access token.

use super::error::CloseError;
use futures::future::BoxFuture;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// Whoever keeps the access tokens of a grant good.
pub(crate) trait AccessTokens: std::fmt::Debug + Send + Sync {
    /// A token that is good for a while; `stale` is one that Close has just refused.
    fn token<'a>(
        &'a self,
        stale: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<SecretString, CloseError>>;
}

/// What a client proves itself with.
#[derive(Clone, Debug)]
pub(crate) enum Authorization {
    /// As the user of HTTP Basic, with an empty password.
    Key(SecretString),
    /// A token for a few requests.
    Token(SecretString),
    /// Tokens that are renewed.
    Tokens(Arc<dyn AccessTokens>),
}

/// The proof of one request and of its repetitions.
pub(super) struct Proof<'a> {
    by: &'a Authorization,
    /// The token that was sent last.
    sent: Option<SecretString>,
    /// The token that Close refused.
    stale: Option<SecretString>,
}

impl<'a> Proof<'a> {
    pub(super) fn new(by: &'a Authorization) -> Self {
        Self {
            by,
            sent: None,
            stale: None,
        }
    }

    pub(super) async fn add_to(
        &mut self,
        request: RequestBuilder,
    ) -> Result<RequestBuilder, CloseError> {
        let tokens = match self.by {
            Authorization::Key(key) => {
                return Ok(request.basic_auth(key.expose_secret(), Some("")));
            }
            Authorization::Token(token) => return Ok(request.bearer_auth(token.expose_secret())),
            Authorization::Tokens(tokens) => tokens,
        };
        let token = tokens.token(self.stale.as_ref()).await?;
        let request = request.bearer_auth(token.expose_secret());
        self.sent = Some(token);
        Ok(request)
    }

    /// Whether another token may be taken where one was refused: once.
    pub(super) fn takes_another(&mut self) -> bool {
        let first = self.stale.is_none();
        if first {
            self.stale = self.sent.take();
        }
        first && self.stale.is_some()
    }
}
