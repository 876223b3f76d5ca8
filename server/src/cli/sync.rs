//! `closegraph sync`.

use super::Output;
use clap::{Args, Subcommand};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Sync {
    /// Read all of an organization; resumes where an earlier run stopped. Reads nothing where the copy is complete.
    #[command(after_help = "Example: closegraph sync backfill --restart")]
    Backfill(BackfillArgs),
    /// Search for what changed since the last sweep.
    #[command(after_help = "Example: closegraph sync sweep")]
    Sweep(ConnectionArgs),
    /// Read what Close's event log has since it was last read. A running server works it off.
    #[command(after_help = "Example: closegraph sync catch-up")]
    CatchUp(ConnectionArgs),
    /// Compute all columns again from the objects that are kept; Close is not asked. A server does it by itself when the
    /// mapping has changed.
    #[command(after_help = "Example: closegraph sync remap")]
    Remap(ConnectionArgs),
}

#[derive(Debug, Args)]
pub struct ConnectionArgs {
    /// The connection; needed only where there are several.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct BackfillArgs {
    /// The connection; needed only where there are several.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    /// Start from the beginning, even where a checkpoint stands or the copy is complete.
    #[arg(long)]
    pub restart: bool,
    #[command(flatten)]
    pub output: Output,
}
