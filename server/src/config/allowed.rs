//! What each key may be, so that a bad value is refused with what is allowed, wherever it comes from.

use super::ConfigError;
use std::fmt;
use std::net::SocketAddr;
use tracing_subscriber::EnvFilter;
use url::Url;

/// The values of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// A whole number between both, which are allowed, too.
    Whole(i64, i64),
    Listen,
    Web,
    /// Any number of origins.
    Origins,
    Postgres,
    Filter,
    VaultKey,
    VaultKeys,
    /// `true`, `false` or one of the words.
    TruthOr(&'static [&'static str]),
    Word(&'static [&'static str]),
}

const YEAR_S: i64 = 366 * 86_400;

/// All keys but those of files and folders, of which nothing can be said beforehand.
const KEYS: [(&str, &str, Allowed); 54] = [
    ("database", "url", Allowed::Postgres),
    // Fewer would wait for each other: the wake-up calls keep one, a worker up to two.
    ("database", "max_connections", Allowed::Whole(4, 10_000)),
    (
        "database",
        "statement_timeout_ms",
        Allowed::Whole(100, 86_400_000),
    ),
    ("http", "listen", Allowed::Listen),
    ("http", "public_url", Allowed::Web),
    ("http", "cors_origins", Allowed::Origins),
    ("sync", "workers", Allowed::Whole(1, 256)),
    ("sync", "batch", Allowed::Whole(1, 10_000)),
    ("sync", "poll_ms", Allowed::Whole(10, 3_600_000)),
    (
        "sync",
        "webhook_max_body_bytes",
        Allowed::Whole(1_024, 1_073_741_824),
    ),
    ("sync", "signature_max_age_s", Allowed::Whole(1, YEAR_S)),
    (
        "sync",
        "backfill",
        Allowed::Word(&["auto", "list", "search"]),
    ),
    ("sync", "catch_up_s", Allowed::Whole(1, YEAR_S)),
    ("sync", "sweep_s", Allowed::Whole(1, YEAR_S)),
    ("sync", "verify_s", Allowed::Whole(1, YEAR_S)),
    ("sync", "settings_s", Allowed::Whole(1, YEAR_S)),
    ("sync", "subscription_s", Allowed::Whole(1, YEAR_S)),
    // What the two may be together is checked once both are known.
    (
        "sync",
        "event_body_retention_days",
        Allowed::Whole(0, 36_500),
    ),
    ("sync", "event_retention_days", Allowed::Whole(0, 36_500)),
    ("sync", "feed_retention_days", Allowed::Whole(0, 36_500)),
    ("sync", "purge_after_days", Allowed::Whole(0, 36_500)),
    ("api", "cache_bytes", Allowed::Whole(0, 1 << 40)),
    ("api", "streams", Allowed::Whole(0, 1_000_000)),
    (
        "api",
        "introspection",
        Allowed::TruthOr(&["all", "operators", "off"]),
    ),
    ("api", "documents", Allowed::Word(&["any", "trusted"])),
    ("limits", "body_bytes", Allowed::Whole(1_024, 1_073_741_824)),
    ("limits", "body_ms", Allowed::Whole(100, 3_600_000)),
    ("limits", "head_ms", Allowed::Whole(100, 3_600_000)),
    ("limits", "request_ms", Allowed::Whole(100, 86_400_000)),
    ("limits", "connections", Allowed::Whole(16, 1_000_000)),
    (
        "limits",
        "document_bytes",
        Allowed::Whole(1_024, 1_073_741_824),
    ),
    ("limits", "tokens", Allowed::Whole(1, 1_000_000)),
    ("limits", "nesting", Allowed::Whole(1, 64)),
    ("limits", "operations", Allowed::Whole(1, 1_000_000)),
    ("limits", "depth", Allowed::Whole(1, 64)),
    ("limits", "fields", Allowed::Whole(1, 1_000_000)),
    ("limits", "root_fields", Allowed::Whole(1, 1_000_000)),
    ("limits", "aliases", Allowed::Whole(1, 1_000_000)),
    ("limits", "spreads", Allowed::Whole(1, 1_000_000)),
    ("limits", "fragments", Allowed::Whole(1, 200)),
    ("limits", "directives", Allowed::Whole(1, 1_000_000)),
    ("limits", "arguments", Allowed::Whole(1, 1_000_000)),
    ("limits", "variables", Allowed::Whole(1, 1_000_000)),
    ("limits", "values", Allowed::Whole(1, 1_000_000)),
    ("limits", "value_nesting", Allowed::Whole(1, 1_000_000)),
    ("limits", "cost", Allowed::Whole(0, 1_000_000_000_000)),
    (
        "limits",
        "requests_per_second",
        Allowed::Whole(0, 1_000_000_000),
    ),
    ("limits", "request_burst", Allowed::Whole(0, 1_000_000_000)),
    (
        "limits",
        "cost_per_minute",
        Allowed::Whole(0, 1_000_000_000),
    ),
    (
        "limits",
        "failures_per_minute",
        Allowed::Whole(0, 1_000_000_000),
    ),
    ("vault", "key", Allowed::VaultKey),
    ("vault", "old_keys", Allowed::VaultKeys),
    ("log", "filter", Allowed::Filter),
    ("log", "format", Allowed::Word(&["text", "json"])),
];

impl Allowed {
    /// What a key may be, where that is known.
    pub(super) fn of(section: &str, key: &str) -> Option<Self> {
        let mut keys = KEYS.iter();
        let found = keys.find(|(known, name, _)| (*known, *name) == (section, key));
        found.map(|(_, _, allowed)| *allowed)
    }

