//! `closegraph token`.

use super::Output;
use clap::{Args, Subcommand, ValueEnum};
use closegraph_entity::api_token::Role;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Create a token; it is shown once.
    #[command(
        after_help = "Example: closegraph token create --name dashboard --expires-in-days 90"
    )]
    Create(TokenArgs),
    /// List the tokens: what they may do and whether they work; never the secrets.
    #[command(after_help = "Example: closegraph token list --json")]
    List(Output),
    /// Revoke a token; servers refuse it at once. One that is revoked stays so.
    #[command(after_help = "Example: closegraph token revoke cg_Ab3dEf")]
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// Its id, or its first characters as `token list` shows them.
    #[arg(value_name = "ID|PREFIX")]
    pub token: String,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct TokenArgs {
    /// What the token is for.
    #[arg(long)]
    pub name: String,
    /// What it may do.
    #[arg(long, value_enum, default_value_t = TokenRole::Viewer)]
    pub role: TokenRole,
    /// Days after which it is refused; never when absent.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub expires_in_days: Option<u32>,
    /// A connection that it may see; repeatable. All when absent.
    #[arg(long, value_name = "ID")]
    pub connection: Vec<Uuid>,
    /// Rows that a request of it may cost; limits.cost of the configuration when absent.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(i64).range(0..=1_000_000_000_000))]
    pub cost_budget: Option<i64>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TokenRole {
    /// Reads the mirror.
    Viewer,
    /// Also replays and discards events.
    Operator,
    /// Also makes and revokes tokens, and reads the access log.
    Admin,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Viewer => Self::Viewer,
            TokenRole::Operator => Self::Operator,
            TokenRole::Admin => Self::Admin,
        }
    }
}
