//! `closegraph token`.

mod list;

use crate::cli::{RevokeArgs, TokenArgs};
use crate::config::Config;
use crate::database::Database;
use anyhow::Context;
use chrono::{DateTime, Days, SecondsFormat, Utc};
use closegraph_api::token::{NewToken, issue};
use closegraph_entity::api_token::{Column, Entity, Model};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use uuid::Uuid;

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

pub(super) async fn list(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    database.migrate().await?;
    let found = Entity::find()
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(&database.orm())
        .await;
    database.close().await;
    let (found, now) = (found?, Utc::now());
    if as_json {
        let rows: Vec<_> = found
            .iter()
            .map(|token| list::describe(token, now))
            .collect();
        return super::print(&serde_json::to_string_pretty(&rows)?);
    }
    if found.is_empty() {
        return super::print("No token yet. Make one: closegraph token create --name dashboard");
    }
    super::print(&list::table(&found, now))
}

pub(super) async fn revoke(config: &Config, args: RevokeArgs) -> anyhow::Result<()> {
    let given = args.token.trim();
    // Not repeated in the error: it may be a secret.
    let whole = given.starts_with("cg_") && given.chars().count() > PREFIX_LENGTH;
    anyhow::ensure!(
        !whole,
        "that is a whole token: name it by its id or its first {PREFIX_LENGTH} characters"
    );
    let database = Database::open(config).await?;
    database.migrate().await?;
    let revoked = find_and_revoke(&database.orm(), given).await;
    database.close().await;
    let (token, at, now) = revoked?;
    if args.output.json {
        let shown = json!({"id": token.id, "revokedAt": at, "revokedNow": now});
        return super::print(&shown.to_string());
    }
    let name = format!("{} ({})", token.id, token.prefix);
    if now {
        return super::print(&format!(
            "Revoked {name}. Running servers refuse it within seconds."
        ));
    }
    let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    super::print(&format!("{name} is revoked since {at}."))
}

/// Characters of a token by which it is recognized.
const PREFIX_LENGTH: usize = 9;

/// The token, since when it is revoked, and whether that is our doing.
async fn find_and_revoke(
    orm: &DatabaseConnection,
    given: &str,
) -> anyhow::Result<(Model, DateTime<Utc>, bool)> {
    let named = match Uuid::parse_str(given) {
        Ok(id) => Column::Id.eq(id),
        Err(_) => Column::Prefix.eq(given),
    };
    let mut found = Entity::find().filter(named).all(orm).await?;
    anyhow::ensure!(
        found.len() < 2,
        "several tokens begin with {given}: name one by its id (closegraph token list shows it)"
    );
    let token = found.pop().with_context(|| {
        format!("there is no token {given}: closegraph token list shows those there are")
    })?;
    // The first time stays, whoever comes second.
    let updated = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::current_timestamp())
        .filter(Column::Id.eq(token.id))
        .filter(Column::RevokedAt.is_null())
        .exec(orm)
        .await?;
    let token = Entity::find_by_id(token.id).one(orm).await?;
    let token = token.context("the token is gone")?;
    let at = token.revoked_at.context("the token is not revoked")?;
    Ok((token, at, updated.rows_affected > 0))
}
