//! The `close-sim` command.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use close_sim::{Faults, InvoiceLayout, RateLimit, Simulator, SimulatorConfig, WebhookTiming};
use tokio_util::sync::CancellationToken;

/// A stand-in for the Close CRM's API: seeded data, people at work, signed webhooks, faults.
#[derive(Debug, Parser)]
#[command(name = "close-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate an organization and serve it until Ctrl-C
    #[command(after_help = EXAMPLE)]
    Serve(Box<Serve>),
}

const EXAMPLE: &str = "\
Example:
  close-sim serve --leads 500 --seed 7
  curl -u api_simulator.demo: 'http://127.0.0.1:8765/api/v1/lead/?_limit=1'
  curl http://127.0.0.1:8765/_sim/state

The same seed makes the same organization. Everything under /_sim is a control endpoint that Close
does not have; simulator/README.md lists them.";

#[derive(Debug, Args)]
struct Serve {
    /// Where to listen; anything but loopback should go with --control-token
    #[arg(long, default_value = "127.0.0.1:8765", env = "CLOSE_SIM_LISTEN", value_parser = address)]
    listen: SocketAddr,
    /// Print one line of JSON instead of the block for people
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    behaviour: Behaviour,
    #[command(flatten)]
    hooks: Hooks,
    #[command(flatten)]
    trouble: Trouble,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "The organization")]
struct Data {
    /// Leads at the start
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(0..=2_000_000))]
    leads: u32,
    /// Decides every random choice
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Exactly this many contacts for each lead [default: 2 on average]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    contacts_per_lead: Option<u32>,
    /// Exactly this many opportunities for each lead [default: 1 on average]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    opportunities_per_lead: Option<u32>,
    /// Leads that share one date_updated, as after a bulk import
    #[arg(long, value_name = "N", default_value_t = 36)]
    same_instant_leads: u32,
    /// How the team keeps its invoices: none, english, german, spanish or misleading
    #[arg(long, value_name = "LAYOUT", default_value = "english", value_parser = invoice_layout)]
    invoices: InvoiceLayout,
    /// ISO 4217 code of the organization
    #[arg(long, default_value = "USD", value_parser = currency)]
    currency: String,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Behaviour")]
struct Behaviour {
    /// The key that Basic auth accepts as the user
    #[arg(
        long,
        default_value = "api_simulator.demo",
        env = "CLOSE_SIM_API_KEY",
        hide_env_values = true
    )]
    api_key: String,
    /// The same of a user who is no admin
    #[arg(
        long,
        default_value = "api_simulator.member",
        env = "CLOSE_SIM_MEMBER_API_KEY",
        hide_env_values = true
    )]
    member_api_key: String,
    /// Id of the organization's OAuth app
    #[arg(long, value_name = "ID", default_value = "oa2client_simulator")]
    oauth_client_id: String,
    /// Its secret
    #[arg(
        long,
        value_name = "SECRET",
        default_value = "simulator-client-secret",
        env = "CLOSE_SIM_OAUTH_CLIENT_SECRET",
        hide_env_values = true
    )]
    oauth_client_secret: String,
    /// The token that is accepted as Bearer
    #[arg(
        long,
        default_value = "simulator-access-token",
        env = "CLOSE_SIM_ACCESS_TOKEN",
        hide_env_values = true
    )]
    access_token: String,
    /// Changes per second that people make; 0 is none
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1.0, value_parser = per_second)]
    traffic: f64,
    /// Requests per window for each endpoint group; 0 is unlimited
    #[arg(long, value_name = "REQUESTS", default_value_t = 200)]
    rate_limit: u32,
    /// The window of the rate limit, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    rate_limit_window: u64,
    /// Leave the ratelimit header out, as Close often does
    #[arg(long)]
    no_rate_limit_header: bool,
    /// How far lists and search lag behind writes, in milliseconds (Close: 30000 to 60000)
    #[arg(long, value_name = "MS", default_value_t = 0)]
    read_lag_ms: u64,
    /// Required as a Bearer token under /_sim
    #[arg(
        long,
        value_name = "TOKEN",
        env = "CLOSE_SIM_CONTROL_TOKEN",
        hide_env_values = true
    )]
    control_token: Option<String>,
    /// A file that gets a line for each kind of request that Closegraph makes
    #[arg(long, value_name = "FILE", env = "CLOSE_SIM_REQUEST_KINDS")]
    request_kinds: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Webhooks")]
