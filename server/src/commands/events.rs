//! `closegraph events`: what Close sent, and what a person decides about it.

use super::Usage;
use crate::cli::{EventSelection, EventState, Events, ListEvents};
use crate::config::Config;
use crate::database::Database;
use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use closegraph_entity::access_entry::Action;
use closegraph_entity::event::{self, CHANNEL, DISCARD, REPLAY, State};
use comfy_table::{Table, presets};
use sea_orm::ActiveEnum;
use serde_json::json;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

pub(super) async fn run(config: &Config, command: Events) -> anyhow::Result<()> {
    if let Events::Replay(selection) | Events::Discard(selection) = &command
        && selection.is_empty()
    {
        let allowed = "ids, --state, --since, --until, --object-id or --object-type";
        return Err(Usage(format!("say which events: {allowed}")).into());
    }
    super::on_database(config, async |database| {
        database.migrate().await?;
        match command {
            Events::List(args) => list(database, &args).await,
            Events::Show { id } => show(database, id).await,
            Events::Replay(args) => change(database, &args, Decision::Replay).await,
            Events::Discard(args) => change(database, &args, Decision::Discard).await,
        }
    })
    .await
}

/// Conditions of a selection; `$1` to `$6` are bound by [`bind`].
const SELECTED: &str = "
    ($1::uuid[] is null or id = any($1)) and ($2::text is null or state = $2)
    and ($3::timestamptz is null or received_at >= $3) and ($4::timestamptz is null or received_at < $4)
    and ($5::text is null or object_id = $5) and ($6::text is null or object_type = $6)";

macro_rules! bind {
    ($query:expr, $selection:expr) => {
        $query
            .bind((!$selection.id.is_empty()).then(|| $selection.id.clone()))
            .bind($selection.state.map(|state| state.word()))
            .bind($selection.since)
            .bind($selection.until)
            .bind($selection.object_id.clone())
            .bind($selection.object_type.clone())
    };
}

#[derive(Debug, sqlx::FromRow)]
struct Line {
    id: Uuid,
    received_at: DateTime<Utc>,
    object_type: String,
    action: String,
    object_id: String,
    state: String,
    attempts: i32,
    error: Option<String>,
}

async fn list(database: &Database, args: &ListEvents) -> anyhow::Result<()> {
    let sql = format!(
        "select id, received_at, object_type, action, object_id, state, attempts, error
           from event where {SELECTED} order by received_at desc, seq desc limit $7"
    );
    let query = sqlx::query_as::<_, Line>(AssertSqlSafe(sql));
    let found: Vec<Line> = bind!(query, args.selection)
        .bind(i64::from(args.limit))
        .fetch_all(&database.pool)
        .await?;
    if args.output.json {
        let rows: Vec<_> = found.iter().map(describe).collect();
        return super::print(&serde_json::to_string_pretty(&rows)?);
    }
    if found.is_empty() {
        return super::print(&none(&args.selection));
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header([
        "ID", "RECEIVED", "EVENT", "OBJECT", "STATE", "TRIES", "ERROR",
    ]);
    for line in &found {
        table.add_row([
            line.id.to_string(),
            line.received_at.format("%Y-%m-%d %H:%M:%S").to_string(),
            format!("{}.{}", line.object_type, line.action),
            line.object_id.clone(),
            line.state.clone(),
            line.attempts.to_string(),
            line.error.clone().unwrap_or_default(),
        ]);
    }
    super::print(&table.to_string())
}

/// That no event is as the selection wants it.
fn none(selection: &EventSelection) -> String {
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let wanted = [
        (!selection.id.is_empty()).then(|| "has an id that was given".to_owned()),
        selection.state.map(|state| match state {
            EventState::Failed => "has failed".to_owned(),
            state => format!("is {}", state.word()),
        }),
        selection
            .since
            .map(|at| format!("was received at or after {}", instant(at))),
        selection
            .until
            .map(|at| format!("was received before {}", instant(at))),
        selection
            .object_type
            .as_ref()
            .map(|name| format!("is about a {name}")),
        selection
            .object_id
            .as_ref()
            .map(|id| format!("is about {id}")),
    ];
    let wanted: Vec<String> = wanted.into_iter().flatten().collect();
    match wanted.as_slice() {
        [] => "No event has come yet.".to_owned(),
        wanted => format!("No event {}.", wanted.join(" and ")),
    }
}

fn describe(line: &Line) -> serde_json::Value {
    json!({
        "id": line.id, "receivedAt": line.received_at, "objectType": line.object_type, "action": line.action,
        "objectId": line.object_id, "state": line.state, "attempts": line.attempts, "error": line.error,
    })
}

async fn show(database: &Database, id: Uuid) -> anyhow::Result<()> {
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
    let found = event::Entity::find()
        .filter(event::Column::Id.eq(id))
        .one(&database.orm())
        .await?
        .with_context(|| format!("no event has the id {id}; closegraph events list shows them"))?;
    let shown = json!({
        "id": found.id, "connection": found.connection_id, "origin": found.origin,
        "closeEventId": found.close_event_id, "objectType": found.object_type, "objectId": found.object_id,
        "action": found.action, "state": found.state, "attempts": found.attempts, "error": found.error,
        "receivedAt": found.received_at, "deliveredAt": found.delivered_at, "finishedAt": found.finished_at,
        "nextAttemptAt": found.next_attempt_at, "payload": found.payload,
        "trimmed": found.payload.is_none(),
    });
    super::print(&serde_json::to_string_pretty(&shown)?)
}

/// What a person decides about events.
#[derive(Clone, Copy)]
enum Decision {
    Replay,
    Discard,
}

/// Gives a selection another state, notes it in the access log, and wakes the workers.
async fn change(
    database: &Database,
    selection: &EventSelection,
    decision: Decision,
) -> anyhow::Result<()> {
    let (set, from, action, by) = match decision {
        Decision::Replay => (
            REPLAY,
            State::REPLAYABLE,
            Action::EventsReplayed,
            "closegraph events replay",
        ),
        Decision::Discard => (
            DISCARD,
            State::DISCARDABLE,
            Action::EventsDiscarded,
            "closegraph events discard",
        ),
    };
    let sql = format!(
        "with changed as (update event set {set} where state in ({from}) and {SELECTED} returning connection_id),
              logged as (insert into access_entry (actor, action, connections, details)
                         select $8, $9, array[connection_id], jsonb_build_object('events', count(*))
                           from changed group by connection_id)
         select count(*), pg_notify($7, '') is null from changed"
    );
    let query = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql));
    let count = bind!(query, selection)
        .bind(CHANNEL)
        .bind(by)
        .bind(action.to_value())
        .fetch_one(&database.pool)
        .await?;
    if count == 0 {
        bail!(
            "no such event, or none in a state that allows it; closegraph events list shows them"
        );
    }
    super::print(&super::count(count, "event"))
}
