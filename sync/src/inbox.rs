//! Webhook deliveries: received, kept, and worked off.

mod bodies;
mod delivery;
mod insert;
mod judge;
mod overtaken;
mod receive;
mod reread;
mod retention;
mod settled;
mod store;
mod take;
mod truth;
mod work;

pub use delivery::Delivery;
pub(crate) use insert::{hold, refuses_content, release};
pub use receive::{Receiver, ReceiverOptions, router};
pub(crate) use reread::{TRIMMED, request_rereads, reread_all};
pub use retention::Retention;
pub(crate) use retention::retain;
pub use store::Inbox;
pub(crate) use take::take;
pub(crate) use work::{WorkOptions, work_off};

pub(crate) use closegraph_entity::event::CHANNEL;

/// Action of an inbox row that holds an object of a list instead of an event.
pub(crate) const LISTED: &str = "listed";
