//! The command line. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use closegraph_entity::api_token::Role;
use std::path::PathBuf;
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
    #[command(
        after_help = "Example: closegraph serve --role api\n\nConnects by itself when CLOSE_API_KEY is set."
    )]
    Serve(ServeArgs),
    /// Show it all at work: a simulated Close, a backfill, live changes, GraphiQL.
    #[command(after_help = "Example: closegraph demo --leads 20000 --port 8080")]
    Demo(DemoArgs),
    /// Bring the database schema up to date, take it down, or show where it stands.
    #[command(after_help = "Example: closegraph migrate up")]
    Migrate(MigrateArgs),
    /// Connect an organization.
    #[command(subcommand)]
    Connect(Connect),
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
    /// Tokens for the API.
    #[command(subcommand)]
    Token(Token),
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
    /// Both.
    All,
    /// GraphQL and GraphiQL.
    Api,
    /// Webhooks, the inbox and backfills.
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
    /// Folder for the embedded Postgres; a temporary one, removed at the end, when absent.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[arg(value_enum, default_value_t = Direction::Up)]
    pub direction: Direction,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Direction {
    /// Bring the schema up to date.
    Up,
    /// Take all steps back: every table and its data is dropped.
    Down,
    /// Show which steps are applied.
    Status,
}

#[derive(Debug, Subcommand)]
pub enum Connect {
    /// Connect a Close organization with an API key; connecting again renews what was there.
    #[command(
        after_help = "Example: CLOSE_API_KEY=… closegraph connect close --api-key-env CLOSE_API_KEY\n\n\
        The key of an admin is needed to see all records and full event data."
    )]
    Close(ConnectArgs),
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
        default_value = "https://api.close.com/api/v1/"
    )]
    pub base_url: String,
    /// Where Close can reach this deployment; webhooks are delivered below it. Default: http.public_url.
    #[arg(long, value_name = "URL")]
    pub webhook_url: Option<String>,
    /// Time zone that periods follow, such as Europe/Berlin. Default: that of the key's user.
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// Month, 1 to 12, in which the fiscal year starts.
    #[arg(long, value_name = "MONTH")]
    pub fiscal_year_start: Option<i16>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Subcommand)]
pub enum Sync {
    /// Read all of an organization; resumes where an earlier run stopped.
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
pub struct VerifyArgs {
    /// The connection; all when absent.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    /// Put right what differs.
    #[arg(long)]
    pub repair: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct BackfillArgs {
    /// The connection; needed only where there are several.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    /// Start from the beginning, even where a checkpoint stands.
    #[arg(long)]
    pub restart: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Subcommand)]
pub enum Events {
    /// List events, the newest first.
    #[command(after_help = "Example: closegraph events list --state dead")]
    List(ListEvents),
    /// Show an event as Close sent it.
    #[command(after_help = "Example: closegraph events show 0d0f6c1e-6c1b-5d6a-9f0e-0a8f3f6f7d11")]
    Show { id: Uuid },
    /// Have events worked off once more. A running server does it.
    #[command(
        after_help = "Example: closegraph events replay --state dead --since 2026-11-20T00:00:00Z"
    )]
    Replay(EventSelection),
    /// Give events up that wait, failed or are dead.
    #[command(after_help = "Example: closegraph events discard --state dead --object-type lead")]
    Discard(EventSelection),
}

#[derive(Debug, Args)]
pub struct ListEvents {
    #[command(flatten)]
    pub selection: EventSelection,
    /// Events at most.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    #[command(flatten)]
    pub output: Output,
}

/// All that is given must hold.
#[derive(Debug, Args)]
pub struct EventSelection {
    /// Ids of events.
    pub id: Vec<Uuid>,
    #[arg(long, value_enum)]
    pub state: Option<EventState>,
    /// Received at or after this instant.
    #[arg(long, value_name = "INSTANT")]
    pub since: Option<DateTime<Utc>>,
    /// Received before this instant.
    #[arg(long, value_name = "INSTANT")]
    pub until: Option<DateTime<Utc>>,
    /// Id of the object in Close.
    #[arg(long, value_name = "ID")]
    pub object_id: Option<String>,
    /// lead, contact, opportunity and so on, as Close spells it.
    #[arg(long, value_name = "TYPE")]
    pub object_type: Option<String>,
}

impl EventSelection {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
            && self.state.is_none()
            && self.since.is_none()
            && self.until.is_none()
            && self.object_id.is_none()
            && self.object_type.is_none()
    }
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum EventState {
    Pending,
    Applied,
    Unchanged,
    Stale,
    Ignored,
    Failed,
    Dead,
    Discarded,
}

impl EventState {
    /// The word stored in Postgres.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Stale => "stale",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }
}

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
    /// Revoke a token; servers refuse it within seconds. One that is revoked stays so.
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
    #[command(flatten)]
    pub output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TokenRole {
    /// Reads the mirror.
    Viewer,
    /// Also repairs it.
    Operator,
    /// Also manages connections and tokens.
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

#[derive(Debug, Args)]
pub struct HealthArgs {
    /// What to ask.
    #[arg(long, default_value = "http://127.0.0.1:8080/readyz")]
    pub url: url::Url,
}
