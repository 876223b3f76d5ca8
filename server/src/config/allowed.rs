//! What each key may be, so that a bad value is refused with what is allowed, wherever it comes from.

mod keys;

use super::ConfigError;
use keys::KEYS;
use std::fmt;
use std::net::SocketAddr;
use tracing_subscriber::EnvFilter;
use url::{Host, Url};
use uuid::Uuid;

/// The values of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// A whole number between both, which are allowed, too.
    Whole(i64, i64),
    Listen,
    Web,
    /// Any number of origins.
    Origins,
    /// Where a provider is: HTTPS, or HTTP within the machine.
    Issuer,
    Text,
    Secret,
    /// Any number of words without blanks.
    Words,
    /// One or more ids of connections.
    Ids,
    /// Roles by values of a claim.
    Roles,
    Postgres,
    Filter,
    VaultKey,
    VaultKeys,
    /// `true`, `false` or one of the words.
    TruthOr(&'static [&'static str]),
    Word(&'static [&'static str]),
}

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
            Self::Origins | Self::Words | Self::Ids => {
                let values = text.split(',').map(str::trim);
                let values = values.filter(|value| !value.is_empty());
                toml::Value::Array(values.map(toml::Value::from).collect())
            }
            Self::Roles => {
                let pairs = text.split(',').map(|pair| pair.rsplit_once('='));
                let roles = pairs.map(|pair| {
                    let (value, role) = pair?;
                    Some((value.trim().to_owned(), role.trim().into()))
                });
                let roles: Option<toml::Table> = roles.collect();
                roles.map_or_else(|| text.into(), toml::Value::Table)
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
            Self::Issuer => is_issuer(text),
            Self::Text | Self::Secret => !text.trim().is_empty(),
            Self::Words => value
                .as_array()
                .is_some_and(|words| words.iter().all(|word| word.as_str().is_some_and(is_word))),
            Self::Ids => value.as_array().is_some_and(|ids| {
                let is_id =
                    |id: &toml::Value| id.as_str().is_some_and(|id| Uuid::parse_str(id).is_ok());
                !ids.is_empty() && ids.iter().all(is_id)
            }),
            Self::Roles => value.as_table().is_some_and(|roles| {
                let is_role =
                    |role: &toml::Value| role.as_str().is_some_and(|role| ROLES.contains(&role));
                !roles.is_empty() && roles.values().all(is_role)
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
            Self::Postgres | Self::VaultKey | Self::VaultKeys | Self::Secret => {
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
            Self::Issuer => formatter.write_str(
                "an https address such as https://id.example.com, or an http address of this machine",
            ),
            Self::Text | Self::Secret => formatter.write_str("a text that is not empty"),
            Self::Words => formatter.write_str("a list of words such as profile"),
            Self::Ids => formatter
                .write_str("a list of ids of connections, as closegraph connections shows them"),
            Self::Roles => formatter.write_str(
                "values of the claim, each with viewer, operator or admin, such as crm=viewer",
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

/// The words of roles.
const ROLES: [&str; 3] = ["viewer", "operator", "admin"];

/// Whether it has no blanks, and is something.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

/// Whether what is said there can't be read or changed on the way.
fn is_issuer(text: &str) -> bool {
    web_address(text).is_some_and(|url| {
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        (url.scheme() == "https" || local) && url.query().is_none() && url.fragment().is_none()
    })
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
