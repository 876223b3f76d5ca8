//! The change feed, as a page to be read on from a cursor and as a stream.

use std::sync::{Arc, Mutex};

use async_graphql::Subscription as Stream;
use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

use super::audit_entry::ChangeAction;
use super::lookup::{compiler, reader, scope};
use super::page::PageInfo;
use super::record::{MirroredRecord, RecordType};
use super::{COMPANY, OPPORTUNITY, PERSON, RECEIVABLE, TRANSACTION, member};
use crate::error::{ApiError, Result};
use crate::live::feed::Entry;
use crate::live::position::Position;
use crate::query::compile::{Compiler, asked};
use crate::query::page::nodes;
use crate::query::run::fetch;
use crate::query::selection::Selection;
use crate::query::statement::Bind;
use crate::query::table::Table;
use crate::query::window::PageRequest;

/// The tables that are shown, by the word that the feed has for them.
const TABLES: [(&str, &Table); 6] = [
    ("company", &COMPANY),
    ("person", &PERSON),
    ("opportunity", &OPPORTUNITY),
    ("transaction", &TRANSACTION),
    ("receivable", &RECEIVABLE),
    ("member", &member::TABLE),
];

/// One write to one record, in the order in which writes were committed.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
#[graphql(complex)]
pub(crate) struct Change {
    #[graphql(skip)]
    #[serde(deserialize_with = "number")]
    xid: u64,
    #[graphql(skip)]
    #[serde(deserialize_with = "number")]
    seq: i64,
    /// When it happened in Close: the version of the record that was written.
    at: DateTime<Utc>,
    /// The kind of the record.
    record_type: RecordType,
    /// Id of the record in this deployment, a UUID; also of one that is deleted.
    record_id: ID,
    /// Id of the record in Close.
    close_id: String,
    /// Whether the record was created, updated or deleted.
    action: ChangeAction,
    /// Columns that changed, such as `status_label`; empty for created and deleted.
    changed_fields: Vec<String>,
    /// The record as it is now, which may be newer than this change; null when it is deleted.
    record: Option<MirroredRecord>,
}

/// A number that travels as text, since it may be too large for a number of JSON.
fn number<'de, D: Deserializer<'de>, T: std::str::FromStr>(from: D) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    text.parse()
        .map_err(|_| serde::de::Error::custom("not a number"))
}

impl Change {
    fn position(&self) -> Position {
        Position {
            xid: self.xid,
            seq: self.seq,
        }
    }
}

#[ComplexObject]
impl Change {
    /// The place of this change: what follows it is answered for `after`.
    async fn cursor(&self) -> String {
        self.position().cursor()
    }
}

/// A change with its cursor.
#[derive(SimpleObject)]
pub(crate) struct ChangeEdge<'a> {
    /// The place of the change.
    cursor: String,
    /// The change itself.
    node: &'a Change,
}

/// A page of the feed as the database answers it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChangeConnection {
    rows: Vec<Change>,
    limit: usize,
    resumed: bool,
    expired: bool,
    /// The oldest transaction that was running.
    oldest: String,
    /// What the page was asked for.
    #[serde(skip)]
    after: Position,
}

impl ChangeConnection {
    fn shown(&self) -> &[Change] {
        self.rows.get(..self.limit).unwrap_or(&self.rows)
    }
}

/// A page of changes, the oldest first.
#[Object]
impl ChangeConnection {
    /// The changes.
    async fn nodes(&self) -> &[Change] {
        self.shown()
    }

    /// The changes with their cursors.
    async fn edges(&self) -> Vec<ChangeEdge<'_>> {
        let edge = |change: &'_ Change| change.position().cursor();
        self.shown()
            .iter()
            .map(|node| ChangeEdge {
                cursor: edge(node),
                node,
            })
            .collect()
    }

    /// Where the page stands. `endCursor` is there for an empty page as well: it is where to read on later.
    async fn page_info(&self) -> async_graphql::Result<PageInfo> {
        let shown = self.shown();
        let end = match shown.last() {
            Some(last) => last.position(),
            None if self.limit == 0 => self.after,
            None => {
                let settled = Position::before(crate::live::feed::xid(&self.oldest)?);
                settled.max(self.after)
            }
        };
        Ok(PageInfo {
            has_next_page: self.rows.len() > self.limit,
            has_previous_page: self.resumed,
            start_cursor: shown.first().map(|first| first.position().cursor()),
            end_cursor: Some(end.cursor()),
        })
    }
}

/// Part of the root of all questions.
#[derive(Debug)]
pub(crate) struct Feed;

