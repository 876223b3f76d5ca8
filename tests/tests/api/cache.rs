//! Answers that are kept: until what they were read from changes, and not a moment longer.

use crate::changes::told;
use crate::world::{ONE, OTHER, World, read};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use closegraph_api::{Api, ApiOptions, UNTOLD, router};
use closegraph_entity::api_token::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tower::ServiceExt;

const NAME: &str = "{ company(closeId: \"lead_1\") { name } }";

/// A process that answers over the database of a world.
struct Process(Router);

impl Process {
    /// One that hears of commits.
    async fn start(world: &World, token: &str) -> Self {
        let options = ApiOptions {
            cache_bytes: 1024 * 1024,
            ..ApiOptions::default()
        };
        let process = Self(router(Api::new(world.pool.clone(), options, String::new)));
        process
            .until(token, "{ __typename members { totalCount } }", "hit")
            .await;
        process
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.0.clone().oneshot(request).await.unwrap()
    }

    async fn ask(&self, token: &str, query: &str) -> Value {
        let body = json!({ "query": query }).to_string();
        let request = Request::post("/graphql")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .unwrap();
        read(self.send(request).await).await
    }

    /// What became of a question.
    async fn outcome(&self, token: &str, query: &str) -> String {
        let answer = self.ask(token, query).await;
        let said = &answer["extensions"]["cache"];
        let said = said.as_str().map(str::to_owned);
        said.unwrap_or_else(|| format!("nothing: {query}: {answer}"))
    }

