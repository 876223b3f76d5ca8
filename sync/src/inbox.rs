//! Webhook deliveries: received, kept, and worked off.

mod receive;
mod reread;
mod store;
mod work;

pub use receive::{Receiver, ReceiverOptions, router};
pub(crate) use reread::{request_rereads, reread_all};
pub use store::{Delivery, Inbox};
pub(crate) use store::{hold, release};
pub(crate) use work::{WorkOptions, work_off};

/// Channel on which a stored delivery wakes workers of all processes.
pub(crate) const CHANNEL: &str = "closegraph_event";
