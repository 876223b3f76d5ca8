//! Two connections of one database, told of the same history: one in order, through the door itself, the other as it
//! may come, through signed deliveries, the inbox and its worker. Close answers re-reads with what it holds in the end.

use crate::history::{FAMILY, History};
use crate::object::INVOICE_TYPE;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use closegraph_entity::record::{Origin, line_id, payment_id, record_id, won_deal_id};
use closegraph_sync::apply::{Outcome, apply};
use closegraph_sync::change::{Change, Content, changes_of_event};
use closegraph_sync::close::Object;
use closegraph_sync::{SyncOptions, SyncService};
use closegraph_tests::{Database, SETTLED, sign, vault};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

const IN_ORDER: Uuid = Uuid::from_u128(0x0001_0000_0000_4000_8000_0000_0000_0001);
const AS_IT_CAME: Uuid = Uuid::from_u128(0x0002_0000_0000_4000_8000_0000_0000_0002);
const KEY: &str = "b9260244ef33625f9b4b26a27db08758cdd39478b852c73f2d33ab042eb8abb4";

type Truth = Arc<Mutex<BTreeMap<String, Value>>>;

pub(crate) struct Arena {
    database: Database,
    service: SyncService,
    truth: Truth,
}

impl Arena {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        // A crash is not what this is about.
        let database = Database::start(&[("synchronous_commit", "off")]).await?;
        let truth = Truth::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}/", listener.local_addr()?);
        let router = axum::Router::new()
            .route("/{kind}/{id}/", get(object))
            .with_state(Arc::clone(&truth));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let vault = vault()?;
        for id in [IN_ORDER, AS_IT_CAME] {
            let seal = |place, secret: &str| vault.seal(id, place, &SecretString::from(secret));
            // Paused: nothing runs by itself but the inbox.
            sqlx::query(
                "insert into connection (id, source, auth_method, status, organization_id, currency, base_url,
                                         credential, webhook_signing_key)
                 values ($1, 'close', 'api_key', 'paused', $1::text, 'USD', $2, $3, $4)",
            )
            .bind(id)
            .bind(&base_url)
            .bind(seal("api_key", "api_key")?)
            .bind(seal("signing_key", KEY)?)
            .execute(&database.pool)
            .await?;
            sqlx::query(
                "insert into invoice_mapping (connection_id, state, origin, mapping)
                 values ($1, 'active', 'person', $2::jsonb)",
            )
            .bind(id)
            .bind(invoice_mapping().to_string())
            .execute(&database.pool)
            .await?;
        }
        let options = SyncOptions {
            workers: 1,
            poll: Duration::from_millis(5),
            ..SyncOptions::default()
        };
        let service = SyncService::new(database.pool.clone(), vault, options);
        Ok(Self {
            database,
            service,
            truth,
        })
    }

    /// Forgets the histories before and tells Close of a new one.
    pub(crate) async fn begin(&self, history: &History) -> anyhow::Result<()> {
        *self.truth.lock().unwrap() = history.truth.clone();
        let tables =
            "company, person, opportunity, transaction, custom_record, receivable, receivable_line,
                      paid_amount, tombstone, delivery, event, audit_entry, change_feed";
        let forget = sqlx::AssertSqlSafe(format!("truncate {tables}"));
        sqlx::query(forget).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Applies the events one after the other. What has to be read again is.
    pub(crate) async fn in_order(&self, history: &History) -> anyhow::Result<Vec<Value>> {
        let context = self.service.connections().mapping(IN_ORDER).await?;
        let mut transaction = self.database.pool.begin().await?;
        for event in &history.events {
            let changes = changes_of_event(&event.to_string(), Uuid::nil(), Origin::Webhook)?;
            let outcomes = apply(&mut transaction, &context, None, changes.clone()).await?;
            for (change, outcome) in changes.into_iter().zip(outcomes) {
                if matches!(outcome, Outcome::Tie | Outcome::Incomplete) {
                    let again = vec![reread(change, &history.truth)?];
                    apply(&mut transaction, &context, None, again).await?;
                }
            }
        }
        transaction.commit().await?;
        self.mirrored(IN_ORDER).await
    }

    /// Delivers events, batch by batch, each worked off before the next.
    pub(crate) async fn as_it_comes(&self, batches: &[Vec<&Value>]) -> anyhow::Result<Vec<Value>> {
        for batch in batches {
            for event in batch {
                let body = json!({"subscription_id": "whsub_a", "event": event}).to_string();
                anyhow::ensure!(self.deliver(body).await? == StatusCode::OK, "{event}");
            }
            self.work_off().await?;
        }
        self.mirrored(AS_IT_CAME).await
    }

    /// Has every event worked off once more.
    pub(crate) async fn replay(&self) -> anyhow::Result<Vec<Value>> {
        let replay = format!("update event set {}", closegraph_entity::event::REPLAY);
        sqlx::query(sqlx::AssertSqlSafe(replay))
            .execute(&self.database.pool)
            .await?;
        self.work_off().await?;
        self.mirrored(AS_IT_CAME).await
    }

    async fn deliver(&self, body: String) -> anyhow::Result<StatusCode> {
        let timestamp = chrono::Utc::now().timestamp().to_string();
        let hash = sign(KEY, &timestamp, body.as_bytes())?;
        let request = Request::post(format!("/webhooks/close/{AS_IT_CAME}"))
            .header("close-sig-timestamp", timestamp)
            .header("close-sig-hash", hash)
            .body(Body::from(body))?;
        Ok(self.service.router().oneshot(request).await?.status())
    }

    async fn work_off(&self) -> anyhow::Result<()> {
        let (service, stop) = (self.service.clone(), CancellationToken::new());
        let working = tokio::spawn({
            let stop = stop.clone();
            async move { service.run(stop).await }
        });
        let start = Instant::now();
        while !sqlx::query_scalar::<_, bool>(SETTLED)
            .fetch_one(&self.database.pool)
            .await?
        {
            anyhow::ensure!(
                start.elapsed() < Duration::from_secs(10),
                "never worked off"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stop.cancel();
        Ok(working.await?)
    }

    /// All rows of a connection in words that do not depend on it, without what our own clock says.
    async fn mirrored(&self, connection: Uuid) -> anyhow::Result<Vec<Value>> {
        let named = names(connection);
        let mut rows = Vec::new();
        for table in [
            "company",
            "person",
            "opportunity",
            "transaction",
            "custom_record",
            "receivable",
            "receivable_line",
            "tombstone",
        ] {
            let select = format!(
                "select (to_jsonb(t) - '{{connection_id,synced_at,recorded_at,event_id}}'::text[])::text
                   from {table} t where connection_id = $1 order by close_id"
            );
            let found: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(select))
                .bind(connection)
                .fetch_all(&self.database.pool)
                .await?;
            for row in found {
                let row = named
                    .iter()
                    .fold(row, |row, (id, name)| row.replace(id, name));
                let mut row: Value = serde_json::from_str(&row)?;
                row["table"] = table.into();
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// What is wrong with the trail of the disordered connection, in words; nothing, if all is well.
    pub(crate) async fn trail_defects(&self) -> anyhow::Result<Vec<String>> {
        type Entry = (String, String, String, Vec<String>, String);
        let entries = |table: &str| {
            let select = format!(
                "select record_type, record_id::text || ' ' || close_id, action, changed_fields, at::text from {table}
                  where connection_id = $1 order by seq"
            );
            sqlx::query_as(sqlx::AssertSqlSafe(select))
                .bind(AS_IT_CAME)
                .fetch_all(&self.database.pool)
        };
        let audit: Vec<Entry> = entries("audit_entry").await?;
        let feed: Vec<Entry> = entries("change_feed").await?;
        let mut defects = Vec::new();
        if audit != feed {
            defects.push(format!("the feed is {feed:?}, the audit trail {audit:?}"));
        }
        let mut alive: BTreeMap<(&str, &str), bool> = BTreeMap::new();
        for entry in &audit {
            let (record_type, close_id, action, _, _) = entry;
            let living = alive.entry((record_type, close_id)).or_default();
            if *living == (action == "created") {
                defects.push(format!("{entry:?} of a record that is alive: {living}"));
            }
            *living = action != "deleted";
        }
        let doubled: Vec<String> = sqlx::query_scalar(
            "select a.record_type || ' ' || a.close_id || ' ' || a.action || ' ' || coalesce(a.changes::text, '')
               from audit_entry a where a.connection_id = $1 and a.event_id is not null
              group by a.record_type, a.record_id, a.close_id, a.action, a.event_id, a.changes having count(*) > 1",
        )
        .bind(AS_IT_CAME)
        .fetch_all(&self.database.pool)
        .await?;
        defects.extend(doubled.into_iter().map(|entry| format!("twice: {entry}")));
        let mut rows = self.mirrored(AS_IT_CAME).await?;
        // Neither has a trail of its own: an invoice tells of both.
        rows.retain(|row| row["table"] != "custom_record" && row["table"] != "receivable_line");
        let rows = rows.len();
        let dead: i64 =
            sqlx::query_scalar("select count(*) from tombstone where connection_id = $1")
                .bind(AS_IT_CAME)
                .fetch_one(&self.database.pool)
                .await?;
        let living = alive.values().filter(|living| **living).count();
        if living + usize::try_from(dead)? != rows {
            defects.push(format!(
                "{living} live by the trail, {rows} rows with {dead} tombstones"
            ));
        }
        let lost: Vec<String> = sqlx::query_scalar(
            "select action || ' ' || object_id || ': ' || error from event where state = 'dead'",
        )
        .fetch_all(&self.database.pool)
        .await?;
        defects.extend(lost.into_iter().map(|event| format!("dead: {event}")));
        Ok(defects)
    }

    /// Entries of the audit trail, but for those that tell of nothing but some columns.
    pub(crate) async fn entries(&self, but: &[&str]) -> anyhow::Result<i64> {
        let count = "select count(*) from audit_entry
                      where connection_id = $1 and (changed_fields = '{}' or not changed_fields <@ $2::text[])";
        let count = sqlx::query_scalar(count).bind(AS_IT_CAME).bind(but);
        Ok(count.fetch_one(&self.database.pool).await?)
    }
}

/// How the family keeps its invoices.
fn invoice_mapping() -> Value {
    json!({
        "type_id": INVOICE_TYPE,
        "kind": "custom_object",
        "fields": {
            "amount": "cf_amount", "amount_paid": "cf_amount_paid", "status": "cf_status", "paid_on": "cf_paid_on",
            "currency": "cf_currency",
        },
        "lines": {
            "in": "text", "field": "cf_lines", "separator": ";",
            "columns": ["description", "quantity", "unit_price", "total"],
        },
        "status_words": {"sent": "issued", "paid": "paid", "void": "void"},
    })
}

/// What the family's records are called in place of their ids.
fn names(connection: Uuid) -> Vec<(String, String)> {
    let ids = FAMILY.iter().map(|(id, _)| *id).chain(["cont_b", "user_a"]);
    ids.flat_map(|id| {
        let places = (1..=32).flat_map(move |place| {
            [
                (
                    payment_id(connection, id, place),
                    format!("payment {place} {id}"),
                ),
                (line_id(connection, id, place), format!("line {place} {id}")),
            ]
        });
        let own = [
            (record_id(connection, id), id.to_owned()),
            (won_deal_id(connection, id), format!("won {id}")),
        ];
        own.into_iter().chain(places)
    })
    .map(|(id, name)| (id.to_string(), name))
    .collect()
}

/// The change that reading the object again makes.
fn reread(change: Change, truth: &BTreeMap<String, Value>) -> anyhow::Result<Change> {
    let origin = Origin::Reread;
    Ok(match truth.get(&change.close_id) {
        Some(object) => Change::read(
            change.object_type,
            Object::parse(&object.to_string())?,
            origin,
        )?,
        None => Change {
            content: Content::Deleted { merged_into: None },
            origin,
            ..change
        },
    })
}

async fn object(State(truth): State<Truth>, Path((_, id)): Path<(String, String)>) -> Response {
    let found = truth.lock().unwrap().get(&id).cloned();
    // Told so, the client does not space its requests.
    let unlimited = [("ratelimit", "limit=100000, remaining=99999, reset=1")];
    match found {
        Some(object) => (unlimited, axum::Json(object)).into_response(),
        None => (StatusCode::NOT_FOUND, unlimited, "{}").into_response(),
    }
}
