//! The server is killed again and again while Close is being worked in: nothing is lost, nothing is there twice.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking and says its seed"
)]

use closegraph_tests::{CloseSim, DataDir, Serving, WAITING, free_port};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value};
use sqlx::PgPool;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The first half of the kills falls into the backfill, which has 60 pages of 200 leads. The simulator serves at most
/// six of them a second, so that no machine is fast enough to be through before.
const KILLS: usize = 20;
const LEADS: &str = "12000";
const REQUESTS_A_SECOND: &str = "6";
/// Actions a second of the people in the organization.
const TRAFFIC: &str = "40";
/// Kills of the first half that wait for the backfill to run; the others fall anywhere, the start included.
const CERTAIN: usize = 8;

/// A deployment that is killed and started again.
struct Patient {
    // Dropped in this order: the server, the simulator, then the Postgres that the server left.
    serving: Option<Serving>,
    sim: CloseSim,
    port: u16,
    data_dir: DataDir,
    dice: StdRng,
    /// Backfill runs that were seen, in whatever life.
    runs: HashSet<Uuid>,
}

impl Patient {
    fn new(seed: u64) -> Self {
        let sim = CloseSim::start(&[
            "--leads",
            LEADS,
            "--traffic",
            TRAFFIC,
            "--rate-limit",
            REQUESTS_A_SECOND,
            "--rate-limit-window",
            "1",
            "--retry-first-ms",
            "300",
            "--retry-max-ms",
            "1000",
        ]);
        Self {
            serving: None,
            sim: sim.unwrap(),
            port: free_port().unwrap(),
            data_dir: DataDir::new().unwrap(),
            dice: StdRng::seed_from_u64(seed),
            runs: HashSet::new(),
        }
    }

    fn start(&mut self) {
        let public_url = format!("http://127.0.0.1:{}/", self.port);
        let variables = [
            ("CLOSE_API_KEY", self.sim.api_key()),
            ("CLOSE_BASE_URL", self.sim.base_url()),
            ("CLOSEGRAPH_HTTP_PUBLIC_URL", public_url.as_str()),
            ("CLOSEGRAPH_SYNC_POLL_MS", "200"),
            ("CLOSEGRAPH_LOG_FILTER", "warn"),
        ];
        self.serving = Some(Serving::start(&self.data_dir, self.port, &variables).unwrap());
    }

    fn kill(&mut self) {
        self.serving.take().unwrap().kill().unwrap();
    }

    /// Waits for a moment that the dice choose.
    async fn wait(&mut self, milliseconds: std::ops::Range<u64>) {
        let moment = self.dice.random_range(milliseconds);
        tokio::time::sleep(Duration::from_millis(moment)).await;
    }

