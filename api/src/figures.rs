//! Questions whose answer is a number.

pub(crate) mod revenue;
