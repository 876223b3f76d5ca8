//! What is held on a person is found, removed, and stays away.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod afterwards;
mod beside;
mod fill;
mod forget;
mod purge;
mod world;
