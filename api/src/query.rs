//! From a GraphQL selection to one SQL statement that answers with one JSON document.
//!
//! [`compile::Compiler`] holds the binds and the tenant scope; [`table::Table`] describes a type; the other modules
//! each compile one part of the statement.

pub(crate) mod compile;
pub(crate) mod cursor;
pub(crate) mod custom;
pub(crate) mod filter;
pub(crate) mod operators;
pub(crate) mod order;
pub(crate) mod page;
pub(crate) mod parts;
pub(crate) mod period;
pub(crate) mod run;
pub(crate) mod scalars;
pub(crate) mod selection;
pub(crate) mod sessions;
pub(crate) mod table;
pub(crate) mod window;
pub(crate) mod written;
