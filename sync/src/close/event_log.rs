//! `GET /event/`: what happened in the last 30 days, newest first, 50 a page.

use super::client::CloseClient;
use super::error::CloseError;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Close's default and maximum.
const PAGE: &str = "50";

/// A page of events as Close sent them; `cursor_next` leads to older ones.
#[derive(Debug, Deserialize)]
pub struct EventPage {
    pub data: Vec<Box<RawValue>>,
    #[serde(default)]
    pub cursor_next: Option<String>,
}

impl CloseClient {
    /// Events since an instant, inclusive, of all types; a cursor goes on where an earlier page ended.
    pub async fn events(
        &self,
        since: Option<DateTime<Utc>>,
        cursor: Option<&str>,
    ) -> Result<EventPage, CloseError> {
        let since = since.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true));
        let mut query = vec![("_limit", PAGE)];
        query.extend(since.as_deref().map(|at| ("date_updated__gte", at)));
        query.extend(cursor.map(|cursor| ("_cursor", cursor)));
        self.get("event/", &query).await
    }

    /// One event; `None` when the log has it no more.
    pub async fn event(&self, id: &str) -> Result<Option<Box<RawValue>>, CloseError> {
        match self.get(&format!("event/{id}/"), &[]).await {
            Ok(event) => Ok(Some(event)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
