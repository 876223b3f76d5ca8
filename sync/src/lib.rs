//! Close to Postgres.
//!
//! Everything that Close tells us becomes a [`change::Change`] first and enters the mirrored tables through one door,
//! [`apply::apply`]. [`inbox`] receives and works off webhook deliveries, [`reconcile`] reads Close by itself,
//! [`connect`] holds credentials, [`close`] is the REST client, [`mapping`] turns Close objects into rows,
//! [`matching`] finds which invoice bills which deal, [`privacy`] reads out and removes what is held on a person.

pub mod apply;
pub mod change;
pub mod close;
pub mod connect;
mod error;
mod fold;
pub mod inbox;
pub mod mapping;
pub mod matching;
mod meters;
pub mod privacy;
pub mod reconcile;
mod redact;
mod supervise;
mod turn;

pub use error::SyncError;
pub use fold::fold_revenue;
pub use meters::describe_metrics;
pub use supervise::{Schedule, SyncOptions, SyncService};
