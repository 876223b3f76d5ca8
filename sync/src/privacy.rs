//! Personal data: what is held on a person, how it is removed, and how it stays away.
//!
//! [`places`] names everywhere that a person's data can stand. What is read out, what is removed when a person is
//! [forgotten](forget_person), and what is removed a while after a deletion in Close ([`purge`]) is what these places
//! find, so that the three can't disagree. What arrives later of a person who is forgotten is dropped on its way into
//! the mirror, and taken out of whatever repeats it ([`Forgotten`]).

mod erase;
mod export;
mod forget;
mod forgotten;
mod mark;
mod people;
mod places;
mod purge;
mod strip;
mod subject;

use crate::error::SyncError;
pub use erase::Counts;
pub use export::{Export, Held, export_person};
pub use forget::{forget_person, look};
pub(crate) use forgotten::Forgotten;
pub use people::{Person, find_people};
pub(crate) use purge::purge;
