//! `closegraph access-log`: who changed what.

use crate::cli::AccessLogArgs;
use crate::config::Config;
use closegraph_entity::access_entry::{Column, Entity, Model};
use comfy_table::{Table, presets};
use sea_orm::{EntityTrait, QueryOrder, QuerySelect};
use serde_json::{Value, json};

pub(super) async fn run(config: &Config, args: &AccessLogArgs) -> anyhow::Result<()> {
    let found = super::on_database(config, async |database| {
        database.migrate().await?;
        let newest = Entity::find().order_by_desc(Column::Seq);
        Ok(newest
            .limit(u64::from(args.limit))
            .all(&database.orm())
            .await?)
    })
    .await?;
    if args.output.json {
        let rows: Vec<_> = found.iter().map(describe).collect();
        return super::print(&serde_json::to_string_pretty(&rows)?);
    }
    if found.is_empty() {
        return super::print("Nobody has changed anything yet.");
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["AT", "ACTION", "BY", "TOKEN", "SUBJECT", "DETAILS"]);
    for entry in &found {
        table.add_row([
            entry.at.format("%Y-%m-%d %H:%M:%S").to_string(),
            word(&json!(entry.action)),
            // A name is free text: what steers a terminal is not printed.
            entry.actor.replace(char::is_control, "\u{fffd}"),
            entry.token_prefix.clone().unwrap_or_default(),
            entry
                .subject_id
                .map_or_else(String::new, |id| id.to_string()),
            details(&entry.details),
        ]);
    }
    super::print(&table.to_string())
}

fn describe(entry: &Model) -> Value {
    json!({
        "id": entry.id, "at": entry.at, "actor": entry.actor, "tokenId": entry.token_id,
        "tokenPrefix": entry.token_prefix, "action": entry.action, "connections": entry.connections,
        "subjectId": entry.subject_id, "details": entry.details,
    })
}

/// `name: dashboard, role: viewer`.
fn details(details: &Value) -> String {
    let fields = details.as_object().into_iter().flatten();
    let known = fields.filter(|(_, value)| !value.is_null());
    let shown = known.map(|(name, value)| format!("{name}: {}", word(value)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    shown.replace(char::is_control, "\u{fffd}")
}

fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
