//! The simulator through HTTP, a topic a file.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests only by their attribute, not the harness beside them"
)]

mod app;
mod auth;
mod contract;
mod control;
mod custom_objects;
mod definitions;
mod determinism;
mod events;
mod faults;
mod harness;
mod invoices;
mod layouts;
mod limits;
mod lists;
mod oauth;
mod search;
mod webhooks;
mod writes;
