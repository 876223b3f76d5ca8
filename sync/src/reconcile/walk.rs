//! The walk of a backfill: which page comes next, so that no offset grows deep and every page can be the first one
//! after a crash.
//!
//! Leads are listed by ascending `date_updated` with their contacts and opportunities embedded, in windows that are
//! anchored at a minute (the list's own grain). Where the list does not serve, each object type is searched, anchored
//! at a microsecond.

mod asked;
mod position;

pub(super) use asked::{Asked, Fields};
pub(super) use position::{Position, SearchedType};

use crate::change::Change;
use crate::close::{CloseClient, CloseError, ListPage, Object, ObjectType, SearchRequest};
use crate::error::SyncError;
use chrono::{DateTime, Utc};
use closegraph_entity::record::Origin;
use std::collections::HashSet;

/// Close's maximum for leads and searches.
pub(super) const PAGE: usize = 200;
/// Offset up to which a window is followed before a new anchor is set, if one can be set.
const SHALLOW: usize = 2_000;
/// Close's ceiling for `_skip` on leads.
const DEEPEST: usize = 35_000;
/// Rows of one minute that are worth reading twice for a new anchor.
const REPEATABLE: usize = 20;
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
    fn new(next: Position) -> Self {
        Self {
            changes: Vec::new(),
            next,
            announced: None,
            unreadable: Vec::new(),
        }
    }

    fn push(&mut self, origin: Origin, object_type: ObjectType, object: Object) {
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
    /// Ids at or after the present anchor that were handed out already.
    seen: HashSet<String>,
    cursor: Option<(String, usize)>,
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
        }
    }

    /// The next page; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, SyncError> {
        let page = match self.position.clone() {
            Position::Done => return Ok(None),
            Position::LeadList {
                anchor,
                skip,
                last_id,
            } => self.list_leads(anchor, skip, last_id).await?,
            Position::Search {
                object,
                since,
                then,
            } => self.search(object, since, then).await?,
        };
        self.position = page.next.clone();
        Ok(Some(page))
    }

    async fn list_leads(
        &mut self,
        anchor: Option<DateTime<Utc>>,
        skip: usize,
        last_id: Option<String>,
    ) -> Result<Page, SyncError> {
        let query = anchor.map_or_else(
            || "sort:date_updated".to_owned(),
            |at| {
                format!(
                    r#"date_updated>="{}" sort:date_updated"#,
                    at.format("%Y-%m-%dT%H:%M")
                )
            },
        );
        // One row is read again, to see that the rows before it have not moved.
        let offset = skip.saturating_sub(1).to_string();
        let limit = PAGE.to_string();
        let asked = [
            ("query", query.as_str()),
            ("_limit", limit.as_str()),
            ("_skip", offset.as_str()),
        ];
        let listed = match self.client.list("lead/", &asked).await {
            Ok(listed) if ascending(&listed.data, anchor) => listed,
            Ok(_) if self.may_search => return Ok(self.turn_to_search(anchor, "it is not sorted")),
            Err(CloseError::Status {
                status: 400,
                message,
                ..
            }) if self.may_search => {
                return Ok(self.turn_to_search(anchor, &message));
            }
            Ok(_) => {
                return Err(SyncError::InvalidInput {
                    what: "the order of the lead list",
                    given: query,
                    allowed: "ascending date_updated; use the search strategy instead",
                });
            }
            Err(error) => return Err(error.into()),
        };
        let first_id = listed.data.first().and_then(|lead| lead.text("id"));
        if skip > 0 && first_id != last_id {
            tracing::debug!(
                ?anchor,
                skip,
                "rows moved while they were listed: reading the window again"
            );
            return Ok(Page::new(Position::LeadList {
                anchor,
                skip: 0,
                last_id: None,
            }));
        }
        Ok(self.take_leads(listed, anchor, skip))
    }

    fn turn_to_search(&mut self, since: Option<DateTime<Utc>>, reason: &str) -> Page {
        tracing::info!(
            reason = crate::redact::without_values(reason),
            "the list of leads does not serve: searching instead"
        );
        self.seen.clear();
        Page::new(Position::search_all(since, &self.asked.custom()))
    }

    /// Takes the leads of a page apart and finds the next position.
    fn take_leads(&mut self, listed: ListPage, anchor: Option<DateTime<Utc>>, skip: usize) -> Page {
        let rows = listed.data.len();
        let minute = |lead: &Object| lead.timestamp("date_updated").map(start_of_minute);
        let last_minute = listed.data.last().and_then(minute);
        let in_last_minute = listed
            .data
            .iter()
            .filter(|lead| minute(lead) == last_minute)
            .count();
        let last_id = listed.data.last().and_then(|lead| lead.text("id"));
        let reached = skip.saturating_sub(1) + rows;
        let embedded = listed
            .data
            .iter()
            .all(|lead| lead.get("contacts").is_some() && lead.get("opportunities").is_some());
        let stuck = last_minute == anchor;
        let next = if !listed.has_more || rows == 0 {
            // Leads are done, but perhaps not their children, where these were not in the answers.
            let children: &[_] = match embedded {
                true => &[],
                false => &[SearchedType::Contact, SearchedType::Opportunity],
            };
            Position::after([children, &self.asked.custom()].concat())
        } else if !embedded || (stuck && reached + PAGE > DEEPEST) {
            Position::search_all(anchor.filter(|_| embedded), &self.asked.custom())
        } else if stuck || (in_last_minute > REPEATABLE && reached < SHALLOW) {
            Position::LeadList {
                anchor,
                skip: reached,
                last_id,
            }
        } else {
            Position::LeadList {
                anchor: last_minute,
                skip: 0,
                last_id: None,
            }
        };
        let mut page = Page::new(next);
        page.announced = listed
            .total_results
            .and_then(|total| u64::try_from(total).ok());
        let known = std::mem::take(&mut self.seen);
        for lead in listed.data {
            let id = lead.text("id").unwrap_or_default();
            if minute(&lead) == last_minute || stuck {
                self.seen.insert(id.clone());
            }
            if !known.contains(&id) {
                take_lead(&mut page, self.origin, lead);
            }
        }
        if stuck {
            self.seen.extend(known);
        }
        page
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
            found => found?,
        };
        let last = found
            .data
            .last()
            .and_then(|row| row.timestamp("date_updated"));
        let pages = cursor.map_or(1, |(_, pages)| pages + 1);
        let stuck = last == since;
        if stuck && pages * PAGE >= SEARCH_CAP {
            let at = since.map(|at| at.to_rfc3339()).unwrap_or_default();
            return Err(SyncError::InstantTooLarge {
                object: object_type.as_str(),
                at,
                limit: SEARCH_CAP,
            });
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

/// Whether the answer honours the order and the bound that were asked for.
fn ascending(leads: &[Object], anchor: Option<DateTime<Utc>>) -> bool {
    let mut before = anchor;
    leads.iter().all(|lead| {
        let at = lead.timestamp("date_updated");
        let in_order = at.is_some() && at >= before;
        before = at;
        in_order
    })
}

/// The grain of the lead list's own date filter.
fn start_of_minute(at: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = at.timestamp() - at.timestamp().rem_euclid(60);
    DateTime::from_timestamp(seconds, 0).unwrap_or(at)
}

/// A lead and the children that are embedded in it.
fn take_lead(page: &mut Page, origin: Origin, mut lead: Object) {
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
