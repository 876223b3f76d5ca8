//! Access that a person grants in Close, for its MCP server: asked for, used, renewed and given back. The protocol is
//! that of the crate rmcp.

mod authorize;
mod finish;
mod grant;
mod http;
mod renew;
mod revoke;

pub(super) use authorize::PLACE as AUTHORIZATION;
pub use authorize::{Attempt, Callback, begin, outcome};
pub use finish::finish;
pub(super) use revoke::revoke;

use crate::close::McpError;

/// What is asked for: to read, and to go on reading while nobody looks.
pub(super) const SCOPES: [&str; 2] = ["mcp.read", "offline_access"];

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
    #[error("Close granted no leave to read (scope mcp.read): begin again and allow it")]
    Scope,
    #[error(
        "the organization {0} is connected with an API key, which reads more: disconnect it first"
    )]
    ReadsMore(String),
    #[error("no way to ask {server} for access was found: {reason}")]
    Discovery { server: String, reason: String },
    #[error("{0:?} is no address of an MCP server: https is allowed, and http on this machine")]
    Address(String),
    #[error("{0} is not asked: it belongs to another party than the MCP server")]
    Host(String),
    #[error("Close has taken the access back: connect again with closegraph connect close --mcp")]
    Gone,
    #[error("the access could not be renewed: {0}")]
    Renewal(String),
    #[error("a kept grant can't be read: connect again")]
    Kept,
    #[error(transparent)]
    Mcp(#[from] McpError),
}
