//! Access that a person grants in Close, for its MCP server or, to an app, for its REST API: asked for, used, renewed and
//! given back. The protocol is that of the crates rmcp and oauth2.

mod app;
mod authorize;
mod finish;
mod grant;
mod held;
mod http;
mod renew;
mod revoke;

pub(super) use authorize::PLACE as AUTHORIZATION;
pub use authorize::{AppRequest, Attempt, Callback, begin, begin_app, outcome};
pub(super) use finish::HOOKED;
pub use finish::finish;
pub(super) use renew::AppTokens;
pub(super) use revoke::revoke;

use crate::close::McpError;
use closegraph_entity::permission::{MCP_READ, OFFLINE_ACCESS};

/// What is asked for: to read, and to go on reading while nobody looks.
pub(super) const SCOPES: [&str; 2] = [MCP_READ, OFFLINE_ACCESS];

/// The name under which a deployment registers itself.
const CLIENT_NAME: &str = "Closegraph";

/// Why there is no access, in words for the person who asked for it. None of them holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    #[error("access was denied in Close: nothing is connected")]
    Denied,
    #[error("Close refused the request for access ({0}): nothing is connected")]
    Refused(String),
    #[error("the answer belongs to no request for access that was made here")]
    Unknown,
    #[error("this request for access was answered before: begin again")]
    Used,
    #[error("this request for access is too old: begin again")]
    Expired,
    #[error("the answer of Close is not complete")]
    Incomplete,
    #[error("Close gave no token for its answer ({0}): begin again")]
    Exchange(String),
    #[error("Close granted no leave to read (scope {0}): begin again and allow it")]
    Scope(&'static str),
    #[error(
        "the organization {0} is connected with an API key or an OAuth app, which reads more: disconnect it first"
    )]
    ReadsMore(String),
    #[error("no way to ask {server} for access was found: {reason}")]
    Discovery { server: String, reason: String },
    #[error(
        "{0:?} is no address that tokens may be sent to: https is allowed, and http on this machine"
    )]
    Address(String),
    #[error(
        "{0:?} is no address that Close sends people back to: https is allowed, and http on this machine"
    )]
    Redirect(String),
    #[error("{0} is not asked: it belongs to another party than the server that is connected")]
    Host(String),
    #[error(
        "Close refuses to renew the access (it was taken back, or the answer to a renewal was lost): connect again with closegraph connect close {0}"
    )]
    Gone(&'static str),
    #[error(
        "Close does not take the app's client id and secret ({0}): connect again with closegraph connect close --oauth"
    )]
    App(String),
    #[error("the access could not be given back: {0}")]
    Revocation(String),
    #[error("the access could not be renewed: {0}")]
    Renewal(String),
    #[error("a kept grant can't be read: connect again")]
    Kept,
    #[error(transparent)]
    Mcp(#[from] McpError),
}
