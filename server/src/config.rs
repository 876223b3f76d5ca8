//! Configuration: environment variables `CLOSEGRAPH_*` first, then a TOML file, then the defaults.
//!
//! [`REFERENCE`] is the documentation of every key; unknown keys and bad values are refused by name.

mod allowed;
mod environment;
mod retention;
mod sign_in;

pub(crate) use allowed::web_address;
#[cfg(test)]
use environment::keys;
pub use sign_in::{OpenIdConnect, SignIn};

use allowed::{Allowed, check};
use closegraph_api::{Introspection, Limits};
use closegraph_sync::reconcile::Strategy;
use secrecy::SecretString;
use serde::Deserialize;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

/// All keys with their effect and default, as a configuration file.
pub const REFERENCE: &str = include_str!("config/reference.toml");

/// Why a configuration is not used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {path} can't be read")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{name} is {given}, allowed: {allowed}")]
    Value {
        name: String,
        given: String,
        allowed: String,
    },
    #[error("the configuration in {place} is refused: {message}")]
    Refused { place: String, message: String },
    #[error("the environment variable {given} is unknown. {hint}")]
    UnknownVariable { given: String, hint: String },
}

/// The whole configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub database: Database,
    pub postgres: Postgres,
    pub http: Http,
    pub sync: Sync,
    pub api: Api,
    pub sign_in: SignIn,
    pub limits: Limits,
    pub vault: Vault,
    pub log: Log,
}

/// An outside Postgres.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// Absent: the embedded Postgres.
    pub url: Option<SecretString>,
    pub max_connections: u32,
    pub statement_timeout_ms: u64,
}

/// The embedded Postgres.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Postgres {
    pub data_dir: Option<PathBuf>,
    pub bin_dir: Option<PathBuf>,
}

/// The HTTP server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    pub listen: SocketAddr,
    /// Where Close can reach this server.
    pub public_url: Option<url::Url>,
    /// Origins whose pages may ask from a browser; empty: none but this server's own.
    pub cors_origins: Vec<String>,
}

/// Close to Postgres.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sync {
    pub workers: u16,
    pub batch: u16,
    pub poll_ms: u64,
    pub webhook_max_body_bytes: usize,
    pub signature_max_age_s: u64,
    pub backfill: BackfillStrategy,
    pub catch_up_s: NonZeroU64,
    pub sweep_s: NonZeroU64,
    pub verify_s: NonZeroU64,
    pub settings_s: NonZeroU64,
    pub subscription_s: NonZeroU64,
    /// Absent: the rules that come with the program.
    pub categories_file: Option<PathBuf>,
    pub event_body_retention_days: u16,
    pub event_retention_days: u16,
    pub feed_retention_days: u16,
    pub purge_after_days: u16,
}

/// How the first full load reads Close.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillStrategy {
    #[default]
    Auto,
    List,
    Search,
}

/// Postgres to GraphQL.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    pub introspection: Introspection,
    pub documents_dir: Option<PathBuf>,
    pub documents: DocumentPolicy,
    pub cache_bytes: u64,
    pub streams: usize,
    pub statements: Option<usize>,
}

/// Which documents are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentPolicy {
    #[default]
    Any,
    Trusted,
}

/// The key that seals secrets in the database.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vault {
    pub key: Option<SecretString>,
    /// Keys that open what was sealed under them; nothing is sealed under them any more.
    pub old_keys: Option<SecretString>,
    pub key_file: Option<PathBuf>,
}

/// Logging, to standard error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    pub filter: String,
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            max_connections: 16,
            statement_timeout_ms: 30_000,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            cors_origins: Vec::new(),
        }
    }
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            workers: 2,
            batch: 500,
            poll_ms: 2_000,
            webhook_max_body_bytes: 4 * 1024 * 1024,
            signature_max_age_s: 300,
            backfill: BackfillStrategy::Auto,
            catch_up_s: seconds(30),
            sweep_s: seconds(3_600),
            verify_s: seconds(86_400),
            settings_s: seconds(900),
            subscription_s: seconds(300),
            categories_file: None,
            event_body_retention_days: 35,
            event_retention_days: 90,
            feed_retention_days: 30,
            purge_after_days: 30,
        }
    }
}