#[Object(name = "FeedQuestions")]
impl Feed {
    /// What changed, deletions among it, in the order of the commits and without gaps. Read on with `after:
    /// pageInfo.endCursor`, which an empty page has, too. A change is shown once all transactions that began before it have
    /// ended, usually at once.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "What follows this cursor; from the oldest change that is kept, unless given. One that is too old is refused with CURSOR_EXPIRED."
        )]
        after: Option<String>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 unless given.")] first: Option<i32>,
        #[graphql(desc = "Kinds of records; all, unless given.")] types: Option<Vec<RecordType>>,
    ) -> async_graphql::Result<ChangeConnection> {
        // Read by the compiler.
        let _ = (after, first);
        Ok(page(ctx, types).await?)
    }
}

async fn page(ctx: &Context<'_>, types: Option<Vec<RecordType>>) -> Result<ChangeConnection> {
    let selection = Selection::of(ctx);
    let request = PageRequest::new(&selection.arguments(), None, Vec::new())?;
    let mut compiler = compiler(ctx)?;
    let limit = request.limit(compiler.max_page)?;
    let after = request.after().map(Position::of).transpose()?;
    let mut parts = vec![
        format!("'limit', {limit}, 'resumed', {}", after.is_some()),
        "'oldest', pg_snapshot_xmin(pg_current_snapshot())::text".to_owned(),
    ];
    let scope = compiler.scope()?;
    let behind = match after {
        None => String::new(),
        Some(after) => {
            let xid = compiler.bind(Bind::Text(after.xid.to_string()))?;
            let place = format!(
                "({xid}::text::xid8, {})",
                compiler.bind(Bind::Int(after.seq))?
            );
            parts.push(format!(
                "'expired', {xid}::text::xid8 > pg_snapshot_xmax(pg_current_snapshot())
                             or exists (select from feed_horizon h where h.connection_id = any({scope})
                                           and (h.xid, h.seq) > {place})"
            ));
            format!("and (f.xid, f.seq) > {place}")
        }
    };
    let types = compiler.bind(Bind::Texts(words(types.as_deref())))?;
    let window = format!("order by f.xid, f.seq limit {}", limit + 1);
    let picked = format!(
        "select f.* from unnest({scope}::uuid[]) c (id)
          cross join lateral (select f.* from change_feed f
                               where f.connection_id = c.id and f.record_type = any({types}) {behind}
                                 and f.xid < pg_snapshot_xmin(pg_current_snapshot()) {window}) f {window}"
    );
    compiler.spend(u64::try_from(limit).unwrap_or(0).max(1))?;
    compiler.multiplier = u64::try_from(limit).unwrap_or(0).max(1);
    let children = selection.children("ChangeConnection");
    let record = match nodes(&children, "ChangeEdge") {
        Some(change) => record(&mut compiler, &change)?,
        None => "null".to_owned(),
    };
    parts.push(format!(
        "'rows', (select coalesce(json_agg(json_build_object(
                      'xid', f.xid::text, 'seq', f.seq::text, 'at', f.at, 'recordType', f.record_type,
                      'recordId', f.record_id, 'closeId', f.close_id, 'action', f.action,
                      'changedFields', f.changed_fields, 'record', {record}) order by f.xid, f.seq), '[]')
                    from ({picked}) f)"
    ));
    let json = format!("json_build_object({})", parts.join(", "));
    let found: Option<ChangeConnection> = fetch(reader(ctx)?, compiler.finish(&json)).await?;
    let mut found = found.unwrap_or_default();
    if found.expired {
        return Err(ApiError::CursorExpired);
    }
    found.after = after.unwrap_or_default();
    Ok(found)
}

/// The words that the feed has for kinds of records.
fn words(types: Option<&[RecordType]>) -> Vec<String> {
    let is_asked =
        |word: &str| types.is_none_or(|types| types.iter().any(|asked| Some(*asked) == kind(word)));
    let words = TABLES.iter().map(|(word, _)| *word);
    words
        .filter(|word| is_asked(word))
        .map(str::to_owned)
        .collect()
}

/// The kind of record that the feed's word means.
fn kind(word: &str) -> Option<RecordType> {
    serde_json::from_value(serde_json::Value::from(word)).ok()
}

