//! What operators rely on: metrics and their documents, logs, retention.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod deployment;
mod documents;
mod logs;
mod metrics;
mod retention;
mod secrets;
