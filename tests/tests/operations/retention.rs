//! What is old goes, in its time; what waits or is dead stays.

use crate::deployment::Deployment;
use closegraph_sync::inbox::Retention;
use closegraph_sync::{SyncOptions, SyncService};
use closegraph_tests::{Database, vault};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const STATES: [&str; 8] = [
    "pending",
    "failed",
    "dead",
    "applied",
    "unchanged",
    "stale",
    "ignored",
    "discarded",
];
const AGES: [i32; 3] = [10, 40, 100];
/// More than two batches of each kind.
const EACH: i32 = 2_100;

/// Events of every state and age. Nobody works them off: their next attempt is tomorrow, or never.
async fn fill(database: &Database) {
    let connection = Uuid::new_v4();
    sqlx::query(
        "insert into connection (id, source, auth_method, status, organization_id, currency, base_url)
         values ($1, 'close', 'api_key', 'paused', 'orga_x', 'USD', 'http://127.0.0.1:9/')",
    )
    .bind(connection)
    .execute(&database.pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id, action,
                            payload, state, next_attempt_at, received_at, finished_at)
         select gen_random_uuid(), $1, 'webhook', 'ev_' || n || state || age, now(), 'lead', 'lead_' || n, 'updated', '{}',
                state, case when n % 2 = 0 then 'infinity' else now() + interval '1 day' end,
                now() - age * interval '1 day',
                case when state not in ('pending', 'failed') then now() - age * interval '1 day' end
           from unnest($2::text[]) state, unnest($3::int[]) age, generate_series(1, $4) n",
    )
    .bind(connection)
    .bind(STATES.as_slice())
    .bind(AGES.as_slice())
    .bind(EACH)
    .execute(&database.pool)
    .await
    .unwrap();
    sqlx::raw_sql("analyze event")
        .execute(&database.pool)
        .await
        .unwrap();
}

/// Rows and bodies by state and age.
async fn kept(database: &Database) -> BTreeMap<(String, i32), (i64, i64)> {
    let rows: Vec<(String, i32, i64, i64)> = sqlx::query_as(
        "select state, extract(day from now() - received_at)::int, count(*), count(payload) from event group by 1, 2",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(state, age, rows, bodies)| ((state, age), (rows, bodies)))
        .collect()
}

fn expected(retention: Retention) -> BTreeMap<(String, i32), (i64, i64)> {
    let each = i64::from(EACH);
    let passed = |days: u16, age: i32| days > 0 && age > i32::from(days);
    let all = STATES
        .iter()
        .flat_map(|state| AGES.map(|age| (*state, age)));
    let counted = all.filter_map(|(state, age)| {
        let open = ["pending", "failed", "dead"].contains(&state);
        let counts = match (
            open,
            passed(retention.row_days, age),
            passed(retention.body_days, age),
        ) {
            (true, _, _) | (false, false, false) => (each, each),
            (false, false, true) => (each, 0),
            (false, true, _) => return None,
        };
        Some(((state.to_owned(), age), counts))
    });
    counted.collect()
}

/// Runs a service until what is kept is as expected.
async fn run(database: &Database, retention: Retention) {
    let expected = expected(retention);
    run_until(database, retention, async || {
        kept(database).await == expected
    })
    .await;
}

