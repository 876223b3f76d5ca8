//! What a credential of the REST API may see, found out by reads that cost little. A key acts as its user (section 1.2),
//! and Close shows much to admins only (section 9, 28).

use super::settings::Me;
use crate::close::{CloseClient, CloseError, parse_timestamp};
use crate::error::SyncError;
use chrono::{SecondsFormat, TimeDelta, Utc};
use closegraph_entity::permission::{ADMIN, EVENT_DATA, EVENTS, Granted, VIEW_ALL_LEADS, WEBHOOKS};
use serde::Deserialize;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::types::Json;
use uuid::Uuid;

/// Lists that are read, by the right that they need.
const LISTS: [(&str, &str); 6] = [
    ("leads", "lead/"),
    ("contacts", "contact/"),
    ("opportunities", "opportunity/"),
    ("custom_objects", "custom_object_type/"),
    ("custom_activities", "custom_activity/"),
    (WEBHOOKS, "webhook/"),
];

/// A user's place in an organization. Close does not document it: what is not there is not known.
#[derive(Debug, Deserialize)]
pub(super) struct Membership {
    #[serde(default)]
    pub(super) organization_id: Option<String>,
    #[serde(default)]
    role_id: Option<String>,
    #[serde(default)]
    permissions_granted: Option<Vec<Value>>,
}

impl Membership {
    fn rights(&self) -> Vec<Granted> {
        let admin = self.role_id.as_deref().map(|role| role == "admin");
        let listed = self.permissions_granted.as_ref();
        let sees_all = listed.map(|all| all.iter().any(|one| one == VIEW_ALL_LEADS));
        let sees_all = match admin {
            Some(true) => admin,
            _ => sees_all,
        };
        [(ADMIN, admin), (VIEW_ALL_LEADS, sees_all)]
            .into_iter()
            .filter_map(|(name, granted)| Some(Granted::new(name, granted?)))
            .collect()
    }
}

/// Whether a read is allowed; what keeps it from being answered otherwise is an error.
async fn reads(
    client: &CloseClient,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Option<Value>, CloseError> {
    match client.get(path, query).await {
        Ok(answer) => Ok(Some(answer)),
        // Some accounts answer 400 where there is no access (section 6), and plans without custom objects 404.
        Err(error) if matches!(error.status(), Some(400 | 402..=404)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks at what the credential may do.
pub(super) async fn examine(client: &CloseClient, me: &Me) -> Result<Vec<Granted>, SyncError> {
    let mut rights = me.membership().map(Membership::rights).unwrap_or_default();
    for (right, path) in LISTS {
        let answer = reads(client, path, &[("_limit", "1")]).await?;
        rights.push(Granted::new(right, answer.is_some()));
    }
    let log = log(client).await?;
    rights.push(Granted::new(EVENTS, log.is_some()));
    let is_admin = rights.iter().find(|right| right.name == ADMIN);
    let shown = match log {
        None => Some(false),
        Some(Log::Silent) => is_admin.map(|right| right.granted),
        Some(Log::Shows(shown)) => Some(shown),
    };
    rights.extend(shown.map(|shown| Granted::new(EVENT_DATA, shown)));
    Ok(rights)
}

/// What the event log shows.
#[derive(Debug, PartialEq, Eq)]
enum Log {
    /// It has no event that is old enough to tell.
    Silent,
    /// Whether an old event says what it is about.
    Shows(bool),
}

/// Users who are no admins see for an hour what an event is about (section 5.3).
async fn log(client: &CloseClient) -> Result<Option<Log>, CloseError> {
    let old = Utc::now() - TimeDelta::hours(2);
    let before = old.to_rfc3339_opts(SecondsFormat::Micros, true);
    let query = [("_limit", "1"), ("date_updated__lt", before.as_str())];
    let Some(answer) = reads(client, "event/", &query).await? else {
        return Ok(None);
    };
    let event = answer.pointer("/data/0").filter(|event| {
        // A log that does not know the filter answers with its newest event, which tells nothing.
        let at = event.get("date_updated").and_then(Value::as_str);
        at.and_then(parse_timestamp).is_some_and(|at| at < old)
    });
    let shows = |event: &Value| event.get("data").or(event.get("previous_data")).is_some();
    Ok(Some(
        event.map_or(Log::Silent, |event| Log::Shows(shows(event))),
    ))
}

/// Looks again, and keeps what was found beside what was asked for.
pub(super) async fn reexamine(
    pool: &PgPool,
    client: &CloseClient,
    id: Uuid,
    me: &Me,
) -> Result<(), SyncError> {
    let examined = examine(client, me).await?;
    let mut transaction = pool.begin().await?;
    let kept: Option<Json<Vec<Granted>>> =
        sqlx::query_scalar("select scopes from connection where id = $1 for update")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
    let mut scopes = kept.map(|Json(kept)| kept).unwrap_or_default();
    scopes.retain(|one| ASKED.contains(&one.name.as_str()));
    scopes.extend(examined);
    sqlx::query("update connection set scopes = $2 where id = $1 and scopes is distinct from $2")
        .bind(id)
        .bind(Json(scopes))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// What is asked of a person, and not looked at.
const ASKED: [&str; 2] = [
    closegraph_entity::permission::FULL_ACCESS,
    closegraph_entity::permission::OFFLINE_ACCESS,
];