struct Hooks {
    /// How long updates and deletions wait for more changes of the same object
    #[arg(long, value_name = "MS", default_value_t = 500)]
    consolidation_ms: u64,
    /// Wait before the first retry; then it doubles
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    retry_first_ms: u64,
    /// The longest wait between two attempts
    #[arg(long, value_name = "MS", default_value_t = 1_200_000)]
    retry_max_ms: u64,
    /// Sign retries with the time of the first attempt
    #[arg(long)]
    keep_signature_time: bool,
    /// Pause a subscription whose deliveries all fail for this long
    #[arg(long, value_name = "MS", default_value_t = 259_200_000)]
    pause_after_ms: u64,
    /// Pause a subscription with this many undelivered events
    #[arg(long, value_name = "EVENTS", default_value_t = 100_000)]
    pause_backlog: usize,
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Faults (probabilities from 0 to 1; also at run time: PUT /_sim/faults)"
)]
struct Trouble {
    /// That a request starts a burst of 429
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    fault_429: f64,
    /// That a request is answered 500, 502 or 503
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    fault_5xx: f64,
    /// That the connection breaks before the answer
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    fault_reset: f64,
    /// That the answer ends halfway
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    fault_truncate: f64,
    /// That the answer's JSON ends halfway, though the answer is whole for HTTP
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    fault_half_answer: f64,
    /// That an answer takes two seconds longer
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    fault_slow: f64,
    /// That a search or event cursor has expired
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    fault_cursor: f64,
    /// That a webhook delivery is never made
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    fault_webhook_drop: f64,
    /// That a webhook delivery is made twice
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    fault_webhook_duplicate: f64,
    /// That a webhook delivery waits up to two seconds longer than its turn
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    fault_webhook_disorder: f64,
    /// Refuse the legacy query of /lead/, so that only search serves
    #[arg(long)]
    refuse_lead_query: bool,
    /// Refuse searches for custom activities, so that only their list serves
    #[arg(long)]
    refuse_activity_search: bool,
    /// Answer leads without embedded contacts and opportunities
    #[arg(long)]
    omit_embedded: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "an address and a port, such as 127.0.0.1:8765".into())
}

fn currency(text: &str) -> Result<String, String> {
    let fits = text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_uppercase());
    if fits {
        Ok(text.into())
    } else {
        Err("three capital letters of ISO 4217, such as USD".into())
    }
}

fn invoice_layout(text: &str) -> Result<InvoiceLayout, String> {
    let found = InvoiceLayout::ALL
        .into_iter()
        .find(|layout| layout.as_str() == text);
    found.ok_or_else(|| "none, english, german, spanish or misleading".into())
}

fn probability(text: &str) -> Result<f64, String> {
    let given = text
        .parse()
        .ok()
        .filter(|given| (0.0..=1.0).contains(given));
    given.ok_or_else(|| "a probability from 0 to 1".into())
}

fn per_second(text: &str) -> Result<f64, String> {
    let given = text
        .parse()
        .ok()
        .filter(|given| (0.0..=10_000.0).contains(given));
    given.ok_or_else(|| "a number from 0 to 10000".into())
}

