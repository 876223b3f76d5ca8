//! `closegraph connect`.

use super::{ConnectionArgs, Output, values};
use clap::{Args, Subcommand};
use url::Url;

#[derive(Debug, Subcommand)]
pub enum Connect {
    /// Connect a Close organization with an API key; connecting again renews what was there.
    #[command(
        after_help = "Example: CLOSE_API_KEY=… closegraph connect close --api-key-env CLOSE_API_KEY\n\n\
        The key of an admin is needed to see all records and full event data."
    )]
    Close(Box<ConnectArgs>),
    /// Change the key that Close signs webhook deliveries with; what the one before has signed is still accepted.
    #[command(after_help = "Example: closegraph connect rotate-key")]
    RotateKey(ConnectionArgs),
}

#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// Environment variable that holds the API key.
    #[arg(long, value_name = "NAME", required_unless_present = "api_key_stdin")]
    pub api_key_env: Option<String>,
    /// Read the API key from standard input.
    #[arg(long, conflicts_with = "api_key_env")]
    pub api_key_stdin: bool,
    /// Root of Close's API.
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://api.close.com/api/v1/",
        value_parser = values::web_address
    )]
    pub base_url: Url,
    /// Where Close can reach this deployment; webhooks are delivered below it. Default: http.public_url.
    #[arg(long, value_name = "URL", value_parser = values::web_address)]
    pub webhook_url: Option<Url>,
    /// Time zone that periods follow, such as Europe/Berlin. Default: that of the key's user.
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone)]
    pub time_zone: Option<String>,
    /// Month, 1 to 12, in which the fiscal year starts. Default: 1, or what it was.
    #[arg(long, value_name = "MONTH", value_parser = values::month)]
    pub fiscal_year_start: Option<i16>,
    #[command(flatten)]
    pub output: Output,
}
