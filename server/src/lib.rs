//! The `closegraph` program: configuration, the embedded Postgres, and what runs in this process.

mod callback;
mod categories;
pub mod cli;
mod commands;
pub mod config;
pub mod database;
mod documents;
mod http;
mod policy;
pub mod postgres;
mod process;
mod requests;
mod routes;
mod shutdown;
mod telemetry;
mod trial;
mod vault;

pub use commands::run;
pub use http::serve;
pub use routes::routes;
pub use trial::Trial;