/// SQL of the record that the entry `f` is about, as it is asked for below a change.
fn record(compiler: &mut Compiler<'_>, change: &Selection<'_>) -> Result<String> {
    let Some(selection) = asked(&change.children("Change"), "record") else {
        return Ok("null".to_owned());
    };
    let mut each = String::new();
    for (word, table) in TABLES {
        let found = compiler.typed(table, "f.connection_id", "f.record_id", &selection)?;
        each.push_str(&format!(" when '{word}' then ({found})"));
    }
    Ok(format!(
        "case when f.action <> 'deleted' then case f.record_type{each} end end"
    ))
}

/// Entries of the feed that a stream is to show: the request's data holds them.
#[derive(Debug)]
pub(crate) struct Yielded {
    /// Of connections of the scope.
    pub(crate) entries: Arc<Vec<Entry>>,
    /// The places of those that were shown, in their order.
    pub(crate) shown: Mutex<Vec<Position>>,
}

/// The root of all streams.
#[derive(Debug)]
pub(crate) struct Subscription;

/// Streams: pushed within a second of the commit. Over WebSocket (graphql-transport-ws) or Server-Sent Events.
#[Stream]
impl Subscription {
    /// What changes, deletions among it, in the order of the commits: all that follows the cursor, then what is committed
    /// from now on. After a dropped connection, subscribe again with the last cursor: nothing is lost or repeated.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "What follows this cursor; what is committed from now on, unless given. One that is too old is refused with CURSOR_EXPIRED."
        )]
        after: Option<String>,
        #[graphql(desc = "Kinds of records; all, unless given.")] types: Option<Vec<RecordType>>,
    ) -> async_graphql::Result<impl futures::Stream<Item = Change>> {
        // Followed by whoever chooses the entries.
        let _ = after;
        Ok(futures::stream::iter(shown(ctx, types).await?))
    }
}

async fn shown(ctx: &Context<'_>, types: Option<Vec<RecordType>>) -> Result<Vec<Change>> {
    let yielded = ctx
        .data::<Arc<Yielded>>()
        .map_err(|_| ApiError::Defect("a stream without entries"))?;
    let words = words(types.as_deref());
    let of_types = yielded
        .entries
        .iter()
        .filter(|entry| words.contains(&entry.record_type));
    let entries: Vec<&Entry> = of_types.collect();
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let selection = Selection::of_stream(ctx.query_env, &ctx.item.node);
    let mut compiler = compiler(ctx)?;
    let size = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    compiler.spend(size)?;
    compiler.multiplier = size;
    let record = record(&mut compiler, &selection)?;
    let mut records: Vec<Option<MirroredRecord>> = Vec::new();
    if record != "null" {
        let json = compiler.fill(
            "(select json_agg(RECORD order by f.place)
                from unnest({types}::text[], {ids}::uuid[], {connections}::uuid[], {actions}::text[])
                     with ordinality f (record_type, record_id, connection_id, action, place)
               where f.connection_id = any({scope}))",
            [
                (
                    "{types}",
                    Bind::Texts(entries.iter().map(|entry| entry.record_type.clone()).collect()),
                ),
                (
                    "{ids}",
                    Bind::Uuids(entries.iter().map(|entry| entry.record_id).collect()),
                ),
                (
                    "{connections}",
                    Bind::Uuids(entries.iter().map(|entry| entry.connection).collect()),
                ),
                (
                    "{actions}",
                    Bind::Texts(entries.iter().map(|entry| entry.action.clone()).collect()),
                ),
                ("{scope}", Bind::Uuids(scope(ctx)?.connections())),
            ],
        )?;
        let json = json.replace("RECORD", &record);
        records = fetch(reader(ctx)?, compiler.finish(&json))
            .await?
            .unwrap_or_default();
    }
    let mut records = records.into_iter();
    let mut changes = Vec::with_capacity(entries.len());
    for entry in entries {
        changes.push(change(entry, records.next().flatten())?);
    }
    if let Ok(mut shown) = yielded.shown.lock() {
        shown.extend(changes.iter().map(Change::position));
    }
    Ok(changes)
}

fn change(entry: &Entry, record: Option<MirroredRecord>) -> Result<Change> {
    const UNKNOWN: ApiError = ApiError::Defect("an entry of the feed has an unknown word");
    let action = serde_json::from_value(serde_json::Value::from(entry.action.as_str()));
    Ok(Change {
        xid: entry.position.xid,
        seq: entry.position.seq,
        at: entry.at,
        record_type: kind(&entry.record_type).ok_or(UNKNOWN)?,
        record_id: ID(entry.record_id.to_string()),
        close_id: entry.close_id.clone(),
        action: action.map_err(|_| UNKNOWN)?,
        changed_fields: entry.changed_fields.clone(),
        record,
    })
}