impl Serve {
    fn config(self) -> SimulatorConfig {
        let Self {
            data,
            behaviour,
            hooks,
            trouble,
            ..
        } = self;
        SimulatorConfig {
            seed: data.seed,
            leads: data.leads,
            contacts_per_lead: data.contacts_per_lead,
            opportunities_per_lead: data.opportunities_per_lead,
            same_instant_leads: data.same_instant_leads,
            invoices: data.invoices,
            currency: data.currency,
            api_key: behaviour.api_key,
            member_api_key: behaviour.member_api_key,
            access_token: behaviour.access_token,
            oauth_client_id: behaviour.oauth_client_id,
            oauth_client_secret: behaviour.oauth_client_secret,
            traffic_per_second: behaviour.traffic,
            rate_limit: RateLimit {
                requests: behaviour.rate_limit,
                window: Duration::from_secs(behaviour.rate_limit_window),
                header: !behaviour.no_rate_limit_header,
            },
            faults: Faults {
                too_many_requests: trouble.fault_429,
                server_errors: trouble.fault_5xx,
                resets: trouble.fault_reset,
                truncations: trouble.fault_truncate,
                half_answers: trouble.fault_half_answer,
                slow: trouble.fault_slow,
                expired_cursors: trouble.fault_cursor,
                refuse_lead_query: trouble.refuse_lead_query,
                refuse_activity_search: trouble.refuse_activity_search,
                omit_embedded: trouble.omit_embedded,
                read_lag_ms: behaviour.read_lag_ms,
                webhook_drops: trouble.fault_webhook_drop,
                webhook_duplicates: trouble.fault_webhook_duplicate,
                webhook_disorder: trouble.fault_webhook_disorder,
                ..Faults::default()
            },
            webhooks: WebhookTiming {
                consolidation: Duration::from_millis(hooks.consolidation_ms),
                retry_first: Duration::from_millis(hooks.retry_first_ms),
                retry_max: Duration::from_millis(hooks.retry_max_ms),
                pause_after: Duration::from_millis(hooks.pause_after_ms),
                pause_backlog: hooks.pause_backlog,
                resign_retries: !hooks.keep_signature_time,
                ..WebhookTiming::default()
            },
            control_token: behaviour.control_token,
            request_kinds: behaviour.request_kinds,
            ..SimulatorConfig::default()
        }
    }
}

fn greet(simulator: &Simulator, json: bool, leads: u32, seed: u64) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let (base, control) = (simulator.base_url(), simulator.control_url());
    let (key, organization) = (simulator.api_key(), simulator.organization_id());
    if json {
        let line = serde_json::json!({
            "base_url": base.as_str(),
            "mcp_url": simulator.mcp_url().as_str(),
            "control_url": control.as_str(),
            "api_key": key,
            "member_api_key": simulator.member_api_key(),
            "oauth_client_id": simulator.oauth_client().0,
            "oauth_client_secret": simulator.oauth_client().1,
            "organization_id": organization,
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(
            out,
            "A Close organization with {leads} leads (seed {seed}) is being served.\n\
             \n  Close API   {base}\n  API key     {key}\n  Behind it   {control}state\n\
             \n  curl -u {key}: '{base}lead/?_limit=1'\n\
             \nCtrl-C stops it."
        )?;
    }
    out.flush()
}

async fn serve(serve: Serve) -> anyhow::Result<()> {
    let json = serve.json;
    let listen = serve.listen;
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen} (--listen chooses another address)"))?;
    let shutdown = CancellationToken::new();
    let config = serve.config();
    let (leads, seed) = (config.leads, config.seed);
    let simulator = Simulator::start(config, listener, shutdown.clone()).await?;
    greet(&simulator, json, leads, seed)?;
    stop_signal().await?;
    shutdown.cancel();
    // A client that keeps its connection busy does not hold the process back.
    let _ = tokio::time::timeout(Duration::from_secs(5), simulator.stopped()).await;
    Ok(())
}

/// Ctrl-C, or the SIGTERM of a supervisor.
async fn stop_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let kind = tokio::signal::unix::SignalKind::terminate();
        let mut terminate = tokio::signal::unix::signal(kind)?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let Command::Serve(options) = Cli::parse().command;
    match serve(*options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
