//! Questions whose answer is a number, or what a person should look at.
//!
//! Each figure is one statement over the connections of the scope, each with its own calendar. Money is summed as exact
//! integers, a row a currency.

pub(crate) mod aging;
pub(crate) mod attention;
pub(crate) mod pipeline;
pub(crate) mod revenue;
pub(crate) mod search;
mod span;
pub(crate) mod summary;
pub(crate) mod unmatched;