const fn seconds(count: u64) -> NonZeroU64 {
    match NonZeroU64::new(count) {
        Some(count) => count,
        None => NonZeroU64::MIN,
    }
}

impl Default for Api {
    fn default() -> Self {
        Self {
            introspection: Introspection::default(),
            documents_dir: None,
            documents: DocumentPolicy::default(),
            cache_bytes: 64 * 1024 * 1024,
            streams: 10_000,
            statements: None,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info,sqlx=warn,sea_orm_migration=warn".to_owned(),
            format: LogFormat::Text,
        }
    }
}

impl From<BackfillStrategy> for Strategy {
    fn from(strategy: BackfillStrategy) -> Self {
        match strategy {
            BackfillStrategy::Auto => Self::Auto,
            BackfillStrategy::List => Self::List,
            BackfillStrategy::Search => Self::Search,
        }
    }
}

impl Config {
    /// Reads the file, if there is one, and lays the environment over it.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = match file {
            Some(path) => read(path)?,
            None => toml::Table::new(),
        };
        let place = file.map_or("the environment".to_owned(), |path| {
            format!("{} and the environment", path.display())
        });
        for (variable, value) in environment {
            let Some((section, key)) = environment::locate(&variable, &value)? else {
                continue;
            };
            let value = Allowed::of(section, key)
                .map_or_else(|| value.clone().into(), |allowed| allowed.read(&value));
            check(section, key, &value, |key| format!("{key} ({variable})"))?;
            if let Some(section) = within(&mut table, section) {
                section.insert(key.to_owned(), value);
            }
        }
        let refused = |message| ConfigError::Refused { place, message };
        let config: Self = match table.try_into() {
            Ok(config) => config,
            Err(error) => {
                let error: toml::de::Error = error;
                return Err(refused(error.to_string().trim().replace('\n', "; ")));
            }
        };
        let checked = retention::check(&config.sync);
        checked
            .and_then(|()| sign_in::check(&config))
            .map_err(refused)?;
        Ok(config)
    }

    /// The folder for the embedded Postgres, its password and the vault key.
    pub fn data_dir(&self) -> PathBuf {
        if let Some(folder) = &self.postgres.data_dir {
            return folder.clone();
        }
        if nix::unistd::Uid::effective().is_root() {
            return PathBuf::from("/var/lib/closegraph");
        }
        let home =
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".local/share");
        std::env::var_os("XDG_DATA_HOME")
            .map_or_else(home, PathBuf::from)
            .join("closegraph")
    }
}

fn read(path: &Path) -> Result<toml::Table, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let refused = |error: toml::de::Error| ConfigError::Refused {
        place: path.display().to_string(),
        message: error.to_string(),
    };
    let table: toml::Table = toml::from_str(&text).map_err(refused)?;
    for (section, keys) in &table {
        let keys = keys.as_table();
        keys.map_or(Ok(()), |keys| check_all(section, keys, path))?;
    }
    // By itself, so that the error shows the line.
    toml::from_str::<Config>(&text).map_err(refused)?;
    Ok(table)
}

/// The table of a section, which may be within another.
fn within<'a>(table: &'a mut toml::Table, section: &str) -> Option<&'a mut toml::Table> {
    section.split('.').try_fold(table, |table, name| {
        let entry = table.entry(name);
        let entry = entry.or_insert_with(|| toml::Table::new().into());
        entry.as_table_mut()
    })
}

/// Refuses values of a section, and of those within it, that their keys may not have.
fn check_all(section: &str, keys: &toml::Table, path: &Path) -> Result<(), ConfigError> {
    for (key, value) in keys {
        match value.as_table() {
            Some(within) if Allowed::of(section, key).is_none() => {
                check_all(&format!("{section}.{key}"), within, path)?;
            }
            _ => check(section, key, value, |key| {
                format!("{key} in {}", path.display())
            })?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
