//! The command line. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.

mod access_log;
mod browser;
mod connect;
mod documents;
mod events;
mod mapping;
mod person;
mod rates;
mod session;
mod sync;
mod token;
mod values;
mod vault;

pub use access_log::AccessLogArgs;
pub use browser::BrowserArgs;
pub use connect::{Connect, ConnectArgs, HighValue, SetArgs, WebhookKeyArgs};
pub use documents::{CheckArgs, Documents};
pub use events::{EventSelection, EventState, Events, ListEvents};
pub use mapping::{Mapping, MappingEdit, SetMapping, ShowMapping, TestMapping};
pub use person::{Export, Forget, ForgetPerson, PersonName};
pub use rates::{LoadRates, Rates};
pub use session::{EndArgs, Session, WhichSessions};
pub use sync::{BackfillArgs, ConnectionArgs, Sync};
pub use token::{RevokeArgs, Token, TokenArgs, TokenRole};
pub use vault::{RotateArgs, Vault};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use url::Url;
use uuid::Uuid;

/// Mirrors the Close CRM into Postgres and answers GraphQL over it.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Try it without a Close account: closegraph demo\n\n\
    Exit codes: 0 done, 1 failed, 2 wrong usage or configuration."
)]
pub struct Cli {
    /// Configuration file; without it, closegraph.toml in the working directory, where there is one.
    #[arg(long, global = true, env = "CLOSEGRAPH_CONFIG", value_name = "PATH")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve GraphQL, GraphiQL and webhooks, and keep the mirror in step.
    #[command(after_help = "Example: closegraph serve --role api\n\n\
        With CLOSE_API_KEY in the environment it connects that organization, unless the role is api; CLOSE_BASE_URL \
        names another root of Close's API. While Close can't be reached it serves all the same and tries again; a key \
        that Close refuses ends it.")]
    Serve(ServeArgs),
    /// Show it all at work: a simulated Close, a backfill, live changes, GraphiQL.
    ///
    /// It keeps its database in a folder of its own, whatever DATABASE_URL, CLOSEGRAPH_POSTGRES_DATA_DIR and
    /// CLOSEGRAPH_HTTP_LISTEN say.
    #[command(after_help = "Example: closegraph demo --leads 20000 --port 8080")]
    Demo(DemoArgs),
    /// Bring the database schema up to date, take it down, or show where it stands.
    #[command(after_help = "Example: closegraph migrate status\n\n\
        Every other command, serve included, brings the schema up to date by itself: after migrate down the next one \
        makes the tables again, empty.")]
    Migrate(MigrateArgs),
    /// Connect an organization, or change the key of its webhook.
    #[command(subcommand)]
    Connect(Connect),
    /// End a connection: nothing is read any more, its webhook and access are taken back, its credentials erased.
    ///
    /// What was mirrored stays and keeps answering. Connecting the same organization again goes on where it was.
    #[command(after_help = "Example: closegraph disconnect ebd83dc1-9fa3-5d57-aa6d-2efeccd2f9a8")]
    Disconnect(DisconnectArgs),
    /// List the connections.
    #[command(after_help = "Example: closegraph connections --json")]
    Connections(Output),
    /// Read Close now.
    #[command(subcommand)]
    Sync(Sync),
    /// Compare every id and version with Close, and repair what differs when told so. Exit code 1 on drift.
    #[command(after_help = "Example: closegraph verify --repair\n\n\
        missing: Close has it and the mirror has not. extra: the other way round, shown by a 404 of Close.\n\
        stale: its content in the mirror is older.")]
    Verify(VerifyArgs),
    /// What Close sent, what became of it, and what to do about it.
    #[command(subcommand)]
    Events(Events),
    /// How the organization keeps its invoices.
    #[command(subcommand)]
    Mapping(Mapping),
    /// Documents that frontends ask with.
    #[command(subcommand)]
    Documents(Documents),
    /// Exchange rates, by which figures are converted.
    #[command(subcommand)]
    Rates(Rates),
    /// Tokens for the API.
    #[command(subcommand)]
    Token(Token),
    /// Who is signed in by browser.
    #[command(subcommand)]
    Session(Session),
    /// Remove what is held on somebody.
    #[command(subcommand)]
    Forget(Forget),
    /// Read out what is held on somebody.
    #[command(subcommand)]
    Export(Export),
    /// The keys that seal secrets in the database.
    #[command(subcommand)]
    Vault(Vault),
    /// Show who changed what (tokens, events, links, mappings, what is held on people) and who signed in, the newest first.
    #[command(after_help = "Example: closegraph access-log --limit 20")]
    AccessLog(AccessLogArgs),
    /// Print the GraphQL schema.
    #[command(after_help = "Example: closegraph schema > api/schema.graphql")]
    Schema,
    /// Print every configuration key with its effect and default.
    #[command(after_help = "Example: closegraph config > closegraph.toml")]
    Config,
    /// Ask a running server whether it is ready; for health checks of containers.
    #[command(after_help = "Example: closegraph health --url http://127.0.0.1:8080/readyz")]
    Health(HealthArgs),
}

#[derive(Clone, Copy, Debug, Args)]
pub struct Output {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// What this process does.
    #[arg(long, value_enum, default_value_t = ServeRole::All)]
    pub role: ServeRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServeRole {
    /// All of it.
    All,
    /// GraphQL and GraphiQL; no webhooks, no sync.
    Api,
    /// Webhooks, the inbox and all that reads Close; GraphQL, too.
    Sync,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Port on the loopback interface; a free one when absent.
    #[arg(long)]
    pub port: Option<u16>,
    /// Companies in the simulated organization.
    #[arg(long, default_value_t = 2_000)]
    pub leads: u32,
    /// The same seed makes the same organization.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print one line of JSON once the backfill is done, and stay up.
    #[arg(long)]
    pub json: bool,
    /// Let nobody work in the simulated organization.
    #[arg(long)]
    pub no_traffic: bool,
    /// Folder for the embedded Postgres; a temporary one, removed at the end, when absent. Neither DATABASE_URL nor
    /// CLOSEGRAPH_POSTGRES_DATA_DIR is used.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Where to.
    #[arg(value_enum, default_value_t = Direction::Up)]
    pub direction: Direction,
    /// Drop every table with its data; without it, down is refused.
    #[arg(long)]
    pub yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Direction {
    /// Bring the schema up to date.
    Up,
    /// Take all steps back: every table is dropped with its data. Needs --yes.
    Down,
    /// Show which steps are applied.
    Status,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The connection; all when absent.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    /// Put right what differs.
    #[arg(long)]
    pub repair: bool,
    /// Seconds that differences may take to go by themselves: Close reports a change a while after it was made.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub patience: u64,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct DisconnectArgs {
    /// The connection.
    #[arg(value_name = "ID")]
    pub id: Uuid,
    /// Erase the credentials even where Close can't be told; what is left there is listed.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct HealthArgs {
    /// What to ask. Default: /readyz at http.listen.
    #[arg(long, value_parser = values::web_address)]
    pub url: Option<Url>,
}
