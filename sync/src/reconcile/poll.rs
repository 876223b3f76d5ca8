//! Reading by the tools of the MCP server, which has no feed: what changed last is looked for, newest first, and read
//! whole. Deletes and merges can't be seen that way, and custom objects only with their lead.

use super::load::{commit_page, keep_position, position};
use super::run::{Kind, Progress, Run, RunReport};
use super::walk::{Page, Position, take_lead};
use crate::close::{McpError, Object, ObjectType, Tool, parse_timestamp};
use crate::connect::{CURSOR, Connections, Listed, McpSession, OAuthError};
use crate::error::SyncError;
use crate::mapping::MappingContext;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use closegraph_entity::record::Origin;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use std::collections::HashMap;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const STREAM: &str = "mcp";

/// Lists lag behind writes by up to a minute: what is this much older is looked at again.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// Objects that are read, and committed together.
const BATCH: usize = 20;

/// How far the last complete poll came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Reached {
    leads: Option<DateTime<Utc>>,
    opportunities: Option<DateTime<Utc>>,
    /// The types whose custom objects were read with their leads.
    #[serde(default)]
    custom_types: Vec<String>,
    /// The same of a first poll that is not complete: what it has read need not be read again.
    #[serde(default)]
    begun_with: Vec<String>,
}

/// An object of a list: its id and its version.
type Row = (String, DateTime<Utc>);

struct Poll<'a> {
    pool: &'a PgPool,
    context: MappingContext,
    session: McpSession,
    run: &'a Run,
    stop: &'a CancellationToken,
    /// The types of custom objects that there are.
    custom_types: Vec<String>,
    report: RunReport,
    progress: Progress,
}

const CUSTOM_TYPES: &str = "select close_id from custom_type
     where connection_id = $1 and kind = 'custom_object' and not archived order by 1";

/// Reads what changed since the last poll; at first, everything. What was read before a stop is not read again.
pub(super) async fn poll(
    pool: &PgPool,
    connections: &Connections,
    connection_id: Uuid,
    stop: &CancellationToken,
) -> Result<RunReport, SyncError> {
    let run = Run::start(pool, connection_id, Kind::Sweep).await?;
    let polled = async {
        let poll = Poll {
            pool,
            context: connections.mapping(connection_id).await?,
            session: McpSession::open(connections, connection_id).await?,
            custom_types: sqlx::query_scalar(CUSTOM_TYPES)
                .bind(connection_id)
                .fetch_all(pool)
                .await?,
            run: &run,
            stop,
            report: RunReport::default(),
            progress: Progress::default(),
        };
        poll.all().await
    };
    let result = polled.await;
    run.finish(pool, &result).await?;
    result
}

