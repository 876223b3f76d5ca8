//! `closegraph session`.

use super::Output;
use clap::{Args, Subcommand};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Session {
    /// List who is signed in by browser, and until when.
    #[command(after_help = "Example: closegraph session list --json")]
    List(Output),
    /// End sessions of browsers; servers refuse them at once.
    ///
    /// Those that stand for a token end with it: closegraph token revoke.
    #[command(after_help = "Example: closegraph session end --subject 248289761001")]
    End(EndArgs),
}

#[derive(Debug, Args)]
pub struct EndArgs {
    #[command(flatten)]
    pub which: WhichSessions,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct WhichSessions {
    /// The session, as `session list` shows it.
    #[arg(value_name = "ID")]
    pub id: Option<Uuid>,
    /// All of a person, as the OpenID Connect provider names it.
    #[arg(long)]
    pub subject: Option<String>,
    /// All there are.
    #[arg(long)]
    pub all: bool,
}
