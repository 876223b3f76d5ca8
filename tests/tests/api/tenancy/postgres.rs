//! Postgres keeps organizations apart by itself, too: whatever a statement asks, it shows what the token may see.

use crate::world::{ONE, OTHER, World, read};
use axum::body::Body;
use axum::http::{Request, header};
use closegraph_api::token::{NewToken, issue};
use closegraph_api::{Api, ApiOptions, router};
use closegraph_entity::api_token::Role;
use closegraph_tests::{Database, PrivatePostgres};
use futures::future::join_all;
use sea_orm::SqlxPostgresConnector;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool};
use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;
use tower::ServiceExt;
use uuid::Uuid;

/// Tables and views, with the column that holds the connection.
const TABLES: &str = "
    select c.relname::text, case when c.relname = 'connection' then 'id' else 'connection_id' end, c.relkind = 'v',
           c.relrowsecurity, has_any_column_privilege('closegraph_tenant', c.oid, 'select')
      from pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
       and (c.relname = 'connection' or exists (select from pg_attribute a
                where a.attrelid = c.oid and a.attname = 'connection_id' and not a.attisdropped))
     order by 1";

async fn count(session: &mut PgConnection, sql: String) -> i64 {
    let counted = sqlx::query_scalar(AssertSqlSafe(sql));
    counted.fetch_one(session).await.unwrap()
}

async fn see(session: &mut PgConnection, role: &str, connections: &str) {
    let settings = format!("set role {role}; set closegraph.connections = '{connections}'");
    session.execute(AssertSqlSafe(settings)).await.unwrap();
}

#[tokio::test]
async fn a_role_sees_the_rows_of_its_connections_and_changes_nothing() {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 30).await;
        world.seed_invoices(connection, 30).await;
    }
    let tables: Vec<(String, String, bool, bool, bool)> =
        sqlx::query_as(TABLES).fetch_all(&world.pool).await.unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    let mut session = world.pool.acquire().await.unwrap();
    let mut full = 0;
    for (table, column, is_view, is_protected, is_readable) in tables {
        assert!(is_view || is_protected, "{table} has no policy");
        let others = |of: &str| format!("select count(*) from {table} where {column} {of} '{ONE}'");
        if !is_readable {
            see(&mut session, "closegraph_tenant", &format!("{{{ONE}}}")).await;
            let refused = session.execute(AssertSqlSafe(others("="))).await;
            assert!(refused.is_err(), "{table} can be read");
            session.execute("reset role").await.unwrap();
            continue;
        }
        let settings = (format!("{{{OTHER}}}"), format!("{{{ONE},{OTHER}}}"));
        see(&mut session, "none", &settings.1).await;
        let (own, foreign) = (
            count(&mut session, others("=")).await,
            count(&mut session, others("<>")).await,
        );
        full += usize::from(own > 0 && foreign > 0);
        for (connections, seen) in [
            ("{}", (0, 0)),
            (&settings.0, (0, foreign)),
            (&settings.1, (own, foreign)),
        ] {
            see(&mut session, "closegraph_tenant", connections).await;
            let found = (
                count(&mut session, others("=")).await,
                count(&mut session, others("<>")).await,
            );
            assert_eq!(found, seen, "{table} for {connections}");
        }
        if !is_view {
            see(&mut session, "closegraph_reader", "{}").await;
            assert_eq!(count(&mut session, others("<>")).await, foreign, "{table}");
        }
        let truncate = (!is_view).then_some("truncate {}");
        let writes = ["delete from {}", "insert into {} default values"];
        for write in writes.into_iter().chain(truncate) {
            let refused = session
                .execute(AssertSqlSafe(write.replace("{}", &table)))
                .await;
            let code = refused.err().and_then(|error| {
                let error = error.into_database_error()?;
                Some(error.code()?.into_owned())
            });
            assert_eq!(code.as_deref(), Some("42501"), "{table}: {write}");
        }
        session.execute("reset role").await.unwrap();
    }
    assert!(full > 15, "only {full} tables had rows of both");
    for secret in [
        "credential from connection",
        "webhook_signing_key from connection",
        "webhook_old_signing_key from connection",
        "webhook_handed_keys from connection",
        "hash from api_token",
        "sealed from authorization_attempt",
    ] {
        for role in ["closegraph_tenant", "closegraph_reader"] {
            see(&mut session, role, &format!("{{{ONE}}}")).await;
            let select = format!("select {secret}");
            assert!(
                session.execute(AssertSqlSafe(select)).await.is_err(),
                "{secret}"
            );
        }
    }
    session.execute("reset role").await.unwrap();
}

