//! One file a command.

mod access_log;
mod backfill;
mod connect;
mod connections;
mod demo;
mod disconnect;
mod documents;
mod events;
mod health;
mod mapping;
mod migrate;
mod person;
mod rates;
mod remap;
mod serve;
mod session;
mod token;
mod vault;
mod verify;

use crate::cli::{
    Cli, Command, Connect, Documents, Export, Forget, Rates, Session, Sync, Token, Vault,
};
use crate::config::{Config, ConfigError, REFERENCE};
use crate::database::Database;
use crate::{shutdown, telemetry};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs a command line and answers its exit code: 0 done, 1 failed, 2 refused before anything was done.
pub async fn run(cli: Cli) -> ExitCode {
    let config = match load(cli.config) {
        Ok(config) => config,
        Err(error) => {
            complain(&error.into());
            return ExitCode::from(2);
        }
    };
    match dispatch(&config, cli.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            if error.is::<Usage>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Wrong usage that the arguments alone do not show. Nothing was done.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Opens the database and works on it until that is done or a signal comes; closes it either way. A command that
/// ended without would leave the embedded Postgres running.
async fn on_database<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Database) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let stop = shutdown::on_signal()?;
    let database = Database::open(config).await?;
    let done = stop.run_until_cancelled(work(&database)).await;
    database.close().await;
    done.unwrap_or_else(|| Err(anyhow::anyhow!("stopped before it was done")))
}

fn load(file: Option<PathBuf>) -> Result<Config, ConfigError> {
    let usual = Path::new("closegraph.toml");
    let file = file.or_else(|| usual.exists().then(|| usual.to_owned()));
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(file.as_deref(), environment)
}

async fn dispatch(config: &Config, command: Command) -> anyhow::Result<()> {
    let quiet = matches!(command, Command::Demo(_));
    let mut log = config.log.clone();
    if quiet && log.filter == crate::config::Log::default().filter {
        log.filter = "warn".to_owned();
    }
    telemetry::start_logging(&log)?;
    match command {
        Command::Serve(args) => serve::run(config, &args).await,
        Command::Demo(args) => demo::run(config, args).await,
        Command::Migrate(args) => migrate::run(config, &args).await,
        Command::Connect(Connect::Close(args)) => connect::run(config, *args).await,
        Command::Connect(Connect::RotateKey(args)) => connect::rotate_key(config, &args).await,
        Command::Connect(Connect::WebhookKey(args)) => connect::webhook_key(config, &args).await,
        Command::Connect(Connect::Set(args)) => connect::set(config, &args).await,
        Command::Disconnect(args) => disconnect::run(config, &args).await,
        Command::Connections(output) => connections::run(config, output.json).await,
        Command::Sync(Sync::Backfill(args)) => backfill::run(config, &args).await,
        Command::Sync(Sync::Sweep(args)) => verify::sweep(config, &args).await,
        Command::Sync(Sync::CatchUp(args)) => verify::catch_up(config, &args).await,
        Command::Sync(Sync::Remap(args)) => remap::run(config, &args).await,
        Command::Events(command) => events::run(config, command).await,
        Command::Mapping(command) => mapping::run(config, command).await,
        Command::Verify(args) => verify::verify(config, &args).await,
        Command::Rates(Rates::Load(args)) => rates::load(config, args).await,
        Command::Rates(Rates::List(output)) => rates::list(config, output.json).await,
        Command::Token(Token::Create(args)) => token::create(config, args).await,
        Command::Token(Token::List(output)) => token::list(config, output.json).await,
        Command::Token(Token::Revoke(args)) => token::revoke(config, args).await,
        Command::Session(Session::List(output)) => session::list(config, output.json).await,
        Command::Session(Session::End(args)) => session::end(config, &args).await,
        Command::Forget(Forget::Person(args)) => person::forget(config, &args).await,
        Command::Export(Export::Person(name)) => person::export(config, &name).await,
        Command::Vault(Vault::Rotate(args)) => vault::rotate(config, &args).await,
        Command::Documents(Documents::Check(args)) => documents::check(&args),
        Command::AccessLog(args) => access_log::run(config, &args).await,
        Command::Schema => print(&closegraph_api::sdl()),
        Command::Config => print(REFERENCE),
        Command::Health(args) => health::run(config, args.url).await,
    }
}

/// Prints to standard output; a reader that went away is no failure.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a command")]
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let written = writeln!(std::io::stdout(), "{}", text.trim_end());
    written
        .or_else(|error| {
            if error.kind() == std::io::ErrorKind::BrokenPipe {
                Ok(())
            } else {
                Err(error)
            }
        })
        .ok();
    Ok(())
}

/// A word beside the output.
#[expect(
    clippy::print_stderr,
    reason = "not for the pipe that reads the output"
)]
#[expect(clippy::unnecessary_wraps, reason = "the shape of a command")]
fn tell(text: &str) -> anyhow::Result<()> {
    eprintln!("{text}");
    Ok(())
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a command, whatever the log filter is"
)]
fn complain(error: &anyhow::Error) {
    eprintln!("closegraph: {}", chain(error));
}

/// The whole chain in one line, each message once: some libraries repeat their cause.
fn chain(error: &anyhow::Error) -> String {
    let mut messages = error.chain().map(ToString::to_string);
    let mut text = messages.next().unwrap_or_default();
    for message in messages {
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
    }
    text
}

/// A count of things, in words.
fn count(number: impl Into<i128>, thing: &str) -> String {
    match number.into() {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}
