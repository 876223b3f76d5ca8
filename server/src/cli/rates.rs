//! `closegraph rates`.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Rates {
    /// Load exchange rates from a CSV file; a rate that is known is replaced.
    ///
    /// The columns are date,base,quote,rate: 2026-01-31,EUR,USD,1.0834 says that one euro is worth 1.0834 dollars from that
    /// day on, until the next rate of the pair. Nothing is loaded of a file with a mistake.
    #[command(after_help = "Example: closegraph rates load rates.csv")]
    Load(LoadRates),
    /// List the pairs of currencies with their days and newest rates.
    #[command(after_help = "Example: closegraph rates list --json")]
    List(Output),
}

#[derive(Debug, Args)]
pub struct LoadRates {
    /// The file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub output: Output,
}