async fn token_of_all(pool: &PgPool) -> String {
    let orm = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    let token = NewToken {
        name: "all".to_owned(),
        role: Role::Viewer,
        connections: None,
        cost_budget: None,
        expires_at: None,
    };
    issue(&orm, token).await.unwrap().secret
}

/// How many companies an API counts for a token.
async fn companies(routes: &axum::Router, token: &str) -> Value {
    let body =
        json!({"query": "{ companies(first: 1) { totalCount nodes { connection { id } } } }"});
    let request = Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = read(routes.clone().oneshot(request).await.unwrap()).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["companies"]["totalCount"].clone()
}

async fn pool(options: &PgConnectOptions, size: u32) -> PgPool {
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .test_before_acquire(false);
    pool.connect_with(options.clone()).await.unwrap()
}

#[tokio::test]
async fn questions_are_asked_in_the_role_of_their_token_whoever_asked_before() {
    let world = World::new().await;
    world.seed(ONE, 40).await;
    world.seed(OTHER, 7).await;
    let tokens = [
        (world.token(&[ONE]).await, 40),
        (world.token(&[OTHER]).await, 7),
        (world.token(&[ONE, OTHER]).await, 47),
        (world.token(&[]).await, 0),
        (token_of_all(&world.pool).await, 47),
    ];
    let pool = pool(&world.pool.connect_options(), 6).await;
    let routes = router(Api::new(pool.clone(), ApiOptions::default(), String::new));
    // Many more than there are sessions, in an order that lets each follow each.
    let asked = (0..200_usize).map(|n| &tokens[(n * n + n / 7) % tokens.len()]);
    let asked = asked.map(async |(token, count)| (companies(&routes, token).await, *count));
    for (found, count) in join_all(asked).await {
        assert_eq!(found, count);
    }
    // A statement that forgot its scope would meet this policy as it meets that of its connections.
    let hide = "create policy hidden on company as restrictive for select to closegraph_tenant using (false)";
    world.pool.execute(hide).await.unwrap();
    let sees_all = tokens.len() - 1;
    for (index, (token, count)) in tokens.iter().enumerate() {
        let seen = if index == sees_all { *count } else { 0 };
        assert_eq!(companies(&routes, token).await, seen, "token {index}");
    }
    // The others who use the pool see what the account sees, whoever had the session before.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let sessions = join_all((0..6).map(|_| pool.acquire())).await;
    let mut roles = BTreeSet::new();
    for session in sessions {
        let set =
            "select current_user = session_user, current_setting('closegraph.connections', true)";
        let (is_account, connections): (bool, Option<String>) = sqlx::query_as(set)
            .fetch_one(&mut *session.unwrap())
            .await
            .unwrap();
        roles.insert((is_account, connections.unwrap_or_default()));
    }
    assert_eq!(roles, BTreeSet::from([(true, String::new())]));
}

#[tokio::test]
async fn a_question_that_fails_or_is_given_up_leaves_no_role_behind() {
    let world = World::new().await;
    world.seed(ONE, 40).await;
    let token = world.token(&[ONE]).await;
    let options = (*world.pool.connect_options()).clone();
    let pool = pool(&options.options([("statement_timeout", "3s")]), 4).await;
    let routes = router(Api::new(pool.clone(), ApiOptions::default(), String::new));
    assert_eq!(companies(&routes, &token).await, 40);
    let slow = "create policy slow on company as restrictive for select to closegraph_tenant
                    using (pg_sleep(1) is not null)";
    world.pool.execute(slow).await.unwrap();
    for patience in [Duration::from_millis(50), Duration::from_secs(20)] {
        let body = json!({"query": "{ companies { totalCount } }"}).to_string();
        let request = Request::post("/graphql")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .unwrap();
        let asked = tokio::time::timeout(patience, routes.clone().oneshot(request)).await;
        if let Ok(answer) = asked {
            assert_eq!(read(answer.unwrap()).await["data"], Value::Null);
        }
    }
    world
        .pool
        .execute("drop policy slow on company")
        .await
        .unwrap();
    assert_eq!(companies(&routes, &token).await, 40);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    for session in join_all((0..4).map(|_| pool.acquire())).await {
        let account: bool = sqlx::query_scalar("select current_user = session_user")
            .fetch_one(&mut *session.unwrap())
            .await
            .unwrap();
        assert!(account);
    }
}

