//! Reading Close by ourselves.

mod backfill;
mod catch_up;
mod indexes;
mod load;
mod poll;
mod remap;
mod run;
mod sweep;
mod verify;
mod walk;

pub use backfill::{BackfillOptions, Strategy, backfill, is_backfilled};
pub use catch_up::{CatchUp, catch_up};
pub use indexes::build_indexes;
pub use remap::{RemapReport, remap};
pub use run::{Progress, RunReport};
pub use sweep::sweep;
pub use verify::{Drift, Example, VerifyOptions, verify};
