//! What a request may see: a list of connections, each with the calendar that its periods follow.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use closegraph_entity::api_token::Role;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How a connection counts time and money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Calendar {
    pub(crate) connection: Uuid,
    pub(crate) zone: Tz,
    /// Month (1 to 12) in which the fiscal year starts.
    pub(crate) fiscal_year_start: u32,
    /// ISO 4217.
    pub(crate) currency: String,
}

impl Calendar {
    /// The day that it is in the connection's zone.
    pub(crate) fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.zone).date_naive()
    }
}

/// Who asks, as far as it decides what is allowed.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) role: Role,
    /// Name of the token, or of the person at a provider, by which decisions are remembered.
    pub(crate) name: Arc<str>,
    /// The token, and by what it is recognized; `None` for a person who signed in with a provider.
    pub(crate) token: Option<(Uuid, Arc<str>)>,
    /// Whether it sees all connections, those to come among them.
    pub(crate) sees_all: bool,
}

/// What Postgres shows a session, whatever its statements ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sight {
    /// All connections, those to come among them.
    All,
    /// These connections, as Postgres spells an array.
    Only(Arc<str>),
}

impl Sight {
    fn of(calendars: &[Calendar], sees_all: bool) -> Self {
        if sees_all {
            return Self::All;
        }
        let connections: Vec<String> = calendars
            .iter()
            .map(|calendar| calendar.connection.to_string())
            .collect();
        Self::Only(format!("{{{}}}", connections.join(",")).into())
    }
}

/// The connections of a request. Every statement is compiled against one; none can be compiled without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    calendars: Arc<[Calendar]>,
    sight: Sight,
    fingerprint: [u8; 32],
}

impl Scope {
    /// The given connections, and no others. They are all that there are where the caller sees all.
    pub(crate) fn new(calendars: impl IntoIterator<Item = Calendar>, sees_all: bool) -> Self {
        let mut calendars: Vec<_> = calendars.into_iter().collect();
        calendars.sort_by_key(|calendar| calendar.connection);
        calendars.dedup_by_key(|calendar| calendar.connection);
        Self {
            sight: Sight::of(&calendars, sees_all),
            fingerprint: Sha256::digest(format!("{calendars:?}")).into(),
            calendars: calendars.into(),
        }
    }

    pub(crate) fn calendars(&self) -> &[Calendar] {
        &self.calendars
    }

    /// What Postgres shows its statements.
    pub(crate) fn sight(&self) -> &Sight {
        &self.sight
    }

    /// The same for scopes that see the same.
    pub(crate) fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    pub(crate) fn connections(&self) -> Vec<Uuid> {
        self.calendars
            .iter()
            .map(|calendar| calendar.connection)
            .collect()
    }
}