    /// Asks until that becomes of the question, for two seconds at most.
    async fn until(&self, token: &str, query: &str, wanted: &str) {
        let start = Instant::now();
        while self.outcome(token, query).await != wanted {
            assert!(
                start.elapsed() < Duration::from_secs(2),
                "{query} is no {wanted}"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn name(&self, token: &str) -> String {
        let answer = self.ask(token, NAME).await;
        answer["data"]["company"]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

async fn execute(world: &World, statement: &'static str) {
    sqlx::query(statement).execute(&world.pool).await.unwrap();
}

#[tokio::test]
async fn the_same_question_of_the_same_scope_and_role_is_answered_from_memory() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    world.seed(OTHER, 3).await;
    let (one, same) = (world.token(&[ONE]).await, world.token(&[ONE]).await);
    let both = world.token(&[ONE, OTHER]).await;
    let operator = world.token_of(&[ONE], Role::Operator, None).await;
    // After the last token: a new one makes all answers unusable, whenever the process hears of it.
    let process = Process::start(&world, &one).await;
    let miss = process.ask(&one, NAME).await;
    let hit = process.ask(&same, NAME).await;
    assert_eq!(miss["extensions"]["cache"], "miss");
    assert_eq!(hit["extensions"]["cache"], "hit");
    assert_eq!(miss["data"], hit["data"]);
    assert_eq!(miss["data"]["company"]["name"], "Company 1");
    for token in [both, operator] {
        assert_eq!(process.outcome(&token, NAME).await, "miss");
        assert_eq!(process.outcome(&token, NAME).await, "hit");
    }
    assert_eq!(
        process
            .outcome(&one, "{ company(closeId: \"lead_1\") { name  } }")
            .await,
        "miss"
    );
}

#[tokio::test]
async fn what_many_ask_at_once_is_asked_once() {
    const MANY: usize = 20;
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token(&[ONE]).await;
    let process = Process::start(&world, &token).await;
    let ask_all = |query: &'static str| {
        let asked = (0..MANY).map(|_| process.ask(&token, query));
        futures::future::join_all(asked)
    };
    let answers = ask_all(NAME).await;
    let is = |outcome: &str| {
        let said = answers.iter().map(|answer| &answer["extensions"]["cache"]);
        said.filter(|said| *said == outcome).count()
    };
    assert_eq!((is("miss"), is("hit")), (1, MANY - 1), "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|answer| answer["data"] == answers[0]["data"])
    );
    // What may not be kept is answered to each.
    const WRONG: &str = "{ revenue(period: {from: \"2026-02-01\", to: \"2026-01-01\"}) { count } }";
    for answer in ask_all(WRONG).await {
        assert!(answer["errors"][0]["message"].is_string(), "{answer}");
    }
}

#[tokio::test]
async fn nobody_waits_for_an_answer_that_is_not_kept() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token(&[ONE]).await;
    let process = Process::start(&world, &token).await;
    let mut lock = world.pool.begin().await.unwrap();
    sqlx::query("lock table sync_run in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    let asked = (0..2).map(|_| process.outcome(&token, "{ syncRuns { totalCount } }"));
    let unlocked = async {
        let start = Instant::now();
        let waiting = "select count(*) from pg_locks
             where relation = 'sync_run'::regclass and not granted";
        while sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(&world.pool)
            .await
            .unwrap()
            < 2
        {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "the second waits for the first"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        lock.rollback().await.unwrap();
    };
    let (outcomes, ()) = tokio::join!(futures::future::join_all(asked), unlocked);
    assert_eq!(outcomes, ["bypass", "bypass"]);
}

#[tokio::test]
async fn whatever_changes_of_a_connection_makes_its_answers_unusable_and_no_others() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    world.seed(OTHER, 3).await;
    let (one, other) = (world.token(&[ONE]).await, world.token(&[OTHER]).await);
    let process = Process::start(&world, &one).await;
    for statement in [
        "update company set synced_at = now() where close_id = 'lead_2'",
        "delete from person where close_id = 'cont_6'",
        "insert into custom_field (connection_id, record_type, close_id, name, type, position)
         select id, 'company', 'cf_1', 'Tier', 'text', 1 from connection",
        "update custom_field set name = 'Level'",
        "insert into label (connection_id, close_id, name) select id, 'stat_1', 'New' from connection",
        "insert into link (receivable_id, opportunity_id, connection_id, state, origin, score)
         select gen_random_uuid(), gen_random_uuid(), id, 'linked', 'person', 100 from connection",
        "insert into tombstone (connection_id, record_type, record_id, close_id, version)
         select id, 'company', gen_random_uuid(), 'lead_9', now() from connection",
        "update connection set organization_name = 'Renamed'",
        "update connection set fiscal_year_start = 4",
    ] {
        process.until(&one, NAME, "hit").await;
        execute(&world, statement).await;
        let start = Instant::now();
        process.until(&one, NAME, "miss").await;
        assert!(start.elapsed() < Duration::from_secs(1), "{statement}");
    }
    process.until(&one, NAME, "hit").await;
    process.until(&other, NAME, "hit").await;
    told(&world, OTHER, "lead_1").await;
    process.until(&other, NAME, "miss").await;
    assert_eq!(process.outcome(&one, NAME).await, "hit");
}

/// The tables from which answers are read and kept tell of each change, whoever makes it.
#[tokio::test]
async fn each_table_tells_of_its_changes_or_is_known_not_to() {
    let world = World::new().await;
    let tables: Vec<(String, i64)> = sqlx::query_as(
        "select c.relname::text, count(distinct k.kind)
           from pg_class c
           left join pg_trigger t on t.tgrelid = c.oid and t.tgname like 'tell%' and t.tgtype & 1 = 0
           left join lateral unnest(array[4, 8, 16]) k (kind) on t.tgtype & k.kind > 0
          where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' group by 1",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    let untold: BTreeSet<&str> = UNTOLD.into_iter().collect();
    for (table, kinds) in &tables {
        // Written by a trigger of the transactions, which tell.
        if table == "revenue_day" {
            continue;
        }
        assert!(
            *kinds == 3 || untold.contains(table.as_str()),
            "{table} neither tells of inserts, updates and deletions, nor is it known not to"
        );
    }
    for table in untold {
        assert!(
            tables.iter().any(|(known, _)| known == table),
            "there is no {table}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_follow_each_commit_and_never_go_back() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token(&[ONE]).await;
    let processes = [
        Process::start(&world, &token).await,
        Process::start(&world, &token).await,
    ];
    let mut slowest = Duration::ZERO;
    for turn in 0..100 {
        let name = format!("Name {turn:03}");
        sqlx::query("update company set name = $1 where close_id = 'lead_1'")
            .bind(&name)
            .execute(&world.pool)
            .await
            .unwrap();
        let start = Instant::now();
        for process in &processes {
            loop {
                let seen = process.name(&token).await;
                if seen == name {
                    break;
                }
                assert!(
                    start.elapsed() < Duration::from_secs(1),
                    "{seen} instead of {name}"
                );
            }
            slowest = slowest.max(start.elapsed());
        }
        for process in processes.iter().cycle().take(6) {
            assert_eq!(
                process.name(&token).await,
                name,
                "what was seen is not taken back"
            );
        }
    }
    println!("a commit was seen by both within {slowest:?}");
}

#[tokio::test]
async fn while_commits_are_not_heard_of_nothing_is_taken_from_memory() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token(&[ONE]).await;
    let process = Process::start(&world, &token).await;
    process.until(&token, NAME, "hit").await;
    for turn in 0..3 {
        execute(
            &world,
            "select pg_terminate_backend(pid) from pg_stat_activity
              where pid <> pg_backend_pid() and (query like 'LISTEN%' or query like '%alive%')",
        )
        .await;
        process.until(&token, NAME, "bypass").await;
        let name = format!("Unheard {turn}");
        sqlx::query("update company set name = $1 where close_id = 'lead_1'")
            .bind(&name)
            .execute(&world.pool)
            .await
            .unwrap();
        assert_eq!(process.name(&token).await, name);
        process.until(&token, NAME, "hit").await;
        assert_eq!(process.name(&token).await, name);
    }
}

#[tokio::test]
async fn what_changes_untold_or_by_the_clock_is_asked_each_time() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token(&[ONE]).await;
    let process = Process::start(&world, &token).await;
    for query in [
        "{ events { totalCount } }",
        "{ syncRuns { totalCount } }",
        "{ connections { lag { seconds } } }",
        "{ connections { runs { totalCount } drift { compared } } }",
        "{ needsAttention { totalCount } }",
        "{ changes { nodes { cursor } } }",
        "{ invoiceMapping { state } }",
        "{ company(closeId: \"lead_1\") { auditTrail { nodes { event { id } } } } }",
        "{ companies(first: 1) { nodes { name } } events(first: 1) { nodes { id } } }",
    ] {
        for _ in 0..2 {
            assert_eq!(process.outcome(&token, query).await, "bypass", "{query}");
        }
    }
    for query in [
        "{ connections { organizationName } }",
        "{ revenue(period: THIS_QUARTER) { total { amount } } }",
        "{ receivables { nodes { daysOverdue } } }",
        "{ opportunities { nodes { ageDays } } }",
        "{ pipeline { stageLabel count } }",
        "{ summary(period: THIS_MONTH) { newCompanies } }",
        "{ company(closeId: \"lead_1\") { auditTrail { nodes { action } } customFields { name } } }",
        "{ unmatched { totalCount } }",
    ] {
        let first = process.outcome(&token, query).await;
        // In the minutes around midnight nothing is kept.
        if first == "miss" {
            assert_eq!(process.outcome(&token, query).await, "hit", "{query}");
        }
    }
    for query in ["{ nonsense }", "{ companies(first: 501) { nodes { id } } }"] {
        for _ in 0..2 {
            assert_eq!(process.outcome(&token, query).await, "bypass", "{query}");
        }
    }
}

#[tokio::test]
async fn who_decides_something_sees_it_in_the_next_answer() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token_of(&[ONE], Role::Operator, None).await;
    let process = Process::start(&world, &token).await;
    process.until(&token, NAME, "hit").await;
    let decided = "mutation { discardEvents(filter: { state: { eq: DEAD } }) { count } }";
    let answer = process.ask(&token, decided).await;
    assert_eq!(answer["data"]["discardEvents"]["count"], 0, "{answer}");
    assert_eq!(process.outcome(&token, NAME).await, "miss");
}

#[tokio::test]
async fn a_get_has_a_tag_by_which_an_unchanged_answer_is_not_sent_again() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token(&[ONE]).await;
    let process = Process::start(&world, &token).await;
    let get = async |known: Option<&str>, query: &str| {
        let mut request = Request::get(format!("/graphql?query={query}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        if let Some(known) = known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        let response = process.send(request.body(Body::empty()).unwrap()).await;
        let tag = response
            .headers()
            .get(header::ETAG)
            .map(|tag| tag.to_str().unwrap().to_owned());
        let control = response.headers()[header::CACHE_CONTROL]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(control, "private, no-cache");
        (response.status(), tag.unwrap())
    };
    let name = "%7Bcompany(closeId:%22lead_1%22)%7Bname%7D%7D";
    let (status, tag) = get(None, name).await;
    assert_eq!(status, StatusCode::OK);
    assert!(tag.starts_with("W/\""), "{tag}");
    for known in [tag.clone(), format!("\"other\", {tag}"), "*".to_owned()] {
        assert_eq!(
            get(Some(&known), name).await,
            (StatusCode::NOT_MODIFIED, tag.clone())
        );
    }
    // One that is not kept has a tag as well.
    let runs = "%7BsyncRuns%7BtotalCount%7D%7D";
    let (_, run) = get(None, runs).await;
    assert_eq!(get(Some(&run), runs).await.0, StatusCode::NOT_MODIFIED);
    process.until(&token, NAME, "hit").await;
    execute(
        &world,
        "update company set name = 'Renamed' where close_id = 'lead_1'",
    )
    .await;
    process.until(&token, NAME, "miss").await;
    let (status, renamed) = get(Some(&tag), name).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(renamed, tag);
}
