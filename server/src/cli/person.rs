//! `closegraph forget` and `closegraph export`.

use clap::{Args, Subcommand};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Forget {
    /// Remove all that is held on a person, and never hold anything on it again but its ids.
    ///
    /// Its row, the objects and events of Close that are about it or repeat its name, dead letters, old and new values in
    /// the audit trail. Figures stay as they are; deals and transactions keep its id. Close itself is not changed: delete
    /// the person there, too. It can't be undone.
    #[command(
        after_help = "Example: closegraph forget person cont_4RYWGk8IcyDk2uhSrAMVFrrKmD6XiUiUgGLy3UNVytF --dry-run"
    )]
    Person(ForgetPerson),
}

#[derive(Debug, Subcommand)]
pub enum Export {
    /// Print all that is held on a person, as JSON. It is noted in the access log.
    #[command(after_help = "Example: closegraph export person ada@northwind.example > ada.json")]
    Person(PersonName),
}

#[derive(Debug, Args)]
pub struct PersonName {
    /// The person: its id here (a UUID), its id in Close (cont_…), or an e-mail address that nobody else has. Somebody who
    /// was deleted in Close is found by its ids only.
    #[arg(value_name = "ID|EMAIL")]
    pub person: String,
    /// Look in this connection only.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
}

#[derive(Debug, Args)]
pub struct ForgetPerson {
    #[command(flatten)]
    pub name: PersonName,
    /// Show what would be removed, and remove nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask. Needed where there is no terminal to ask at.
    #[arg(long)]
    pub yes: bool,
}
