//! `POST /data/search/`: objects of one type by ascending `date_updated`.

use super::client::CloseClient;
use super::error::CloseError;
use super::object::{Object, ObjectType};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::json;

/// One page of objects changed at or after an instant, oldest first.
#[derive(Clone, Debug)]
pub struct SearchRequest<'a> {
    pub object_type: ObjectType,
    /// Inclusive.
    pub since: Option<DateTime<Utc>>,
    /// Fields to return; only ids come back without.
    pub fields: &'a [&'a str],
    /// Of an earlier answer to the same request; it lives for 30 seconds.
    pub cursor: Option<&'a str>,
    /// At most 200.
    pub limit: usize,
}

/// An answer. The walk ends when the cursor is null.
#[derive(Debug, Deserialize)]
pub struct SearchPage {
    pub data: Vec<Object>,
    #[serde(default)]
    pub cursor: Option<String>,
    #[serde(default)]
    pub count: Option<SearchCount>,
}

/// How many objects match, in all.
#[derive(Debug, Deserialize)]
pub struct SearchCount {
    pub total: i64,
}

impl CloseClient {
    /// Asks for one page; the first page of a walk also counts.
    pub async fn search(&self, request: &SearchRequest<'_>) -> Result<SearchPage, CloseError> {
        let object_type = request.object_type.as_str();
        let field = json!({
            "type": "regular_field", "object_type": object_type, "field_name": "date_updated",
        });
        let mut queries = vec![json!({"type": "object_type", "object_type": object_type})];
        if let Some(since) = request.since {
            let value = since.to_rfc3339_opts(SecondsFormat::Micros, false);
            queries.push(json!({
                "type": "field_condition",
                "field": field,
                "condition": {
                    "type": "moment_range",
                    "on_or_after": {"type": "fixed_utc", "value": value},
                },
            }));
        }
        let mut body = json!({
            "query": {"type": "and", "queries": queries},
            "sort": [{"direction": "asc", "field": field}],
            "_fields": {object_type: request.fields},
            "_limit": request.limit,
            "cursor": request.cursor,
        });
        if request.cursor.is_none()
            && let Some(body) = body.as_object_mut()
        {
            body.insert("include_counts".to_owned(), json!(true));
        }
        self.post_search(&body).await
    }
}
