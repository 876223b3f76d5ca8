//! A first load puts indexes aside, and whatever happens to it, all of them are there afterwards.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use close_sim::SimulatorConfig;
use closegraph_sync::SyncError;
use closegraph_sync::reconcile::{
    BackfillOptions, Progress, RunReport, Strategy, backfill, build_indexes,
};
use closegraph_tests::{Close, Database};
use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const OPTIONS: BackfillOptions = BackfillOptions {
    strategy: Strategy::Auto,
    restart: false,
};

fn organization(seed: u64) -> SimulatorConfig {
    SimulatorConfig {
        seed,
        leads: 1_500,
        traffic_per_second: 0.0,
        ..SimulatorConfig::default()
    }
}

/// The definitions of all indexes, and the names of those that are put aside.
async fn indexes(pool: &PgPool) -> (Vec<String>, Vec<String>) {
    let there = "select indexdef from pg_indexes where schemaname = 'public' order by indexname";
    let there = sqlx::query_scalar(there).fetch_all(pool).await.unwrap();
    let aside = "select name from deferred_index order by name";
    let aside = sqlx::query_scalar(aside).fetch_all(pool).await.unwrap();
    (there, aside)
}

/// Loads, with a look at the indexes once the first page is there. `stops` has it stop then.
async fn load(
    database: &Database,
    close: &Close,
    stops: bool,
) -> (Result<RunReport, SyncError>, (Vec<String>, Vec<String>)) {
    let (progress, mut seen) = watch::channel(Progress::default());
    let stop = CancellationToken::new();
    let (connections, id) = (&close.connections, close.connection);
    let reading = backfill(&database.pool, connections, id, &OPTIONS, &progress, &stop);
    let looking = async {
        seen.changed().await.unwrap();
        let found = indexes(&database.pool).await;
        if stops {
            stop.cancel();
        }
        found
    };
    tokio::join!(reading, looking)
}

/// Builds what is aside; how many.
async fn build(database: &Database) -> usize {
    let stop = CancellationToken::new();
    build_indexes(&database.pool, &stop).await.unwrap()
}

#[tokio::test]
async fn a_first_load_leaves_all_indexes_as_they_were() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, organization(1)).await.unwrap();
    let before = indexes(&database.pool).await;
    let (report, (meanwhile, aside)) = load(&database, &close, false).await;
    report.unwrap();
    assert!(aside.contains(&"person_company".to_owned()), "{aside:?}");
    assert_eq!(meanwhile.len() + aside.len(), before.0.len());
    let unique = |all: &[String]| all.iter().filter(|one| one.contains("UNIQUE")).count();
    assert_eq!(unique(&meanwhile), unique(&before.0), "rules are kept");

    // Lists and figures have theirs at once, searches a moment later.
    let (_, aside) = indexes(&database.pool).await;
    let left = "select coalesce(bool_and(method = 'gin'), false) from deferred_index";
    let left: bool = sqlx::query_scalar(left)
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert!(left, "{aside:?}");
    assert_eq!(build(&database).await, aside.len());
    assert_eq!(indexes(&database.pool).await, before);
    assert_eq!(build(&database).await, 0);
    close.ensure_mirrored(&database).await.unwrap();
}

/// A text that no index holds, and that does not get shorter by compression.
fn longest() -> String {
    let letters = (0..9_000).map(|n: u32| char::from_u32(0x4e00 + n * 7 % 20_000).unwrap());
    letters.collect()
}

#[tokio::test]
async fn a_text_that_no_index_holds_is_cut_and_stands_whole_in_what_close_sent() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, organization(1)).await.unwrap();
    let before = indexes(&database.pool).await;
    for (kind, change) in [
        ("lead", json!({"name": longest()})),
        (
            "contact",
            json!({"name": longest(), "emails": [{"email": longest(), "type": "office"}]}),
        ),
    ] {
        let objects = close.objects(kind).await.unwrap();
        let id = objects.keys().next().unwrap();
        let path = format!("{kind}/{id}/");
        close.write(Method::PUT, &path, &change).await.unwrap();
    }
    load(&database, &close, false).await.0.unwrap();
    build(&database).await;
    assert_eq!(indexes(&database.pool).await, before);
    let cut = "select (select count(*) from company
                        where char_length(name) = 500 and char_length(raw ->> 'name') = 9000)
                    + (select count(*) from person
                        where char_length(name) = 500 and char_length(primary_email) = 500)";
    let cut: i64 = sqlx::query_scalar(cut)
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(cut, 2);
    close.ensure_mirrored(&database).await.unwrap();
}

#[tokio::test]
async fn an_index_of_an_operators_own_that_a_row_does_not_fit_into_is_left_and_said() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, organization(1)).await.unwrap();
    sqlx::query("create index own on company ((raw ->> 'name'))")
        .execute(&database.pool)
        .await
        .unwrap();
    let objects = close.objects("lead").await.unwrap();
    let path = format!("lead/{}/", objects.keys().next().unwrap());
    let change = json!({"name": longest()});
    close.write(Method::PUT, &path, &change).await.unwrap();
    load(&database, &close, false).await.0.unwrap();
    build(&database).await;
    let (_, aside) = indexes(&database.pool).await;
    assert_eq!(aside, ["own"]);
    close.ensure_mirrored(&database).await.unwrap();
}

