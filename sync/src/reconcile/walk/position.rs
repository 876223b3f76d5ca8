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
