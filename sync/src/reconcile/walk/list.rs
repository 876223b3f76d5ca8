//! The walk along the list of leads.
//!
//! A window of the list is read from its far end to its near one. A lead that changes or goes moves those behind it
//! towards the beginning, which is read last: none of them is skipped, and some come twice. That they do shows that one
//! left its place before it was read, and only then the end of the list, where it may be, is read once more.

use super::position::Beyond;
use super::{PAGE, Page, Position, SearchedType, Walker, take_lead};
use crate::close::{CloseError, ListPage, Object};
use crate::error::SyncError;
use chrono::{DateTime, Utc};

/// Rows of a window.
const WINDOW: usize = 10_000;
/// Close's ceiling for `_skip` on leads.
const DEEPEST: usize = 35_000;

/// What the list answered.
enum Listed {
    Leads(ListPage),
    /// It does not serve: searches follow.
    Refused(Page),
}

impl Walker {
    /// The leads that changed last, and with them how many there are.
    pub(super) async fn list_newest(&mut self) -> Result<Page, SyncError> {
        let query = "sort:-date_updated".to_owned();
        let listed = match self.list(None, query, 0, PAGE, descending).await? {
            Listed::Leads(listed) => listed,
            Listed::Refused(page) => return Ok(page),
        };
        let Some(total) = total(&listed) else {
            return self.not_served(None, "it has no total", "no total_results");
        };
        let before = total.saturating_sub(listed.data.len());
        let next = match listed.data.first().and_then(minute) {
            Some(newest) if listed.has_more && before > 0 => {
                let moved = false;
                let beyond = if before <= WINDOW {
                    Beyond::End { newest, moved }
                } else {
                    Beyond::Unknown
                };
                window(None, before.min(WINDOW), beyond)
            }
            _ => Position::Done,
        };
        Ok(self.take_leads(listed, next))
    }

    /// The last of the `below` rows of a window that are still to be read.
    pub(super) async fn list_window(
        &mut self,
        anchor: Option<DateTime<Utc>>,
        below: usize,
        beyond: Beyond,
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
        let skip = below.saturating_sub(PAGE);
        let sorted = |leads: &[Object]| ascending(leads, anchor);
        let listed = match self.list(anchor, query, skip, below - skip, sorted).await? {
            Listed::Leads(listed) => listed,
            Listed::Refused(page) => return Ok(page),
        };
        let beyond = if beyond == Beyond::Unknown {
            self.seen.clear();
            beyond_far_end(&listed, anchor, skip)
        } else {
            self.look_for_moves(&listed, beyond)
        };
        if let Beyond::Window { from, .. } = beyond
            && Some(from) == anchor
        {
            return Ok(Page::new(self.widened(anchor, below, &listed)));
        }
        // Rows may have gone.
        let left = total(&listed).map_or(skip, |total| skip.min(total));
        let next = match beyond {
            _ if left > 0 => window(anchor, left, beyond),
            Beyond::Window { from, rows } => window(Some(from), rows.min(WINDOW), Beyond::Unknown),
            Beyond::End { newest, moved } if moved => window(Some(newest), PAGE, Beyond::Unknown),
            Beyond::Unknown | Beyond::End { .. } => Position::Done,
        };
        Ok(self.take_leads(listed, next))
    }

    /// What is beyond a window, now that another of its pages is read.
    fn look_for_moves(&self, listed: &ListPage, beyond: Beyond) -> Beyond {
        let Beyond::End { newest, moved } = beyond else {
            return beyond;
        };
        // Where an earlier run has read the pages before, nobody knows what they had.
        let again = |lead: &Object| lead.text("id").is_some_and(|id| self.seen.contains(&id));
        let moved = moved || self.seen.is_empty() || listed.data.iter().any(again);
        Beyond::End { newest, moved }
    }

    async fn list(
        &mut self,
        anchor: Option<DateTime<Utc>>,
        query: String,
        skip: usize,
        limit: usize,
        sorted: impl Fn(&[Object]) -> bool,
    ) -> Result<Listed, SyncError> {
        let (skip, limit) = (skip.to_string(), limit.to_string());
        let asked = [
            ("query", query.as_str()),
            ("_limit", limit.as_str()),
            ("_skip", skip.as_str()),
        ];
        match self.client.list("lead/", &asked).await {
            Ok(listed) if sorted(&listed.data) => Ok(Listed::Leads(listed)),
            Ok(_) => self
                .not_served(anchor, "it is not sorted", &query)
                .map(Listed::Refused),
            Err(CloseError::Status {
                status: 400,
                message,
                ..
            }) if self.may_search => Ok(Listed::Refused(self.turn_to_search(anchor, &message))),
            Err(error) => Err(error.into()),
        }
    }

