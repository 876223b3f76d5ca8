//! From a GraphQL selection to one SQL statement.
//!
//! [`compile::Compiler`] holds the binds and the tenant scope; [`table::Table`] describes a type; [`written`] compiles what
//! is written straight from columns, [`object`] and [`page`] what is resolved from one JSON document; the other modules each
//! compile one part of the statement.

pub(crate) mod compile;
pub(crate) mod cursor;
pub(crate) mod custom;
pub(crate) mod filter;
pub(crate) mod object;
pub(crate) mod operators;
pub(crate) mod order;
pub(crate) mod page;
pub(crate) mod parts;
pub(crate) mod period;
pub(crate) mod run;
pub(crate) mod scalars;
pub(crate) mod selection;
pub(crate) mod sessions;
pub(crate) mod statement;
pub(crate) mod table;
pub(crate) mod together;
pub(crate) mod window;
mod words;
pub(crate) mod written;