/// Runs a service until something is so, for a minute at most.
async fn run_until(database: &Database, retention: Retention, is_so: impl AsyncFn() -> bool) {
    let options = SyncOptions {
        retention,
        ..SyncOptions::default()
    };
    let service = SyncService::new(database.pool.clone(), vault().unwrap(), options);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { service.run(stop).await }
    });
    let start = Instant::now();
    while !is_so().await {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{:?}",
            kept(database).await
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_go_before_rows_and_what_waits_or_is_dead_keeps_both() {
    let database = Database::start(&[]).await.unwrap();
    fill(&database).await;
    let before = kept(&database).await;
    assert_eq!(before.len(), STATES.len() * AGES.len());

    let forever = Retention {
        body_days: 0,
        row_days: 0,
        feed_days: 0,
        purge_days: 0,
    };
    run(&database, forever).await;
    assert_eq!(kept(&database).await, before);
    run(
        &database,
        Retention {
            body_days: 35,
            row_days: 0,
            ..Retention::default()
        },
    )
    .await;
    run(&database, Retention::default()).await;

    // What is to be trimmed is found by its index.
    let found: i64 = sqlx::query_scalar(
        "select pg_stat_get_numscans(oid) from pg_class where relname = 'event_body'",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert!(found > 0, "event_body is not used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_holds_is_not_waited_for() {
    let database = Database::start(&[]).await.unwrap();
    fill(&database).await;
    let mut holder = database.pool.begin().await.unwrap();
    sqlx::query("select from event where state = 'stale' for update")
        .execute(&mut *holder)
        .await
        .unwrap();
    let options = SyncOptions::default();
    let service = SyncService::new(database.pool.clone(), vault().unwrap(), options);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { service.run(stop).await }
    });
    let (each, mut wanted) = (i64::from(EACH), expected(Retention::default()));
    for age in AGES {
        wanted.insert(("stale".to_owned(), age), (each, each));
    }
    let start = Instant::now();
    while kept(&database).await != wanted {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{:?}",
            kept(&database).await
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.cancel();
    running.await.unwrap();
    holder.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trimmed_event_says_so_and_reads_its_object_again_when_it_is_replayed() {
    let mut deployment = Deployment::start(&[]).await;
    deployment.traffic(20.0, Duration::from_secs(4)).await;
    let (event, lead): (Uuid, String) = sqlx::query_as(
        "select e.id, e.object_id from event e join company c on c.close_id = e.object_id
          where e.origin = 'webhook' and e.action = 'updated' and e.state = 'applied' limit 1",
    )
    .fetch_one(&deployment.pool)
    .await
    .unwrap();
    let before = company(&deployment, &lead).await;
    assert!(before.is_some());
    sqlx::query("update event set finished_at = now() - interval '40 days', received_at = now() - interval '40 days'")
        .execute(&deployment.pool)
        .await
        .unwrap();
    deployment.stop().await;
    deployment.resume(&[]).await;
    deployment.wait("select count(*) filter (where payload is not null and received_at < now() - interval '39 days') = 0 from event").await;

    let id = event.to_string();
    let shown: Value = serde_json::from_str(&deployment.command(&["events", "show", &id])).unwrap();
    assert_eq!(
        (&shown["payload"], &shown["trimmed"]),
        (&Value::Null, &Value::Bool(true))
    );
    assert_eq!(shown["state"], "applied");
    let token = deployment.token();
    let query = format!(
        "{{ events(filter: {{ id: {{ eq: \"{id}\" }} }}) {{ nodes {{ state payload error }} }} }}"
    );
    let answer = deployment.ask(&token, &query).await;
    assert_eq!(
        answer["data"]["events"]["nodes"][0]["payload"],
        Value::Null,
        "{answer}"
    );

    // What the mirror has lost is there again, as Close has it now.
    sqlx::query("delete from company where close_id = $1")
        .bind(&lead)
        .execute(&deployment.pool)
        .await
        .unwrap();
    assert!(
        deployment
            .command(&["events", "replay", &id])
            .contains("1 event")
    );
    deployment.wait(closegraph_tests::SETTLED).await;
    assert_eq!(company(&deployment, &lead).await, before);
    let answer = deployment.ask(&token, &query).await;
    let node = &answer["data"]["events"]["nodes"][0];
    assert_eq!(node["state"], "APPLIED", "{answer}");
    assert_eq!(
        node["error"],
        "its body was trimmed: the object was read again"
    );

    // One of a type that is not modelled has no object to be read.
    sqlx::query("update event set object_type = 'group', payload = null where id = $1")
        .bind(event)
        .execute(&deployment.pool)
        .await
        .unwrap();
    deployment.command(&["events", "replay", &id]);
    deployment
        .wait("select state = 'ignored' from event where object_type = 'group'")
        .await;
}

async fn company(
    deployment: &Deployment,
    lead: &str,
) -> Option<(String, chrono::DateTime<chrono::Utc>)> {
    sqlx::query_as("select coalesce(name, ''), source_updated_at from company where close_id = $1")
        .bind(lead)
        .fetch_optional(&deployment.pool)
        .await
        .unwrap()
}

/// Entries of the feed by age, and one that no transaction here can have written.
#[tokio::test(flavor = "multi_thread")]
async fn entries_of_the_feed_go_in_their_time_and_leave_a_horizon() {
    let database = Database::start(&[]).await.unwrap();
    sqlx::query(
        "insert into connection (id, source, auth_method, status, organization_id, currency, base_url)
         values (gen_random_uuid(), 'close', 'api_key', 'paused', 'orga_x', 'USD', 'http://127.0.0.1:9/')",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    sqlx::raw_sql(
        "insert into change_feed (connection_id, record_type, record_id, close_id, action, at, recorded_at)
         select c.id, 'company', gen_random_uuid(), 'lead_' || n, 'updated', now(),
                now() - interval '1 day' * case when n <= 2100 then 40 else 10 end
           from connection c, generate_series(1, 2200) n order by n;
         insert into change_feed (xid, connection_id, record_type, record_id, close_id, action, at)
         select '9000000000000', id, 'company', gen_random_uuid(), 'lead_foreign', 'updated', now() from connection",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let settled = "select count(*) = 100 from change_feed";
    run_until(&database, Retention::default(), async || {
        sqlx::query_scalar(settled)
            .fetch_one(&database.pool)
            .await
            .unwrap()
    })
    .await;
    let (kept, oldest): (i64, i64) = sqlx::query_as(
        "select count(*), min(replace(close_id, 'lead_', '')::bigint) from change_feed",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!((kept, oldest), (100, 2_101));
    let passed: bool = sqlx::query_scalar(
        "select (h.xid, h.seq) >= (select f.xid, f.seq - 1 from change_feed f order by f.seq limit 1)
           from feed_horizon h",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert!(passed, "the horizon stands before what is gone");
}
