//! `closegraph access-log`.

use super::Output;
use clap::Args;

#[derive(Debug, Args)]
pub struct AccessLogArgs {
    /// Entries at most.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    #[command(flatten)]
    pub output: Output,
}