/// A database of an account that is no superuser, with a company, and a token that sees its connection.
async fn of_account(server: &PrivatePostgres, account: &str, rights: &str) -> (PgPool, String) {
    let url = server.database(account).await.unwrap();
    let administrator = PgPool::connect(&url).await.unwrap();
    for statement in [
        format!("create role {account} login password 'test' {rights}"),
        format!("alter database {account} owner to {account}"),
        format!("alter schema public owner to {account}"),
    ] {
        administrator
            .execute(AssertSqlSafe(statement))
            .await
            .unwrap();
    }
    let options = PgConnectOptions::from_str(&url).unwrap();
    let pool = pool(&options.username(account).password("test"), 6).await;
    let orm = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    closegraph_migration::up(&orm).await.unwrap();
    let rows = format!(
        "insert into connection (id, source, auth_method, status, organization_id, currency, base_url)
         values ('{ONE}', 'close', 'api_key', 'active', 'orga_1', 'USD', 'http://localhost/');
         insert into company (id, connection_id, close_id, raw, source_updated_at)
         values (gen_random_uuid(), '{ONE}', 'lead_a', '{{}}', now())"
    );
    pool.execute(AssertSqlSafe(rows)).await.unwrap();
    let token = NewToken {
        name: "test".to_owned(),
        role: Role::Viewer,
        connections: Some(vec![ONE]),
        cost_budget: None,
        expires_at: None,
    };
    let token = issue(&orm, token).await.unwrap().secret;
    (pool, token)
}

const HIDE: &str =
    "create policy hidden on company as restrictive for select to closegraph_tenant using (false)";

#[tokio::test]
async fn an_account_makes_the_roles_where_it_may_and_goes_without_them_where_not() {
    let server = PrivatePostgres::start().await.unwrap();
    let ask = async |pool: &PgPool, token: &str| {
        let api = Api::new(pool.clone(), ApiOptions::default(), String::new);
        companies(&router(api), token).await
    };
    // Nobody made the roles, and this one can't.
    let (plain, token) = of_account(&server, "plain", "").await;
    assert_eq!(ask(&plain, &token).await, 1);
    assert!(plain.execute(HIDE).await.is_err(), "there is a role");
    // This one can.
    let (maker, makers_token) = of_account(&server, "maker", "createrole").await;
    assert_eq!(ask(&maker, &makers_token).await, 1);
    maker.execute(HIDE).await.unwrap();
    assert_eq!(ask(&maker, &makers_token).await, 0);
    // Now they are there; the other may not take them until somebody lets it.
    let orm = SqlxPostgresConnector::from_sqlx_postgres_pool(plain.clone());
    closegraph_migration::up(&orm).await.unwrap();
    assert_eq!(ask(&plain, &token).await, 1);
    let grant = "grant closegraph_reader, closegraph_tenant to plain";
    maker.execute(grant).await.unwrap();
    // They may read nothing of it before the next start.
    assert_eq!(ask(&plain, &token).await, 1);
    closegraph_migration::up(&orm).await.unwrap();
    assert_eq!(ask(&plain, &token).await, 1);
    plain.execute(HIDE).await.unwrap();
    assert_eq!(ask(&plain, &token).await, 0);
}

/// A table that nobody thought of is protected by the next start.
#[tokio::test]
async fn what_is_new_in_the_schema_is_protected_with_the_rest() {
    let database = Database::start(&[]).await.unwrap();
    let made = format!(
        "create table novelty (id uuid primary key, connection_id uuid not null);
         insert into novelty values (gen_random_uuid(), '{ONE}');
         alter table connection add column novelty text"
    );
    database.pool.execute(AssertSqlSafe(made)).await.unwrap();
    closegraph_migration::up(&database.orm()).await.unwrap();
    let mut session = database.pool.acquire().await.unwrap();
    see(
        &mut session,
        "closegraph_tenant",
        &format!("{{{}}}", Uuid::nil()),
    )
    .await;
    assert!(session.execute("select from novelty").await.is_err());
    assert_eq!(
        count(
            &mut session,
            "select count(novelty) from connection".to_owned()
        )
        .await,
        0
    );
    session.execute("reset role").await.unwrap();
    session
        .execute("grant select on novelty to closegraph_tenant")
        .await
        .unwrap();
    see(&mut session, "closegraph_tenant", &format!("{{{OTHER}}}")).await;
    assert_eq!(
        count(&mut session, "select count(*) from novelty".to_owned()).await,
        0
    );
    see(&mut session, "closegraph_tenant", &format!("{{{ONE}}}")).await;
    assert_eq!(
        count(&mut session, "select count(*) from novelty".to_owned()).await,
        1
    );
}