    fn not_served(
        &mut self,
        anchor: Option<DateTime<Utc>>,
        reason: &str,
        given: &str,
    ) -> Result<Page, SyncError> {
        if self.may_search {
            return Ok(self.turn_to_search(anchor, reason));
        }
        Err(SyncError::InvalidInput {
            what: "the lead list",
            given: given.to_owned(),
            allowed: "sorted by date_updated and with its total; use the search strategy instead",
        })
    }

    fn turn_to_search(&mut self, since: Option<DateTime<Utc>>, reason: &str) -> Page {
        tracing::info!(
            reason = crate::redact::without_values(reason),
            "the list of leads does not serve: searching instead"
        );
        self.seen.clear();
        Page::new(Position::search_all(since, &self.asked.custom()))
    }

    /// Where to go on when a minute fills a window: to a larger one, or to searches where that would be too deep.
    fn widened(&self, anchor: Option<DateTime<Utc>>, below: usize, listed: &ListPage) -> Position {
        let enough = total(listed).map_or(below + WINDOW, |total| total.min(below + WINDOW));
        if enough <= below || enough > DEEPEST {
            return Position::search_all(anchor, &self.asked.custom());
        }
        window(anchor, enough, Beyond::Unknown)
    }

    /// Takes the leads of a page apart.
    fn take_leads(&mut self, listed: ListPage, next: Position) -> Page {
        let embedded = listed
            .data
            .iter()
            .all(|lead| lead.get("contacts").is_some() && lead.get("opportunities").is_some());
        let custom = self.asked.custom();
        let next = match next {
            // Leads are done, but perhaps not their children, where these were not in the answers.
            Position::Done => {
                let children: &[_] = match embedded {
                    true => &[],
                    false => &[SearchedType::Contact, SearchedType::Opportunity],
                };
                Position::after([children, &custom].concat())
            }
            next if embedded => next,
            _ => Position::search_all(None, &custom),
        };
        let mut page = Page::new(next);
        page.announced = listed
            .total_results
            .and_then(|total| u64::try_from(total).ok());
        for lead in listed.data {
            let id = lead.text("id").unwrap_or_default();
            self.seen.insert(id);
            take_lead(&mut page, self.origin, lead);
        }
        page
    }
}

const fn window(anchor: Option<DateTime<Utc>>, below: usize, beyond: Beyond) -> Position {
    Position::LeadList {
        anchor,
        below: Some(below),
        beyond,
    }
}

/// What is beyond a window whose far end was just read from `skip` on.
fn beyond_far_end(listed: &ListPage, anchor: Option<DateTime<Utc>>, skip: usize) -> Beyond {
    let last = listed.data.last().and_then(minute);
    match last.or(anchor) {
        Some(from) if listed.has_more => {
            let again = listed.data.iter().filter(|lead| minute(lead) == last);
            let read = skip + listed.data.len();
            let rows = total(listed).map_or(WINDOW, |total| total.saturating_sub(read));
            Beyond::Window {
                from,
                rows: rows + again.count(),
            }
        }
        Some(newest) => Beyond::End {
            newest,
            moved: false,
        },
        // There is nothing.
        None => Beyond::End {
            newest: DateTime::<Utc>::UNIX_EPOCH,
            moved: false,
        },
    }
}

fn total(listed: &ListPage) -> Option<usize> {
    usize::try_from(listed.total_results?).ok()
}

fn descending(leads: &[Object]) -> bool {
    leads
        .iter()
        .map(|lead| lead.timestamp("date_updated"))
        .try_fold(DateTime::<Utc>::MAX_UTC, |before, at| {
            at.filter(|at| *at <= before)
        })
        .is_some()
}

/// Whether the answer honours the order and the bound that were asked for.
fn ascending(leads: &[Object], anchor: Option<DateTime<Utc>>) -> bool {
    leads
        .iter()
        .map(|lead| lead.timestamp("date_updated"))
        .try_fold(anchor.unwrap_or(DateTime::<Utc>::MIN_UTC), |before, at| {
            at.filter(|at| *at >= before)
        })
        .is_some()
}

/// The grain of the lead list's own date filter.
fn minute(lead: &Object) -> Option<DateTime<Utc>> {
    let at = lead.timestamp("date_updated")?;
    let seconds = at.timestamp() - at.timestamp().rem_euclid(60);
    Some(DateTime::from_timestamp(seconds, 0).unwrap_or(at))
}
