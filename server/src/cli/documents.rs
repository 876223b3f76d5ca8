//! `closegraph documents`.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Documents {
    /// Check a folder of .graphql files against the schema. Exit code 1 where something is wrong.
    #[command(after_help = "Example: closegraph documents check src/queries\n\n\
        What is wrong is told as file:line:column: message. Else the operations are listed with the SHA-256 by which \
        they can be asked for. Neither a database nor a configuration is needed.")]
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The folder; those in it are looked into.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub output: Output,
}
