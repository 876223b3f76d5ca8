//! The walk along the list of custom activities, where Close does not search for them: newest created first. The list
//! knows no date of change, so it shows all or nothing.

use super::{Page, Position, SearchedType, Walker};
use crate::close::CloseError;
use crate::error::SyncError;
use chrono::{DateTime, SecondsFormat, Utc};

/// Rows of a page; Close publishes no maximum, and clients ask for as many.
const PAGE: usize = 100;

/// Whether Close does not know the type that a search asks for.
pub(super) fn is_unsearchable(object: SearchedType, error: &CloseError) -> bool {
    object == SearchedType::CustomActivity
        && error.status() == Some(400)
        && !error.is_expired_cursor()
}

impl Walker {
    /// Where to go on when custom activities can't be searched: to their list where all are asked for. Of what changed
    /// since an instant, only events tell then.
    pub(super) fn without_search(
        &mut self,
        since: Option<DateTime<Utc>>,
        then: Vec<SearchedType>,
        error: &CloseError,
    ) -> Page {
        self.seen.clear();
        let reason = crate::redact::without_values(&error.to_string());
        if since.is_some() {
            tracing::debug!(
                reason,
                "custom activities can't be searched: events tell what changes"
            );
            return Page::new(Position::after(then));
        }
        tracing::info!(
            reason,
            "custom activities can't be searched: they are listed instead"
        );
        Page::new(Position::ActivityList {
            until: None,
            skip: 0,
            then,
        })
    }

    /// Activities that were created until an instant, but for so many of them.
    pub(super) async fn list_activities(
        &mut self,
        until: Option<DateTime<Utc>>,
        skip: usize,
        then: Vec<SearchedType>,
    ) -> Result<Page, SyncError> {
        let (limit, offset) = (PAGE.to_string(), skip.to_string());
        let bound = until.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, false));
        let mut asked = vec![("_limit", limit.as_str()), ("_skip", offset.as_str())];
        asked.extend(bound.as_deref().map(|at| ("date_created__lte", at)));
        let listed = self.client.list("activity/custom/", &asked).await?;
        let created = listed
            .data
            .iter()
            .filter_map(|row| row.timestamp("date_created"));
        let oldest = created.min();
        let next = match oldest {
            Some(oldest) if listed.has_more && Some(oldest) != until => Position::ActivityList {
                until: Some(oldest),
                skip: 0,
                then,
            },
            // A page of one instant.
            Some(_) if listed.has_more => Position::ActivityList {
                until,
                skip: skip + listed.data.len(),
                then,
            },
            _ => Position::after(then),
        };
        let mut page = Page::new(next);
        for row in listed.data {
            let id = row.text("id").unwrap_or_default();
            if self.seen.insert(id) {
                page.push(self.origin, SearchedType::CustomActivity.object_type(), row);
            }
        }
        Ok(page)
    }
}