#[tokio::test]
async fn a_load_that_is_stopped_goes_on_without_them_and_builds_them_in_the_end() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, organization(1)).await.unwrap();
    let before = indexes(&database.pool).await;
    let (stopped, (_, aside)) = load(&database, &close, true).await;
    assert!(
        matches!(stopped, Err(SyncError::Interrupted)),
        "{stopped:?}"
    );
    assert_eq!(
        indexes(&database.pool).await.1,
        aside,
        "who stops builds none"
    );

    let (report, (_, still)) = load(&database, &close, false).await;
    report.unwrap();
    assert_eq!(still, aside);
    build(&database).await;
    assert_eq!(indexes(&database.pool).await, before);
    close.ensure_mirrored(&database).await.unwrap();
}

#[tokio::test]
async fn what_a_load_has_left_aside_is_built_by_whoever_looks_next() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, organization(1)).await.unwrap();
    let before = indexes(&database.pool).await;
    let (_, (_, aside)) = load(&database, &close, true).await;
    let (one, other) = tokio::join!(build(&database), build(&database));
    let built = [one, other];
    assert!(
        built.contains(&aside.len()) && built.contains(&0),
        "{built:?}"
    );
    assert_eq!(indexes(&database.pool).await, before);

    // There are rows now: what is left is loaded beside the indexes.
    let (report, meanwhile) = load(&database, &close, false).await;
    report.unwrap();
    assert_eq!(meanwhile, before);
    close.ensure_mirrored(&database).await.unwrap();
}

#[tokio::test]
async fn indexes_stay_where_another_organization_has_rows() {
    let database = Database::start(&[]).await.unwrap();
    let first = Close::connect(&database, organization(1)).await.unwrap();
    let before = indexes(&database.pool).await;
    load(&database, &first, false).await.0.unwrap();
    build(&database).await;

    let second = Close::connect(&database, organization(2)).await.unwrap();
    assert_ne!(first.connection, second.connection);
    let (report, meanwhile) = load(&database, &second, false).await;
    report.unwrap();
    assert_eq!(meanwhile, before);
    second.ensure_mirrored(&database).await.unwrap();
}

#[tokio::test]
async fn indexes_stay_where_somebody_holds_a_table() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, organization(1)).await.unwrap();
    let before = indexes(&database.pool).await;
    let mut reading = database.pool.begin().await.unwrap();
    sqlx::query("select from person")
        .execute(&mut *reading)
        .await
        .unwrap();
    let (report, meanwhile) = load(&database, &close, false).await;
    report.unwrap();
    assert_eq!(meanwhile, before);
    reading.commit().await.unwrap();
    close.ensure_mirrored(&database).await.unwrap();
}

#[tokio::test]
async fn who_builds_indexes_lets_others_write_that_wait_for_each_other() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, organization(1)).await.unwrap();
    let before = indexes(&database.pool).await;
    load(&database, &close, true).await.0.unwrap_err();

    // As two pages of another load do: the later one has written a table and waits, in our program, for the earlier one.
    const WRITE: &str = "lock table person in row exclusive mode";
    let mut later = database.pool.begin().await.unwrap();
    sqlx::query(WRITE).execute(&mut *later).await.unwrap();
    let building = build(&database);
    let writing = async {
        const WAITS: &str = "select exists (select from pg_locks
            where relation = 'person'::regclass and mode = 'ShareLock' and not granted)";
        let waits = || sqlx::query_scalar::<_, bool>(WAITS).fetch_one(&database.pool);
        while !waits().await.unwrap() {}
        let mut earlier = database.pool.begin().await.unwrap();
        for statement in ["set local lock_timeout = '10s'", WRITE] {
            sqlx::query(statement).execute(&mut *earlier).await.unwrap();
        }
        earlier.commit().await.unwrap();
        later.commit().await.unwrap();
    };
    tokio::join!(building, writing);
    assert_eq!(indexes(&database.pool).await, before);
}

#[tokio::test]
async fn two_first_loads_at_once_leave_all_indexes_and_all_rows() {
    let database = Database::start(&[]).await.unwrap();
    let first = Close::connect(&database, organization(1)).await.unwrap();
    let second = Close::connect(&database, organization(2)).await.unwrap();
    let before = indexes(&database.pool).await;
    let loads = tokio::join!(
        load(&database, &first, false),
        load(&database, &second, false)
    );
    loads.0.0.unwrap();
    loads.1.0.unwrap();
    build(&database).await;
    assert_eq!(indexes(&database.pool).await, before);
    first.ensure_mirrored(&database).await.unwrap();
    second.ensure_mirrored(&database).await.unwrap();
}

#[tokio::test]
async fn a_vacuum_that_is_at_work_fails_no_build() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, organization(1)).await.unwrap();
    load(&database, &close, false).await.0.unwrap();
    let mut vacuum = database.pool.begin().await.unwrap();
    // What a vacuum holds; unlike one of Postgres's own, nobody calls it off.
    sqlx::query("lock table receivable in share update exclusive mode")
        .execute(&mut *vacuum)
        .await
        .unwrap();
    let letting_go = async {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        vacuum.commit().await.unwrap();
    };
    tokio::join!(build(&database), letting_go);
    assert_eq!(indexes(&database.pool).await.1, Vec::<String>::new());
}

#[tokio::test]
async fn tables_that_are_counted_by_somebody_else_are_left_to_them() {
    let database = Database::start(&[]).await.unwrap();
    let close = Close::connect(&database, organization(1)).await.unwrap();
    load(&database, &close, false).await.0.unwrap();
    let mut counting = database.pool.begin().await.unwrap();
    // It has no index of searches, but is counted like the others.
    sqlx::query("lock table custom_record in share update exclusive mode")
        .execute(&mut *counting)
        .await
        .unwrap();
    let built = build(&database).await;
    assert!(built > 5, "{built} are built");
    counting.commit().await.unwrap();
}
