//! One file a command.

mod backfill;
mod connect;
mod connections;
mod demo;
mod events;
mod health;
mod migrate;
mod remap;
mod serve;
mod token;
mod verify;

use crate::cli::{Cli, Command, Connect, Sync, Token};
use crate::config::{Config, ConfigError, REFERENCE};
use crate::telemetry;
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
            ExitCode::FAILURE
        }
    }
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
        Command::Migrate(args) => migrate::run(config, args.direction).await,
        Command::Connect(Connect::Close(args)) => connect::run(config, args).await,
        Command::Connections(output) => connections::run(config, output.json).await,
        Command::Sync(Sync::Backfill(args)) => backfill::run(config, &args).await,
        Command::Sync(Sync::Sweep(args)) => verify::sweep(config, &args).await,
        Command::Sync(Sync::CatchUp(args)) => verify::catch_up(config, &args).await,
        Command::Sync(Sync::Remap(args)) => remap::run(config, &args).await,
        Command::Events(command) => events::run(config, command).await,
        Command::Verify(args) => verify::verify(config, &args).await,
        Command::Token(Token::Create(args)) => token::create(config, args).await,
        Command::Token(Token::List(output)) => token::list(config, output.json).await,
        Command::Token(Token::Revoke(args)) => token::revoke(config, args).await,
        Command::Schema => print(&closegraph_api::sdl()),
        Command::Config => print(REFERENCE),
        Command::Health(args) => health::run(&args.url).await,
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
    eprintln!("closegraph: {error:#}");
}
