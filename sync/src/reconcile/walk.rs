//! The walk of a backfill: which page comes next, so that every page can be the first one after a crash.
//!
//! Leads are listed by `date_updated` with their contacts and opportunities embedded, in windows that are anchored at a
//! minute (the list's own grain). Where the list does not serve, each object type is searched, anchored at a
//! microsecond.

mod activities;
mod asked;
mod list;
mod position;

pub(super) use asked::{Asked, Fields};
pub(super) use position::{Position, SearchedType};

use crate::change::Change;
use crate::close::{CloseClient, Object, ObjectType, SearchRequest};
use crate::error::SyncError;
use chrono::{DateTime, Utc};
use closegraph_entity::record::Origin;
use std::collections::HashSet;

/// Close's maximum for leads and searches.
pub(super) const PAGE: usize = 200;
/// Pages for which a search cursor is followed: it is an offset in disguise and lives for 30 seconds.
const CURSOR_PAGES: usize = 5;
/// Objects at one instant that a search can list.
const SEARCH_CAP: usize = 10_000;

/// A page that was read.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) changes: Vec<Change>,
    /// Where to go on once the changes are committed.
    pub(super) next: Position,
    /// Records that Close announced with this page.
    pub(super) announced: Option<u64>,
    /// Objects that can't be read, with the reason, for the dead letters.
    pub(super) unreadable: Vec<(ObjectType, Object, String)>,
}

impl Page {
    pub(super) fn new(next: Position) -> Self {
        Self {
            changes: Vec::new(),
            next,
            announced: None,
            unreadable: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, origin: Origin, object_type: ObjectType, mut object: Object) {
        // Nobody shares it yet.
        object.strip();
        match Change::read(object_type, object.clone(), origin) {
            Ok(change) => self.changes.push(change),
            Err(error) => self
                .unreadable
                .push((object_type, object, error.to_string())),
        }
    }
}

/// Reads pages one after the other.
#[derive(Debug)]
pub(super) struct Walker {
    client: CloseClient,
    position: Position,
    origin: Origin,
    /// Whether a list that does not serve may be replaced by searches.
    may_search: bool,
    asked: Asked,
    /// Ids at or after the present anchor that were handed out already; of the list, those of the present window.
    seen: HashSet<String>,
    cursor: Option<(String, usize)>,
    /// A page that was read before it was asked for.
    peeked: Option<Page>,
}

impl Walker {
    pub(super) fn new(
        client: CloseClient,
        position: Position,
        origin: Origin,
        may_search: bool,
        asked: Asked,
    ) -> Self {
        Self {
            client,
            position,
            origin,
            may_search,
            asked,
            seen: HashSet::new(),
            cursor: None,
            peeked: None,
        }
    }

    /// Reads the next page and keeps it for `next`.
    pub(super) async fn peek(&mut self) -> Result<(), SyncError> {
        self.peeked = self.next().await?;
        Ok(())
    }

    /// The next page; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, SyncError> {
        if let Some(page) = self.peeked.take() {
            return Ok(Some(page));
        }
        let page = match self.position.clone() {
            Position::Done => return Ok(None),
            Position::LeadList { below: None, .. } => self.list_newest().await?,
            Position::LeadList {
                anchor,
                below: Some(below),
                beyond,
            } => self.list_window(anchor, below, beyond).await?,
            Position::Search {
                object,
                since,
                then,
            } => self.search(object, since, then).await?,
            Position::ActivityList { until, skip, then } => {
                self.list_activities(until, skip, then).await?
            }
        };
        self.position = page.next.clone();
        Ok(Some(page))
    }

    async fn search(
        &mut self,
        object: SearchedType,
        since: Option<DateTime<Utc>>,
        then: Vec<SearchedType>,
    ) -> Result<Page, SyncError> {
        let object_type = object.object_type();
        let fields = self.asked.fields(object);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let cursor = self.cursor.take();
        let request = SearchRequest {
            object_type,
            since,
            fields: &fields,
            cursor: cursor.as_ref().map(|(cursor, _)| cursor.as_str()),
            limit: PAGE,
        };
        let found = match self.client.search(&request).await {
            Err(error) if error.is_expired_cursor() => {
                return Ok(Page::new(Position::Search {
                    object,
                    since,
                    then,
                }));
            }
            Err(error) if activities::is_unsearchable(object, &error) => {
                return Ok(self.without_search(since, then, &error));
            }
            found => found?,
        };
        let last = found
            .data
            .last()
            .and_then(|row| row.timestamp("date_updated"));
        let pages = cursor.map_or(1, |(_, pages)| pages + 1);
        let stuck = last == since;
        if stuck && pages * PAGE >= SEARCH_CAP {
            return Err(too_large(object_type, since));
        }
        let (next, keep) = match found.cursor {
            None => (Position::after(then), false),
            // The checkpoint stays at the anchor while the cursor is followed: a cursor does not outlive a crash.
            Some(cursor) if pages < CURSOR_PAGES || stuck => {
                self.cursor = Some((cursor, pages));
                (
                    Position::Search {
                        object,
                        since,
                        then,
                    },
                    true,
                )
            }
            Some(_) => (
                Position::Search {
                    object,
                    since: last,
                    then,
                },
                false,
            ),
        };
        let mut page = Page::new(next);
        page.announced = found
            .count
            .and_then(|count| u64::try_from(count.total).ok())
            .filter(|_| since.is_none());
        let known = std::mem::take(&mut self.seen);
        for row in found.data {
            let id = row.text("id").unwrap_or_default();
            if keep || row.timestamp("date_updated") == last {
                self.seen.insert(id.clone());
            }
            if !known.contains(&id) {
                page.push(self.origin, object_type, without_type(row));
            }
        }
        if keep {
            self.seen.extend(known);
        }
        Ok(page)
    }
}

fn too_large(object_type: ObjectType, since: Option<DateTime<Utc>>) -> SyncError {
    SyncError::InstantTooLarge {
        object: object_type.as_str(),
        at: since.map(|at| at.to_rfc3339()).unwrap_or_default(),
        limit: SEARCH_CAP,
    }
}

/// A lead and the children that are embedded in it.
pub(super) fn take_lead(page: &mut Page, origin: Origin, mut lead: Object) {
    for (key, object_type) in [
        ("contacts", ObjectType::Contact),
        ("opportunities", ObjectType::Opportunity),
    ] {
        let Some(children) = lead.take(key) else {
            continue;
        };
        for child in serde_json::from_str::<Vec<Object>>(children.get()).unwrap_or_default() {
            page.push(origin, object_type, child);
        }
    }
    page.push(origin, ObjectType::Lead, lead);
}

/// Search adds a key that is not of the object.
fn without_type(mut row: Object) -> Object {
    row.take("__object_type");
    row
}
