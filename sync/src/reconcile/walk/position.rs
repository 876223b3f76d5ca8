//! Where a walk stands.

use crate::close::ObjectType;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where a backfill stands. It is the checkpoint that commits with the rows before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(in crate::reconcile) enum Position {
    /// Listing leads from a minute on.
    LeadList {
        anchor: Option<DateTime<Utc>>,
        skip: usize,
        /// The row before `skip`: should another stand there, rows have moved and the window starts again.
        last_id: Option<String>,
    },
    /// Searching one object type from an instant on; `then` are still to come.
    Search {
        object: SearchedType,
        since: Option<DateTime<Utc>>,
        then: Vec<SearchedType>,
    },
    Done,
}

/// An object type that is searched on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::reconcile) enum SearchedType {
    Lead,
    Contact,
    Opportunity,
}

impl SearchedType {
    pub(in crate::reconcile) const ALL: [Self; 3] = [Self::Lead, Self::Contact, Self::Opportunity];

    pub(in crate::reconcile) const fn object_type(self) -> ObjectType {
        match self {
            Self::Lead => ObjectType::Lead,
            Self::Contact => ObjectType::Contact,
            Self::Opportunity => ObjectType::Opportunity,
        }
    }
}

impl Position {
    /// The start of a walk by search alone.
    pub(in crate::reconcile) fn search_all(since: Option<DateTime<Utc>>) -> Self {
        let then = vec![SearchedType::Contact, SearchedType::Opportunity];
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
