//! Close's REST API: what can be asked, in which rate, and in which shapes it answers.

mod answer;
mod authorization;
mod client;
mod error;
mod event_log;
mod limiter;
mod mcp;
mod object;
mod search;
pub mod signature;
mod time;
mod webhook;

pub(crate) use authorization::{AccessTokens, Authorization};
pub use client::{ClientOptions, CloseClient, ListPage};
pub use error::CloseError;
pub use event_log::EventPage;
pub use limiter::Priority;
pub use mcp::McpError;
pub(crate) use mcp::{McpClient, Tool};
pub(crate) use object::storable;
pub use object::{Object, ObjectType};
pub use search::{SearchPage, SearchRequest};
pub use time::parse_timestamp;
pub use webhook::{Subscription, wanted_events};
