//! An organization with a person whose every word is found nowhere else, and a search of the whole database.

use assert_cmd::Command;
use close_sim::SimulatorConfig;
use closegraph_sync::{Schedule, SyncOptions};
use closegraph_tests::{Database, Mirror, program};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;
use uuid::Uuid;

/// Words of the person, in whatever it is written.
pub(crate) const WORDS: [&str; 9] = [
    "zephyrine",
    "quandt",
    "ornithologist",
    "zq@feathers",
    "maiden.name",
    "2025550143",
    "feathers.example",
    "nightjar",
    "later-word",
];

/// A mirror of which everything is done by hand.
pub(crate) async fn mirror() -> Mirror {
    let config = SimulatorConfig {
        leads: 60,
        traffic_per_second: 0.0,
        ..SimulatorConfig::default()
    };
    let never = Duration::from_secs(1_000_000);
    let options = SyncOptions {
        poll: Duration::from_millis(100),
        schedule: Schedule {
            catch_up: never,
            sweep: never,
            verify: never,
            settings: never,
            subscription: never,
        },
        ..SyncOptions::default()
    };
    let mirror = Mirror::start(config, options).await.unwrap();
    mirror.settle().await.unwrap();
    mirror
}

/// The person, at a company that has no name of its own, with a won deal.
#[derive(Debug)]
pub(crate) struct Someone {
    pub(crate) contact: String,
    pub(crate) lead: String,
    pub(crate) deal: String,
    pub(crate) id: Uuid,
}

/// Writes the person into Close, bit by bit, and waits for it all to arrive.
pub(crate) async fn someone(mirror: &Mirror) -> Someone {
    let nickname = nickname(mirror).await;
    let mut contact = json!({
        "name": "Zephyrine Maiden.Name",
        "title": "Chief Ornithologist",
        "emails": [{ "type": "office", "email": "ZQ@feathers.example" }],
        "phones": [{ "type": "mobile", "phone": "+12025550143" }],
        "urls": [{ "type": "url", "url": "https://feathers.example/zephyrine" }],
    });
    contact[&nickname] = json!("Nightjar");
    let lead = json!({ "contacts": [contact, { "name": "Bob Other" }] });
    write(mirror, Method::POST, "lead/", &lead).await;
    mirror.settle().await.unwrap();
    let (id, contact, lead): (Uuid, String, String) = sqlx::query_as(
        "select p.id, p.close_id, c.close_id from person p join company c on c.id = p.company_id
          where p.primary_email ilike 'zq@feathers.example'",
    )
    .fetch_one(&mirror.database.pool)
    .await
    .unwrap();
    let deal =
        json!({ "lead_id": lead, "contact_id": contact, "value": 12_300, "note": "a feather bed" });
    write(mirror, Method::POST, "opportunity/", &deal).await;
    let renamed = json!({ "name": "Zephyrine Quandt" });
    let path = format!("contact/{contact}/");
    write(mirror, Method::PUT, &path, &renamed).await;
    mirror.settle().await.unwrap();
    let deal: String =
        sqlx::query_scalar("select close_id from opportunity where note = 'a feather bed'")
            .fetch_one(&mirror.database.pool)
            .await
            .unwrap();
    let won: String = sqlx::query_scalar(
        "select status_id from opportunity where status = 'won' and status_id is not null limit 1",
    )
    .fetch_one(&mirror.database.pool)
    .await
    .unwrap();
    let path = format!("opportunity/{deal}/");
    write(mirror, Method::PUT, &path, &json!({ "status_id": won })).await;
    // The company's name is a copy of the person's.
    let path = format!("lead/{lead}/");
    write(
        mirror,
        Method::PUT,
        &path,
        &json!({ "description": "nests" }),
    )
    .await;
    mirror.settle().await.unwrap();
    Someone {
        contact,
        lead,
        deal,
        id,
    }
}

/// The key of a custom text of contacts.
pub(crate) async fn nickname(mirror: &Mirror) -> String {
    let id: String = sqlx::query_scalar(
        "select close_id from custom_field where record_type = 'person' and name = 'Nickname'",
    )
    .fetch_one(&mirror.database.pool)
    .await
    .unwrap();
    format!("custom.{id}")
}

pub(crate) async fn write(mirror: &Mirror, method: Method, path: &str, body: &Value) {
    mirror.close.write(method, path, body).await.unwrap();
}

/// The columns of all tables in which a word of the person stands, as table.column.
pub(crate) async fn places(database: &Database) -> BTreeSet<String> {
    places_of(database, &WORDS).await
}

/// The columns of all tables in which one of the words stands, in small letters.
pub(crate) async fn places_of(database: &Database, words: &[&str]) -> BTreeSet<String> {
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "select c.table_name::text, c.column_name::text, c.data_type::text
           from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
          where c.table_schema = 'public' and t.table_type = 'BASE TABLE'
            and c.data_type in ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    assert!(columns.len() > 80, "{columns:?}");
    let mut found = BTreeSet::new();
    for (table, column, kind) in columns {
        let text = match kind.as_str() {
            "bytea" => format!("encode({column}, 'escape')"),
            _ => format!("{column}::text"),
        };
        // Numbers are written with spaces and brackets, too.
        let sql = format!(
            "select exists (select from {table} t, unnest($1::text[]) word
              where strpos(lower({text}), word) > 0 or strpos(regexp_replace({text}, '[^0-9a-z@.-]', '', 'g'), word) > 0)"
        );
        let stands: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(words)
            .fetch_one(&database.pool)
            .await
            .unwrap();
        if stands {
            found.insert(format!("{table}.{column}"));
        }
    }
    found
}

/// Runs a command on the database.
pub(crate) fn command(database: &Database, args: &[&str]) -> Output {
    Command::new(program().unwrap())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DATABASE_URL", database.url())
        .env("CLOSEGRAPH_LOG_FILTER", "warn")
        .current_dir("/")
        .args(args)
        .output()
        .unwrap()
}

/// What a command prints that succeeds.
pub(crate) fn print(database: &Database, args: &[&str]) -> String {
    let done = command(database, args);
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{args:?}: {error}");
    String::from_utf8(done.stdout).unwrap()
}

/// What a command says that is refused, with its exit code.
pub(crate) fn refusal(database: &Database, args: &[&str]) -> (Option<i32>, String) {
    let done = command(database, args);
    assert!(!done.status.success());
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}
