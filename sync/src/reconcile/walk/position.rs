//! Where a walk stands.

use crate::close::ObjectType;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where a backfill stands. It is the checkpoint that commits with the rows before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(in crate::reconcile) enum Position {
    /// Listing the leads of a window that begins at a minute, or at the beginning.
    LeadList {
        anchor: Option<DateTime<Utc>>,
        /// So many of its rows are still to be read, the last ones first; before the walk has begun, nobody knows.
        #[serde(default)]
        below: Option<usize>,
        #[serde(default)]
        beyond: Beyond,
    },
    /// Searching one object type from an instant on; `then` are still to come.
    Search {
        object: SearchedType,
        since: Option<DateTime<Utc>>,
        then: Vec<SearchedType>,
    },
    /// Listing custom activities that were created until an instant, but for so many of them; `then` are still to come.
    ActivityList {
        until: Option<DateTime<Utc>>,
        skip: usize,
        then: Vec<SearchedType>,
    },
    Done,
}

/// What follows a window of the list of leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::reconcile) enum Beyond {
    /// Its far end has not been read yet.
    #[default]
    Unknown,
    /// Another window, from a minute on, of about so many rows.
    Window { from: DateTime<Utc>, rows: usize },
    /// Nothing but what changed since the end was read, when the newest lead had changed in this minute. `moved` says
    /// that leads have gone from places that were not read yet, to the end or for good.
    End { newest: DateTime<Utc>, moved: bool },
}

/// An object type that is searched on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::reconcile) enum SearchedType {
    Lead,
    Contact,
    Opportunity,
    CustomObject,
    CustomActivity,
}

impl SearchedType {
    /// What every organization has.
    const STANDARD: [Self; 3] = [Self::Lead, Self::Contact, Self::Opportunity];

    /// The types to search, in an organization with these custom ones.
    pub(in crate::reconcile) fn all(custom: &[Self]) -> Vec<Self> {
        [&Self::STANDARD, custom].concat()
    }

    pub(in crate::reconcile) const fn object_type(self) -> ObjectType {
        match self {
            Self::Lead => ObjectType::Lead,
            Self::Contact => ObjectType::Contact,
            Self::Opportunity => ObjectType::Opportunity,
            Self::CustomObject => ObjectType::CustomObject,
            Self::CustomActivity => ObjectType::CustomActivity,
        }
    }
}

impl Position {
    /// The start of a walk along the list of leads.
    pub(in crate::reconcile) const fn list_all() -> Self {
        Self::LeadList {
            anchor: None,
            below: None,
            beyond: Beyond::Unknown,
        }
    }

    /// The start of a walk by search alone.
    pub(in crate::reconcile) fn search_all(
        since: Option<DateTime<Utc>>,
        custom: &[SearchedType],
    ) -> Self {
        let mut then = vec![SearchedType::Contact, SearchedType::Opportunity];
        then.extend(custom);
        Self::Search {
            object: SearchedType::Lead,
            since,
            then,
        }
    }

    /// The search of one object type alone.
    pub(in crate::reconcile) const fn search(
        object: SearchedType,
        since: Option<DateTime<Utc>>,
    ) -> Self {
        Self::Search {
            object,
            since,
            then: Vec::new(),
        }
    }

    /// What follows when an object type has been read to its end.
    pub(super) fn after(mut then: Vec<SearchedType>) -> Self {
        if then.is_empty() {
            return Self::Done;
        }
        let object = then.remove(0);
        Self::Search {
            object,
            since: None,
            then,
        }
    }
}