    /// Text of an environment variable as a value of the type that is wanted, where it can be read so.
    pub(super) fn read(self, text: &str) -> toml::Value {
        match self {
            Self::Whole(..) => match text.trim().parse::<i64>() {
                Ok(number) => number.into(),
                Err(_) => text.into(),
            },
            Self::TruthOr(_) => match text {
                "true" => true.into(),
                "false" => false.into(),
                _ => text.into(),
            },
            Self::Origins => {
                let origins = text.split(',').map(str::trim);
                let origins = origins.filter(|origin| !origin.is_empty());
                toml::Value::Array(origins.map(toml::Value::from).collect())
            }
            _ => text.into(),
        }
    }

    /// Whether a key may have the value.
    fn accepts(self, value: &toml::Value) -> bool {
        let text = value.as_str().unwrap_or_default();
        match self {
            Self::Whole(least, most) => value
                .as_integer()
                .is_some_and(|number| (least..=most).contains(&number)),
            Self::TruthOr(words) => value.is_bool() || words.contains(&text),
            Self::Listen => text.parse::<SocketAddr>().is_ok(),
            Self::Web => web_address(text).is_some(),
            Self::Origins => value.as_array().is_some_and(|origins| {
                origins
                    .iter()
                    .all(|origin| origin.as_str().is_some_and(is_origin))
            }),
            Self::Postgres => {
                Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"))
            }
            Self::Filter => is_filter(text),
            Self::VaultKey => is_key(text.trim()),
            Self::VaultKeys => {
                let mut keys = text.split(',').map(str::trim);
                keys.all(is_key)
            }
            Self::Word(words) => words.contains(&text),
        }
    }

    /// A value as an error may show it: never a secret.
    fn show(self, value: &toml::Value) -> String {
        match self {
            Self::Postgres | Self::VaultKey | Self::VaultKeys => {
                "a secret that is not shown".to_owned()
            }
            _ => value.to_string(),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(least, most) => {
                write!(formatter, "a whole number from {least} to {most}")
            }
            Self::Listen => formatter.write_str("address:port such as 127.0.0.1:8080"),
            Self::Web => formatter
                .write_str("an http or https address such as https://closegraph.example.com/"),
            Self::Origins => formatter.write_str(
                "a list of origins such as https://app.example.com, without a path and without wildcards",
            ),
            Self::Postgres => formatter
                .write_str("an address such as postgres://user:password@host/database"),
            Self::Filter => formatter.write_str(
                "levels (off, error, warn, info, debug, trace) for all or for single crates, such as info,sqlx=warn",
            ),
            Self::VaultKey => formatter.write_str("64 hex characters"),
            Self::VaultKeys => {
                formatter.write_str("keys of 64 hex characters each, divided by commas")
            }
            Self::TruthOr(words) => write!(formatter, "true or false, or {}", words.join(" or ")),
            Self::Word(words) => formatter.write_str(&words.join(" or ")),
        }
    }
}

/// Refuses a value that its key may not have; `name` says where the key stands.
pub(super) fn check(
    section: &str,
    key: &str,
    value: &toml::Value,
    name: impl Fn(&str) -> String,
) -> Result<(), ConfigError> {
    match Allowed::of(section, key) {
        Some(allowed) if !allowed.accepts(value) => Err(ConfigError::Value {
            name: name(&format!("{section}.{key}")),
            given: allowed.show(value),
            allowed: allowed.to_string(),
        }),
        _ => Ok(()),
    }
}

/// Whether it is a key of 32 bytes in hex.
fn is_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An address that can be asked by HTTP.
pub(crate) fn web_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

/// Whether this is an origin as browsers send it.
fn is_origin(text: &str) -> bool {
    !text.contains('*')
        && web_address(text).is_some_and(|url| url.origin().ascii_serialization() == text)
}

/// A word by itself must be a level: the filter would take any other for a crate, and silence all the rest.
fn is_filter(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level));
    text.split(',')
        .all(|part| part.contains('=') || is_level(part.trim()))
        && EnvFilter::try_new(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Allowed, KEYS, is_filter, is_origin};
    use crate::config::REFERENCE;

    #[test]
    fn the_reference_has_every_key_and_no_number_without_its_limits() {
        let keys = crate::config::keys();
        for (section, key, _) in KEYS {
            assert!(keys.contains(&(section, key)), "{section}.{key}");
        }
        let reference: toml::Table = toml::from_str(REFERENCE).unwrap();
        for (section, keys) in &reference {
            for (key, value) in keys.as_table().unwrap() {
                let limited = matches!(Allowed::of(section, key), Some(Allowed::Whole(..)));
                assert_eq!(limited, value.is_integer(), "{section}.{key}");
                let allowed = Allowed::of(section, key);
                assert!(
                    allowed.is_none_or(|allowed| allowed.accepts(value)),
                    "{section}.{key}"
                );
            }
        }
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port_and_no_more() {
        for origin in ["https://app.example.com", "http://localhost:5173"] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "*",
            "null",
            "https://*.example.com",
            "https://app.example.com/",
            "https://APP.example.com",
            "https://app.example.com:443",
            "ftp://app.example.com",
            "app.example.com",
        ] {
            assert!(!is_origin(other), "{other}");
        }
        let read = Allowed::Origins.read("https://a.example, https://b.example");
        assert_eq!(read.as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_filter_is_made_of_levels() {
        for filter in ["info", "WARN", "info,sqlx=warn", "closegraph_sync=debug"] {
            assert!(is_filter(filter), "{filter}");
        }
        for filter in ["loud", "", "sqlx", "info,", "info,sqlx", "sqlx=loud"] {
            assert!(!is_filter(filter), "{filter}");
        }
    }
}
