//! `closegraph token`.

mod list;

use super::Usage;
use crate::cli::{RevokeArgs, TokenArgs};
use crate::config::Config;
use crate::database::Database;
use anyhow::Context;
use chrono::{DateTime, Days, SecondsFormat, Utc};
use closegraph_api::Actor;
use closegraph_api::token::{NewToken, issue};
use closegraph_entity::api_token::{Column, Entity, Model};
use closegraph_entity::token_use;
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
    let token = NewToken {
        name: args.name,
        role: args.role.into(),
        connections: (!args.connection.is_empty()).then_some(args.connection),
        cost_budget: args.cost_budget,
        expires_at,
    };
    let issued = super::on_database(config, async |database| {
        database.migrate().await?;
        for id in token.connections.iter().flatten() {
            ensure_known(database, *id).await?;
        }
        let issued = issue(&database.orm(), token).await;
        issued.context("the token can't be kept")
    })
    .await?;
    if args.output.json {
        let shown = json!({"id": issued.id, "token": issued.secret, "expiresAt": expires_at});
        return super::print(&shown.to_string());
    }
    super::print(&format!(
        "{}\nIt is shown this once. Use it as: Authorization: Bearer <token>",
        issued.secret
    ))
}

/// Refuses the id of no connection: the token would see nothing.
async fn ensure_known(database: &Database, id: Uuid) -> anyhow::Result<()> {
    let known = super::connections::all(database).await?;
    if known.iter().any(|connection| connection.id == id) {
        return Ok(());
    }
    let shown = known.iter().map(|known| {
        let name = known.organization_name.as_deref().unwrap_or("no name");
        format!("{} ({name})", known.id)
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    anyhow::ensure!(
        !shown.is_empty(),
        "no connection has the id {id}: there is none yet"
    );
    anyhow::bail!("no connection has the id {id}, known are: {shown}")
}

pub(super) async fn list(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let (found, used) = super::on_database(config, async |database| {
        database.migrate().await?;
        let orm = database.orm();
        let found = Entity::find()
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id);
        let used = token_use::Entity::find().all(&orm).await?;
        let used = used.into_iter().map(|row| (row.token_id, row.used_at));
        Ok((found.all(&orm).await?, used.collect::<list::Used>()))
    })
    .await?;
    let now = Utc::now();
    if as_json {
        let rows: Vec<_> = found
            .iter()
            .map(|token| list::describe(token, &used, now))
            .collect();
        return super::print(&serde_json::to_string_pretty(&rows)?);
    }
    if found.is_empty() {
        return super::print("No token yet. Make one: closegraph token create --name dashboard");
    }
    super::print(&list::table(&found, &used, now))
}

pub(super) async fn revoke(config: &Config, args: RevokeArgs) -> anyhow::Result<()> {
    let given = args.token.trim();
    if is_whole(given) {
        // Not repeated: it is a secret.
        return Err(Usage(format!(
            "that is a whole token, which is a secret: name it by its id or by its first {PREFIX_LENGTH} characters \
             (closegraph token list shows both)"
        ))
        .into());
    }
    let revoked = super::on_database(config, async |database| {
        database.migrate().await?;
        find_and_revoke(&database.orm(), given).await
    });
    let (token, at, now) = revoked.await?;
    if args.output.json {
        let shown = json!({"id": token.id, "revokedAt": at, "revokedNow": now});
        return super::print(&shown.to_string());
    }
    let name = format!("{} ({})", token.id, token.prefix);
    if now {
        return super::print(&format!(
            "Revoked {name}. Running servers refuse it at once."
        ));
    }
    let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    super::print(&format!("{name} is revoked since {at}."))
}

/// Characters of a token by which it is recognized.
const PREFIX_LENGTH: usize = 9;
/// Characters of a token behind `cg_`.
const RANDOM_LENGTH: usize = 43;

/// Whether this is a token and not only how one begins.
fn is_whole(given: &str) -> bool {
    let is_random = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    given
        .strip_prefix("cg_")
        .is_some_and(|random| random.len() == RANDOM_LENGTH && random.bytes().all(is_random))
}

/// What was given, as an error may show it: no more of what may be most of a token than names one.
fn shown(given: &str) -> String {
    let mut shown: String = given.chars().take(PREFIX_LENGTH).collect();
    if !given.starts_with("cg_") || shown.len() == given.len() {
        return given.to_owned();
    }
    shown.push('…');
    shown
}

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
        let given = shown(given);
        format!("there is no token {given}: closegraph token list shows those there are")
    })?;
    let by = Actor::command("closegraph token revoke");
    let now =
        closegraph_api::token::revoke(orm.get_postgres_connection_pool(), token.id, by).await?;
    let token = Entity::find_by_id(token.id).one(orm).await?;
    let token = token.context("the token is gone")?;
    let at = token.revoked_at.context("the token is not revoked")?;
    Ok((token, at, now))
}
