//! `closegraph connect`.

use super::{BrowserArgs, ConnectionArgs, Output, values};
use clap::{Args, Subcommand};
use rust_decimal::Decimal;
use std::str::FromStr;
use url::Url;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Connect {
    /// Connect a Close organization with an API key, or with access that you allow in the browser; connecting again
    /// renews what was there.
    #[command(
        after_help = "Example: CLOSE_API_KEY=… closegraph connect close --api-key-env CLOSE_API_KEY\n         closegraph connect close --mcp\n         closegraph connect close --oauth --client-id ID --via-server\n\n\
        The key of an admin is needed to see all records and full event data; what a credential does not see is told.\n\n\
        --oauth reads what a key of the same person reads. Register the app in Close (Settings > Developer) with the redirect address \
        https://…/connect/close/callback below http.public_url, and use --via-server: Close documents https addresses only.\n\n\
        --mcp needs no key: Close asks you in the browser whether its MCP server may be read. Companies, people and deals are \
        polled that way, and invoices and other custom objects when their lead changes; deletes and merges can't be seen without an API \
        key (--connection adds one) or a webhook (connect webhook-key)."
    )]
    Close(Box<ConnectArgs>),
    /// Change the key that Close signs webhook deliveries with; what the one before has signed is still accepted.
    #[command(after_help = "Example: closegraph connect rotate-key")]
    RotateKey(ConnectionArgs),
    /// Take the key of a webhook subscription that a person makes in Close, for a connection that can't make its own.
    ///
    /// Where it has to deliver, and which events, is told first. Deliveries that are signed with the key feed the connection.
    #[command(
        after_help = "Example: closegraph connect webhook-key --print\n         closegraph connect webhook-key --key-env SIGNATURE_KEY\n\n\
        The last two keys are accepted: make the new subscription, hand its key over, then remove the old one."
    )]
    WebhookKey(WebhookKeyArgs),
    /// Say what Close does not know of an organization: from which amount on a deal is of high value, its time zone, its
    /// fiscal year.
    #[command(
        after_help = "Example: closegraph connect set --high-value 50000 --fiscal-year-start 4"
    )]
    Set(SetArgs),
}

#[derive(Debug, Args)]
pub struct SetArgs {
    /// The connection; needed only where there are several.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    /// Amount in the organization's currency from which on a deal is of high value; "none" for none.
    #[arg(long, value_name = "AMOUNT")]
    pub high_value: Option<HighValue>,
    /// Time zone that periods follow, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone)]
    pub time_zone: Option<String>,
    /// Month, 1 to 12, in which the fiscal year starts.
    #[arg(long, value_name = "MONTH", value_parser = values::month)]
    pub fiscal_year_start: Option<i16>,
}

/// From which amount on a deal is of high value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HighValue {
    None,
    From(Decimal),
}

impl FromStr for HighValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self::None);
        }
        let amount = text
            .parse::<Decimal>()
            .ok()
            .filter(Decimal::is_sign_positive);
        amount
            .map(Self::From)
            .ok_or_else(|| "allowed: an amount such as 50000 or 49999.50, or none".to_owned())
    }
}

#[derive(Debug, Args)]
pub struct WebhookKeyArgs {
    /// The connection; needed only where there are several.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    /// Where Close can reach this deployment; webhooks are delivered below it. Default: http.public_url.
    #[arg(long, value_name = "URL", value_parser = values::web_address)]
    pub webhook_url: Option<Url>,
    /// Environment variable that holds the signature_key. Without it the key is asked for, or read from standard input.
    #[arg(long, value_name = "NAME")]
    pub key_env: Option<String>,
    /// Only print the body of the subscription to make: its address and its events.
    #[arg(long, conflicts_with = "key_env")]
    pub print: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// Environment variable that holds the API key.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["api_key_stdin", "mcp", "oauth"])]
    pub api_key_env: Option<String>,
    /// Read the API key from standard input; on a terminal it is asked for.
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
    /// The connection that gets this credential, such as one by MCP; it keeps its id and data. An organization that is
    /// another one is refused.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    #[command(flatten)]
    pub browser: BrowserArgs,
    #[command(flatten)]
    pub output: Output,
}