    /// Waits until this life has begun a backfill run of its own.
    async fn backfill_runs(&mut self) {
        let pool = self.data_dir.connect().await.unwrap();
        let start = Instant::now();
        loop {
            let running = "select id from sync_run where status = 'running'";
            // No table yet is no run yet.
            let found: Option<Uuid> = sqlx::query_scalar(running)
                .fetch_optional(&pool)
                .await
                .unwrap_or_default();
            if found.is_some_and(|run| self.runs.insert(run)) {
                return;
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "no backfill starts"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_twenty_times_loses_nothing_and_doubles_nothing() {
    let given = std::env::var("CRASH_SEED").ok();
    let seed = given.map_or_else(rand::random, |seed| seed.parse().unwrap());
    eprintln!("the moments of this run are repeated with CRASH_SEED={seed}");
    let mut patient = Patient::new(seed);
    patient.start();
    for kill in 0..KILLS {
        if kill >= KILLS / 2 {
            patient.wait(200..2_500).await;
        } else if kill % 5 == 0 {
            patient.wait(0..1_500).await;
        } else {
            patient.backfill_runs().await;
            patient.wait(0..600).await;
        }
        patient.kill();
        patient.start();
    }
    let pool = settle(&mut patient).await;

    let cut = "select count(*) from sync_run where kind = 'backfill' and status = 'interrupted'";
    let cut = count(&pool, cut).await;
    assert!(
        cut >= i64::try_from(CERTAIN).unwrap(),
        "only {cut} backfills were cut"
    );
    let deliveries = count(
        &pool,
        "select count(*) from event where delivered_at is not null",
    )
    .await;
    assert!(deliveries > 100, "only {deliveries} deliveries");
    eprintln!("{cut} backfills were cut, {deliveries} deliveries came");
    companies_are_the_leads(&pool, &patient.sim).await;
    people_are_the_contacts(&pool, &patient.sim).await;
    opportunities_are_the_same_and_booked_once_won(&pool, &patient.sim).await;
    the_trail_tells_each_write_once(&pool).await;
}

/// Stops the people, and waits until the server has nothing left to do.
async fn settle(patient: &mut Patient) -> PgPool {
    patient.sim.set_traffic(0.0).await.unwrap();
    let serving = patient.serving.as_mut().unwrap();
    serving.ready().await.unwrap();
    patient.sim.idle(Duration::from_secs(60)).await.unwrap();
    let pool = patient.data_dir.connect().await.unwrap();
    let start = Instant::now();
    loop {
        let waiting = count(&pool, WAITING).await;
        let done = "select count(*) from sync_run where kind = 'backfill' and status = 'succeeded'";
        let done = count(&pool, done).await;
        if (waiting, done) == (0, 1) {
            return pool;
        }
        assert!(
            start.elapsed() < Duration::from_secs(90),
            "{waiting} events wait, {done} backfills succeeded"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn count(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

/// The answer of a query for `(close_id, jsonb)`, by Close id.
async fn mirrored(pool: &PgPool, query: &'static str) -> BTreeMap<String, Value> {
    let rows: Vec<(String, Value)> = sqlx::query_as(query).fetch_all(pool).await.unwrap();
    let found = rows.len();
    let by_id: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(by_id.len(), found, "a record is there twice");
    by_id
}

/// Compares what is mirrored with what Close holds, as `shown` writes it.
async fn compare(
    sim: &CloseSim,
    object_type: &str,
    mirrored: &BTreeMap<String, Value>,
    shown: impl Fn(&Value) -> Value,
) {
    let mut objects = BTreeMap::new();
    for object in sim.objects(object_type).await.unwrap() {
        objects.insert(object["id"].as_str().unwrap().to_owned(), shown(&object));
    }
    let missing: Vec<_> = objects
        .keys()
        .filter(|id| !mirrored.contains_key(*id))
        .collect();
    let extra: Vec<_> = mirrored
        .keys()
        .filter(|id| !objects.contains_key(*id))
        .collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{object_type}: missing {missing:?}, extra {extra:?}"
    );
    let other: Vec<_> = mirrored
        .iter()
        .filter(|(id, row)| objects[*id] != **row)
        .collect();
    assert!(
        other.is_empty(),
        "{} of {object_type} differ, such as {:?}, which should be {}",
        other.len(),
        other[0],
        objects[other[0].0]
    );
}

/// Empty text and null both mean "none"; Postgres knows no NUL.
fn text(value: &Value) -> Value {
    let filled = value.as_str().filter(|text| !text.trim().is_empty());
    filled.map_or(Value::Null, |text| text.replace('\0', "").into())
}

fn custom(object: &Value) -> Value {
    let fields = object.as_object().unwrap().iter();
    let fields = fields.filter_map(|(key, value)| {
        let id = key.strip_prefix("custom.")?;
        (!value.is_null()).then(|| (id.to_owned(), value.clone()))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

/// A contact's edit moves the date of its lead without an event, so that dates are not compared here.
async fn companies_are_the_leads(pool: &PgPool, sim: &CloseSim) {
    let companies = mirrored(
        pool,
        "select close_id, jsonb_build_object('name', name, 'url', url, 'description', description,
            'status', status_id, 'label', status_label, 'custom', custom) from company",
    )
    .await;
    compare(sim, "lead", &companies, |lead| {
        let name = Some(text(&lead["name"])).filter(|name| !name.is_null());
        serde_json::json!({
            "name": name.unwrap_or_else(|| text(&lead["display_name"])), "url": text(&lead["url"]),
            "description": text(&lead["description"]), "status": lead["status_id"],
            "label": lead["status_label"], "custom": custom(lead),
        })
    })
    .await;
}

async fn people_are_the_contacts(pool: &PgPool, sim: &CloseSim) {
    let people = mirrored(
        pool,
        r#"select close_id, jsonb_build_object(
            'version', to_char(source_updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
            'company', (select close_id from company where company.id = company_id),
            'title', title, 'custom', custom) from person"#,
    )
    .await;
    compare(sim, "contact", &people, |contact| {
        serde_json::json!({
            "version": contact["date_updated"], "company": contact["lead_id"],
            "title": text(&contact["title"]), "custom": custom(contact),
        })
    })
    .await;
}

async fn opportunities_are_the_same_and_booked_once_won(pool: &PgPool, sim: &CloseSim) {
    let version = |deal: &Value| deal["date_updated"].clone();
    let deals = mirrored(
        pool,
        r#"select close_id, jsonb_build_object(
            'version', to_char(source_updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
            'company', (select close_id from company where company.id = company_id),
            'status', status, 'label', status_label, 'value', value_minor, 'currency', currency,
            'day', coalesce(won_on, expected_on), 'custom', custom) from opportunity"#,
    )
    .await;
    compare(sim, "opportunity", &deals, |deal| {
        serde_json::json!({
            "version": version(deal), "company": deal["lead_id"], "status": deal["status_type"],
            "label": deal["status_label"], "value": deal["value"], "currency": deal["value_currency"],
            "day": deal["date_won"], "custom": custom(deal),
        })
    })
    .await;
    let booked = mirrored(
        pool,
        "select close_id, jsonb_build_object('value', amount_minor, 'currency', currency, 'day', occurred_on)
           from transaction where kind = 'won_deal'",
    )
    .await;
    let mut won = BTreeMap::new();
    for deal in sim.objects("opportunity").await.unwrap() {
        if deal["status_type"] == "won" {
            let shown = serde_json::json!({
                "value": deal["value"], "currency": deal["value_currency"], "day": deal["date_won"],
            });
            won.insert(deal["id"].as_str().unwrap().to_owned(), shown);
        }
    }
    assert!(!won.is_empty());
    assert!(
        booked == won,
        "{} transactions, {} won deals",
        booked.len(),
        won.len()
    );
    let unpaid = "select count(*) from receivable r
         where coalesce(r.paid_minor, 0) <> (select coalesce(sum(t.amount_minor), 0) from transaction t
                where t.receivable_id = r.id and t.currency = r.currency)";
    assert_eq!(
        count(pool, unpaid).await,
        0,
        "payments that do not add up to what was paid"
    );
}

/// Each write has one audit entry and one feed entry, and each record's entries follow from one another.
async fn the_trail_tells_each_write_once(pool: &PgPool) {
    let unpaired = "with a as (select record_type, record_id, action, at, changed_fields, count(*) from audit_entry group by 1, 2, 3, 4, 5),
              f as (select record_type, record_id, action, at, changed_fields, count(*) from change_feed group by 1, 2, 3, 4, 5)
         select count(*) from ((table a except table f) union all (table f except table a)) unpaired";
    assert_eq!(count(pool, unpaired).await, 0, "audit and feed differ");
    let out_of_turn = "select count(*) from (
            select action, lag(action) over (partition by record_id order by seq) as before from audit_entry) entry
         where (action = 'created') <> (before is null or before = 'deleted')";
    assert_eq!(
        count(pool, out_of_turn).await,
        0,
        "created twice, or written while gone"
    );
    let present = "with record as (select id from company union all select id from person
              union all select id from opportunity union all select id from transaction union all select id from receivable
              union all select id from member),
          told as (select distinct on (record_id) record_id, action from audit_entry order by record_id, seq desc)
         select count(*) from record full join told on told.record_id = record.id
          where (record.id is null) <> (told.action = 'deleted')
             or told.record_id is null";
    assert_eq!(
        count(pool, present).await,
        0,
        "the trail's last word is not what is there"
    );
    let broken = "select count(*) from (
            select e.value->'from' as came,
                   lag(e.value->'to') over (partition by record_id, e.key order by seq) as was
              from audit_entry, jsonb_each(changes) e
             where record_id not in (select record_id from audit_entry where action = 'deleted')
               -- Each tells of another line.
               and e.key <> 'line_items') step
         where was is not null and came is distinct from was";
    assert_eq!(
        count(pool, broken).await,
        0,
        "a change does not start where the one before ended"
    );
    let last_words = "with present as (
            select id, to_jsonb(company) as columns from company union all select id, to_jsonb(person) from person
            union all select id, to_jsonb(opportunity) from opportunity),
          told as (select distinct on (record_id, e.key) record_id, e.key, e.value->'to' as value
                     from audit_entry, jsonb_each(changes) e order by record_id, e.key, seq desc)
         select count(*), count(*) filter (where columns->key is distinct from value)
           from told join present on id = record_id
          where key in ('name', 'description', 'title', 'status', 'status_label', 'value_minor', 'confidence', 'note')";
    let (compared, other): (i64, i64) = sqlx::query_as(last_words).fetch_one(pool).await.unwrap();
    assert_eq!(other, 0, "a column is not what the trail told last");
    assert!(compared > 10, "only {compared} columns were changed");
    eprintln!("{compared} columns are what the trail told last");
}
