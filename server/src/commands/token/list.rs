//! What there is, as a table or JSON. Neither the secret, which nobody has, nor its hash is shown.

use chrono::{DateTime, Utc};
use closegraph_entity::api_token::Model;
use serde_json::json;
use std::collections::HashMap;
use uuid::Uuid;

/// When tokens were last used.
pub(super) type Used = HashMap<Uuid, DateTime<Utc>>;

/// Whether a token works.
fn state(token: &Model, now: DateTime<Utc>) -> &'static str {
    if token.revoked_at.is_some() {
        "revoked"
    } else if token.expires_at.is_some_and(|at| at <= now) {
        "expired"
    } else {
        "active"
    }
}

pub(super) fn describe(token: &Model, used: &Used, now: DateTime<Utc>) -> serde_json::Value {
    json!({
        "id": token.id,
        "name": token.name,
        "prefix": token.prefix,
        "role": token.role,
        "connections": token.connections,
        "costBudget": token.cost_budget,
        "state": state(token, now),
        "createdAt": token.created_at,
        "expiresAt": token.expires_at,
        "revokedAt": token.revoked_at,
        "lastUsedAt": used.get(&token.id),
    })
}

/// A line a token, below a line of headings.
pub(super) fn table(tokens: &[Model], used: &Used, now: DateTime<Utc>) -> String {
    let headings = [
        "ID",
        "PREFIX",
        "STATE",
        "ROLE",
        "CONNECTIONS",
        "CREATED",
        "EXPIRES",
        "USED",
        "NAME",
    ];
    let mut lines = vec![headings.map(str::to_owned)];
    lines.extend(tokens.iter().map(|token| cells(token, used, now)));
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let padded = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:width$}", width = *width));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    padded.collect::<Vec<_>>().join("\n")
}

fn cells(token: &Model, used: &Used, now: DateTime<Utc>) -> [String; 9] {
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let role = match json!(token.role) {
        serde_json::Value::String(role) => role,
        other => other.to_string(),
    };
    let connections = token.connections.as_ref();
    // A name is free text: what steers a terminal is not printed.
    let name = token.name.replace(char::is_control, "\u{fffd}");
    [
        token.id.to_string(),
        token.prefix.clone(),
        state(token, now).to_owned(),
        role,
        connections.map_or("all".to_owned(), |some| some.len().to_string()),
        day(token.created_at),
        token.expires_at.map_or("never".to_owned(), day),
        used.get(&token.id)
            .map_or("never".to_owned(), |at| day(*at)),
        name,
    ]
}
