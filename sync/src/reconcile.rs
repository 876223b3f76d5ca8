//! Reading Close by ourselves.

mod backfill;
mod run;
mod walk;

pub use backfill::{BackfillOptions, Strategy, backfill, is_backfilled};
pub use run::{Progress, RunReport};
