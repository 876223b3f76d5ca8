//! Access that a person allows in the browser: options of `closegraph connect close`.

use super::values;
use clap::Args;
use url::Url;

#[derive(Debug, Args)]
pub struct BrowserArgs {
    /// Ask for access to Close's MCP server, in the browser, instead of a key.
    #[arg(long, group = "browser", conflicts_with_all = ["api_key_env", "api_key_stdin", "base_url", "webhook_url", "time_zone", "fiscal_year_start", "connection"])]
    pub mcp: bool,
    /// Address of the MCP server.
    #[arg(
        long,
        value_name = "URL",
        requires = "mcp",
        default_value = "https://mcp.close.com/mcp",
        value_parser = values::web_address
    )]
    pub mcp_url: Url,
    /// Ask for access to the REST API, in the browser, by an OAuth app that your organization has registered in Close.
    #[arg(long, group = "browser", requires = "client_id", conflicts_with_all = ["api_key_env", "api_key_stdin"])]
    pub oauth: bool,
    /// The app's client id.
    #[arg(long, value_name = "ID", requires = "oauth", conflicts_with_all = ["api_key_env", "api_key_stdin"])]
    pub client_id: Option<String>,
    /// Environment variable that holds the app's client secret. Without it the secret is asked for, or read from
    /// standard input.
    #[arg(long, value_name = "NAME", requires = "oauth")]
    pub client_secret_env: Option<String>,
    /// Port of this machine that the answer comes to, as the app's redirect address names it: http://127.0.0.1:PORT/callback.
    /// Default: one that is free.
    #[arg(
        long,
        value_name = "PORT",
        requires = "oauth",
        conflicts_with = "via_server"
    )]
    pub callback_port: Option<u16>,
    /// Only print the address to allow it at; open no browser.
    #[arg(long, requires = "browser")]
    pub no_browser: bool,
    /// Let the answer come to the running server, at connect/close/callback below http.public_url, instead of to this
    /// machine.
    #[arg(long, requires = "browser")]
    pub via_server: bool,
    /// Seconds to wait for the answer, 600 at most.
    #[arg(long, value_name = "SECONDS", requires = "browser", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub wait: u64,
}
