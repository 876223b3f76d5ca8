//! `closegraph session`: who is signed in by browser, and the end of that.

use super::count;
use crate::cli::EndArgs;
use crate::config::Config;
use crate::database::Database;
use chrono::{DateTime, Utc};
use closegraph_api::{Actor, record_access};
use closegraph_entity::access_entry::Action;
use comfy_table::{Table, presets};
use serde_json::json;
use uuid::Uuid;

/// A session that works still, as far as its own times and its token say.
const LIST: &str = "
    select s.id, coalesce(t.name, s.subject || ' of ' || s.issuer) as who, t.prefix, coalesce(t.role, s.role) as role,
           s.created_at, s.used_at, least(s.expires_at, t.expires_at) as expires_at
      from browser_session s
      left join api_token t on t.id = s.token_id
     where s.expires_at > now() and s.used_at > now() - make_interval(secs => $1)
       and (s.token_id is null or (t.revoked_at is null and (t.expires_at is null or t.expires_at > now())))
     order by s.created_at desc, s.id";

const END: &str = "
    delete from browser_session where id = $1 or subject = $2 or $3";

#[derive(sqlx::FromRow)]
struct Shown {
    id: Uuid,
    who: String,
    prefix: Option<String>,
    role: String,
    created_at: DateTime<Utc>,
    used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

pub(super) async fn list(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let idle = f64::from(u32::try_from(config.sign_in.idle_s)?);
    let found: Vec<Shown> = super::on_database(config, async |database| {
        database.migrate().await?;
        let found = sqlx::query_as(LIST).bind(idle).fetch_all(&database.pool);
        Ok(found.await?)
    })
    .await?;
    if as_json {
        let describe = |session: &Shown| {
            json!({
                "id": session.id, "who": session.who, "tokenPrefix": session.prefix, "role": session.role,
                "createdAt": session.created_at, "usedAt": session.used_at, "expiresAt": session.expires_at,
            })
        };
        let rows: Vec<_> = found.iter().map(describe).collect();
        return super::print(&serde_json::to_string_pretty(&rows)?);
    }
    if found.is_empty() {
        return super::print("Nobody is signed in by browser.");
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["ID", "WHO", "TOKEN", "ROLE", "SINCE", "LAST USED", "UNTIL"]);
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
    for session in found {
        table.add_row([
            session.id.to_string(),
            // A name is free text: what steers a terminal is not printed.
            session.who.replace(char::is_control, "\u{fffd}"),
            session.prefix.unwrap_or_default(),
            session.role,
            time(session.created_at),
            time(session.used_at),
            time(session.expires_at),
        ]);
    }
    super::print(&table.to_string())
}

pub(super) async fn end(config: &Config, args: &EndArgs) -> anyhow::Result<()> {
    let ended = super::on_database(config, async |database| {
        database.migrate().await?;
        end_in(database, args).await
    })
    .await?;
    anyhow::ensure!(
        ended > 0 || args.which.all,
        "there is no such session: closegraph session list shows those there are"
    );
    if args.output.json {
        return super::print(&json!({ "ended": ended }).to_string());
    }
    super::print(&format!("Ended {}", count(ended, "session")))
}

/// How many were ended, together with the entry of the access log.
async fn end_in(database: &Database, args: &EndArgs) -> anyhow::Result<u64> {
    let mut transaction = database.pool.begin().await?;
    let ended = sqlx::query(END)
        .bind(args.which.id)
        .bind(&args.which.subject)
        .bind(args.which.all)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
    if ended > 0 {
        let by = Actor::command("closegraph session end");
        let details = json!({ "sessions": ended });
        let (action, session) = (Action::SignedOut, args.which.id);
        record_access(&mut transaction, by, action, None, session, details).await?;
    }
    transaction.commit().await?;
    Ok(ended)
}
