//! GraphQL over rows that a test knows, on a Postgres of its own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access_log;
mod aging;
mod attention;
mod authorization;
mod browser;
mod cache;
mod changes;
mod convert;
mod custom;
mod days;
mod documents;
mod golden;
mod hostile;
mod http;
mod invoices;
mod limits;
mod links;
mod listeners;
mod live;
mod mapping;
mod mutations;
mod openid;
mod operators;
mod paging;
mod pipeline;
mod plans;
mod receivables;
mod records;
mod revenue;
mod search;
mod sessions;
mod sign_in;
mod summary;
mod tenancy;
mod times;
mod together;
mod tokens;
mod unmatched;
mod unpaid;
mod world;
mod written;
