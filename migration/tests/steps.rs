//! Every step goes up, down and up again on a real Postgres.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use closegraph_migration::{Migrator, MigratorTrait};
use closegraph_tests::PrivatePostgres;
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::PgPool;

/// Whatever a schema is made of, one line each. The table of the migrator itself is not ours.
const SCHEMA: &str = "
    with ours as (
        select c.oid, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relname !~ '^seaql_migrations')
    select format('class %s %s', relkind, relname) from ours
    union all
    select format('column %s.%s %s %s %s %s %s', relname, attname, format_type(atttypid, atttypmod), attnotnull,
                  attidentity, attcompression, pg_get_expr(adbin, adrelid))
      from ours join pg_attribute on attrelid = ours.oid and attnum > 0 and not attisdropped
           left join pg_attrdef on adrelid = attrelid and adnum = attnum
     where relkind <> 'i'
    union all
    select 'index ' || pg_get_indexdef(oid) from ours where relkind = 'i'
    union all
    select format('constraint %s %s %s', relname, conname, pg_get_constraintdef(con.oid))
      from ours join pg_constraint con on conrelid = ours.oid
    union all
    select format('trigger %s', pg_get_triggerdef(t.oid)) from ours join pg_trigger t on tgrelid = ours.oid
    union all
    select format('view %s %s', relname, pg_get_viewdef(oid)) from ours where relkind in ('v', 'm')
    union all
    select format('function %s', pg_get_functiondef(p.oid))
      from pg_proc p join pg_namespace n on n.oid = pronamespace
     where nspname !~ '^pg_' and nspname <> 'information_schema' and prokind in ('f', 'p')
    union all
    select format('type %s', typname) from pg_type t join pg_namespace n on n.oid = typnamespace
     where nspname !~ '^pg_' and nspname <> 'information_schema' and typname !~ '^_?seaql_migrations'
    union all
    select format('schema %s', nspname) from pg_namespace
     where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
    union all
    select format('extension %s', extname) from pg_extension where extname <> 'plpgsql'
    order by 1";

async fn schema(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(SCHEMA).fetch_all(pool).await.unwrap()
}

async fn empty(postgres: &PrivatePostgres) -> (PgPool, DatabaseConnection) {
    let url = postgres.database("steps").await.unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    let orm = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    (pool, orm)
}

#[tokio::test]
async fn every_step_is_taken_back_without_a_trace_and_taken_again_alike() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let (pool, orm) = empty(&postgres).await;
    let mut before = schema(&pool).await;
    assert_eq!(before, Vec::<String>::new());
    for step in Migrator::migrations() {
        let name = step.name();
        Migrator::up(&orm, Some(1)).await.unwrap();
        let after = schema(&pool).await;
        assert_ne!(after, before, "{name} does nothing");
        Migrator::down(&orm, Some(1)).await.unwrap();
        assert_eq!(schema(&pool).await, before, "{name} leaves something");
        Migrator::up(&orm, Some(1)).await.unwrap();
        assert_eq!(schema(&pool).await, after, "{name} differs the second time");
        before = after;
    }
    assert!(
        Migrator::get_pending_migrations(&orm)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn the_whole_way_down_leaves_nothing_of_ours_even_where_there_are_rows() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let (pool, orm) = empty(&postgres).await;
    Migrator::up(&orm, None).await.unwrap();
    let whole = schema(&pool).await;
    let row = "insert into company (id, connection_id, close_id, raw, source_updated_at)
               values (gen_random_uuid(), gen_random_uuid(), 'lead_a', '{}', now())";
    sqlx::query(row).execute(&pool).await.unwrap();
    Migrator::up(&orm, None).await.unwrap();
    assert_eq!(schema(&pool).await, whole, "a second way up does something");
    let kept: i64 = sqlx::query_scalar("select count(*) from company")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(kept, 1);
    Migrator::down(&orm, None).await.unwrap();
    assert_eq!(schema(&pool).await, Vec::<String>::new());
    let applied = Migrator::get_applied_migrations(&orm).await.unwrap();
    assert!(applied.is_empty());
    Migrator::up(&orm, None).await.unwrap();
    assert_eq!(schema(&pool).await, whole);
}

#[tokio::test]
async fn indexes_that_a_load_has_put_aside_are_there_for_the_next_step_and_after_a_way_down() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let (pool, orm) = empty(&postgres).await;
    closegraph_migration::up(&orm).await.unwrap();
    let whole = schema(&pool).await;
    let put_aside = async || {
        let count =
            "select closegraph_defer_indexes(array['company', 'person'], array['audit_entry'])";
        let count: i64 = sqlx::query_scalar(count).fetch_one(&pool).await.unwrap();
        assert!(count > 10, "{count} are put aside");
        assert_ne!(schema(&pool).await, whole);
    };

    // With nothing to do for it, the way up leaves them to the load.
    put_aside().await;
    let aside = schema(&pool).await;
    closegraph_migration::up(&orm).await.unwrap();
    assert_eq!(schema(&pool).await, aside);

    // The last step is to be taken once more, as a next one would be, whether it can be or not.
    let last = "delete from seaql_migrations where version = (select max(version) from seaql_migrations) returning version";
    let last: String = sqlx::query_scalar(last).fetch_one(&pool).await.unwrap();
    closegraph_migration::up(&orm).await.ok();
    assert_eq!(schema(&pool).await, whole);
    sqlx::query(
        "insert into seaql_migrations (version, applied_at) values ($1, 0) on conflict do nothing",
    )
    .bind(last)
    .execute(&pool)
    .await
    .unwrap();

    put_aside().await;
    let steps = Migrator::migrations();
    let first = steps
        .iter()
        .position(|step| step.name() == "m0022_deferred_index");
    let down = u32::try_from(steps.len() - first.unwrap()).unwrap();
    Migrator::down(&orm, Some(down)).await.unwrap();
    Migrator::up(&orm, None).await.unwrap();
    assert_eq!(schema(&pool).await, whole);
}

#[tokio::test]
async fn an_index_of_an_operators_own_that_holds_no_row_keeps_nobody_from_the_next_step() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let (pool, orm) = empty(&postgres).await;
    closegraph_migration::up(&orm).await.unwrap();
    let whole = schema(&pool).await;
    // Letters that do not get shorter by compression.
    let long: String = (0..9_000)
        .map(|n: u32| char::from_u32(0x4e00 + n * 7 % 20_000).unwrap())
        .collect();
    sqlx::query(
        "insert into company (id, connection_id, close_id, raw, source_updated_at)
         values (gen_random_uuid(), gen_random_uuid(), 'lead_a', jsonb_build_object('name', $1::text), now())",
    )
    .bind(long)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into deferred_index (name, method, definition)
         values ('own', 'btree', 'create index own on company ((raw ->> ''name''))')",
    )
    .execute(&pool)
    .await
    .unwrap();
    let last =
        "delete from seaql_migrations where version = (select max(version) from seaql_migrations)";
    sqlx::query(last).execute(&pool).await.unwrap();
    closegraph_migration::up(&orm).await.unwrap();
    assert_eq!(schema(&pool).await, whole);
    let left = "select name from deferred_index";
    let left: Vec<String> = sqlx::query_scalar(left).fetch_all(&pool).await.unwrap();
    assert_eq!(left, ["own"]);
}