impl Poll<'_> {
    async fn all(mut self) -> Result<RunReport, SyncError> {
        let id = self.context.connection_id;
        let reached: Option<Reached> = position(self.pool, id, STREAM).await?;
        let mut reached = reached.unwrap_or_default();
        if reached.leads.is_none() {
            match reached.begun_with == self.custom_types {
                true => reached.custom_types.clone_from(&reached.begun_with),
                false => self.begin(&reached).await?,
            }
        }
        let next = Reached {
            leads: self.leads(&reached).await?.max(reached.leads),
            opportunities: self
                .opportunities(reached.opportunities)
                .await?
                .max(reached.opportunities),
            custom_types: self.custom_types.clone(),
            begun_with: Vec::new(),
        };
        let mut transaction = self.pool.begin().await?;
        keep_position(&mut transaction, id, STREAM, Some(self.run.id), &next).await?;
        self.report.requests = self.session.calls();
        self.run
            .note(&mut transaction, &self.report, &self.progress)
            .await?;
        transaction.commit().await?;
        Ok(self.report)
    }

    /// Notes with which types of custom objects leads are read from now on.
    async fn begin(&self, reached: &Reached) -> Result<(), SyncError> {
        let begun = Reached {
            begun_with: self.custom_types.clone(),
            ..reached.clone()
        };
        let (id, run) = (self.context.connection_id, Some(self.run.id));
        let mut transaction = self.pool.begin().await?;
        keep_position(&mut transaction, id, STREAM, run, &begun).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Leads, with the contacts and opportunities that are embedded in them, and their custom objects. A contact's edit
    /// moves its lead's date. Where a type of custom objects is new, every lead is read.
    async fn leads(&mut self, reached: &Reached) -> Result<Option<DateTime<Utc>>, SyncError> {
        let is_known = |one: &String| reached.custom_types.contains(one);
        let is_whole = self.custom_types.iter().all(is_known);
        let since = reached.leads.filter(|_| is_whole);
        // The newest come first: behind one that was read before, all were.
        let is_last = |oldest| is_before(oldest, since);
        let rows = self.listed(Tool::LeadSearch, Map::new(), is_last).await?;
        let newest = rows.iter().map(|(_, at)| *at).max();
        let statement = "select close_id, source_updated_at from company
                          where connection_id = $1 and close_id = any($2)";
        let wanted = match is_whole {
            true => self.newer(statement, rows).await?,
            false => rows.into_iter().map(|(id, _)| id).collect(),
        };
        self.read(wanted, ObjectType::Lead).await?;
        Ok(newest)
    }

    /// A deal's edit leaves its lead's date alone.
    async fn opportunities(
        &mut self,
        since: Option<DateTime<Utc>>,
    ) -> Result<Option<DateTime<Utc>>, SyncError> {
        let from =
            |since: DateTime<Utc>| (since - OVERLAP).to_rfc3339_opts(SecondsFormat::Micros, true);
        let arguments = match since {
            Some(since) => {
                Map::from_iter([("updated_at".to_owned(), json!({ "since": from(since) }))])
            }
            None => Map::new(),
        };
        let rows = self
            .listed(Tool::FindOpportunities, arguments, |_| false)
            .await?;
        let newest = rows.iter().map(|(_, at)| *at).max();
        let statement = "select close_id, source_updated_at from opportunity
                          where connection_id = $1 and close_id = any($2)";
        let wanted = self.newer(statement, rows).await?;
        self.read(wanted, ObjectType::Opportunity).await?;
        Ok(newest)
    }

    /// Ids and versions of a list, page by page, to the page of whose oldest `is_last` holds, or the end.
    async fn listed(
        &mut self,
        tool: Tool,
        mut arguments: Map<String, Value>,
        is_last: impl Fn(DateTime<Utc>) -> bool,
    ) -> Result<Vec<Row>, SyncError> {
        let mut rows = Vec::new();
        loop {
            self.check()?;
            let listed = self.session.list(tool, &arguments).await?;
            let page = versions(&listed, tool)?;
            let oldest = page.iter().map(|(_, at)| *at).min();
            rows.extend(page);
            let Some(cursor) = listed.cursor.filter(|_| !oldest.is_some_and(&is_last)) else {
                return Ok(rows);
            };
            arguments.insert(CURSOR.to_owned(), cursor.into());
        }
    }

    /// Ids of those that the mirror lacks or has in an older version.
    async fn newer(
        &self,
        statement: &'static str,
        rows: Vec<Row>,
    ) -> Result<Vec<String>, SyncError> {
        let mut wanted = Vec::new();
        for page in rows.chunks(1_000) {
            let ids: Vec<&str> = page.iter().map(|(id, _)| id.as_str()).collect();
            let known: Vec<Row> = sqlx::query_as(statement)
                .bind(self.context.connection_id)
                .bind(ids)
                .fetch_all(self.pool)
                .await?;
            let known: HashMap<String, DateTime<Utc>> = known.into_iter().collect();
            let newer = page
                .iter()
                .filter(|(id, at)| known.get(id).is_none_or(|known| known < at));
            wanted.extend(newer.map(|(id, _)| id.clone()));
        }
        Ok(wanted)
    }

    async fn read(&mut self, ids: Vec<String>, object_type: ObjectType) -> Result<(), SyncError> {
        for batch in ids.chunks(BATCH) {
            let mut page = Page::new(Position::Done);
            for id in batch {
                self.check()?;
                self.take(&mut page, object_type, id).await?;
            }
            self.report.requests = self.session.calls();
            let (pool, context, run) = (self.pool, &self.context, self.run);
            commit_page(
                pool,
                context,
                run,
                page,
                &mut self.report,
                &mut self.progress,
            )
            .await?;
        }
        Ok(())
    }

    async fn take(
        &mut self,
        page: &mut Page,
        object_type: ObjectType,
        id: &str,
    ) -> Result<(), SyncError> {
        if object_type == ObjectType::Opportunity {
            if let Some(found) = self.found(Tool::FetchOpportunity, id).await? {
                page.push(Origin::Sweep, object_type, found);
            }
            return Ok(());
        }
        let Some(lead) = self.found(Tool::FetchLead, id).await? else {
            return Ok(());
        };
        if lead.get("contacts").is_none() {
            let contacts: Vec<String> = lead.read("contact_ids").unwrap_or_default();
            for id in contacts {
                if let Some(found) = self.found(Tool::FetchContact, &id).await? {
                    page.push(Origin::Sweep, ObjectType::Contact, found);
                }
            }
        }
        take_lead(page, Origin::Sweep, lead);
        if !self.custom_types.is_empty() {
            self.take_custom_objects(page, id).await?;
        }
        Ok(())
    }

    /// The custom objects of a lead; those that a list does not tell whole are read one by one.
    async fn take_custom_objects(&mut self, page: &mut Page, lead: &str) -> Result<(), SyncError> {
        let mut arguments = Map::from_iter([("lead_id".to_owned(), json!(lead))]);
        loop {
            self.check()?;
            let listed = self.session.list(Tool::FindCustomObjects, &arguments);
            let listed = match listed.await {
                // To ask again would not help, and other objects are not to wait for it.
                Err(SyncError::OAuth(OAuthError::Mcp(
                    error @ (McpError::Shape(_) | McpError::Stuck(_)),
                ))) => {
                    tracing::warn!(%error, lead, "custom objects can't be read");
                    return Ok(());
                }
                listed => listed?,
            };
            for row in listed.rows {
                if let Some(object) = self.whole(row).await? {
                    page.push(Origin::Sweep, ObjectType::CustomObject, object);
                }
            }
            let Some(cursor) = listed.cursor else {
                return Ok(());
            };
            arguments.insert(CURSOR.to_owned(), cursor.into());
        }
    }

    /// A custom object of a list, read by itself where the list does not tell all of it.
    async fn whole(&mut self, row: Value) -> Result<Option<Object>, SyncError> {
        let Ok(object) = serde_json::from_value::<Object>(row) else {
            return Ok(None);
        };
        let is_told = |key: &&str| object.text(key).is_some();
        let is_whole = ["custom_object_type_id", "date_updated"]
            .iter()
            .all(is_told);
        match object.text("id") {
            Some(id) if !is_whole => self.found(Tool::FetchCustomObject, &id).await,
            _ => Ok(Some(object)),
        }
    }

    /// An object; none when it is gone since it was listed.
    async fn found(&mut self, tool: Tool, id: &str) -> Result<Option<Object>, SyncError> {
        match self.session.object(tool, id).await {
            Err(SyncError::OAuth(OAuthError::Mcp(McpError::Tool { message, .. })))
                if message.to_ascii_lowercase().contains("not found") =>
            {
                Ok(None)
            }
            found => found.map(Some),
        }
    }

    fn check(&self) -> Result<(), SyncError> {
        if self.stop.is_cancelled() {
            return Err(SyncError::Interrupted);
        }
        Ok(())
    }
}

fn is_before(at: DateTime<Utc>, since: Option<DateTime<Utc>>) -> bool {
    since.is_some_and(|since| at < since - OVERLAP)
}

/// Ids and versions of a list. One without them is not what it was taken for.
fn versions(listed: &Listed, tool: Tool) -> Result<Vec<Row>, McpError> {
    let row = |row: &Value| {
        let word = |name: &str| row.get(name).and_then(Value::as_str);
        let at = parse_timestamp(word("date_updated")?)?;
        Some((word("id")?.to_owned(), at))
    };
    let rows: Option<Vec<Row>> = listed.rows.iter().map(row).collect();
    rows.ok_or(McpError::Shape(tool.name()))
}
