//! `closegraph token`.

use crate::cli::TokenArgs;
use crate::config::Config;
use crate::database::Database;
use anyhow::Context;
use chrono::{Days, Utc};
use closegraph_api::token::{NewToken, issue};
use serde_json::json;

pub(super) async fn create(config: &Config, args: TokenArgs) -> anyhow::Result<()> {
    let expires_at = args
        .expires_in_days
        .map(|days| {
            Utc::now()
                .checked_add_days(Days::new(days.into()))
                .context("the expiry is out of range")
        })
        .transpose()?;
    let database = Database::open(config).await?;
    database.migrate().await?;
    let token = NewToken {
        name: args.name,
        role: args.role.into(),
        connections: (!args.connection.is_empty()).then_some(args.connection),
        expires_at,
    };
    let issued = issue(&database.orm(), token).await;
    database.close().await;
    let issued = issued.context("the token can't be kept")?;
    if args.output.json {
        let shown = json!({"id": issued.id, "token": issued.secret, "expiresAt": expires_at});
        return super::print(&shown.to_string());
    }
    super::print(&format!(
        "{}\nIt is shown this once. Use it as: Authorization: Bearer <token>",
        issued.secret
    ))
}
