//! The entities are the migrated schema: tables, columns, types, keys and the words of enums.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use closegraph_entity::{
    access_entry, api_token, audit_entry, authorization_attempt, browser_session, change_feed,
    company, connection, custom_field, custom_record, custom_type, deferred_index, delivery, drift,
    event, exchange_rate, feed_horizon, invoice_mapping, label, link, match_queue, member,
    opportunity, paid_amount, person, rate_limit, receivable, receivable_line, record, revenue_day,
    sync_checkpoint, sync_run, token_use, tombstone, transaction,
};
use closegraph_migration::{Migrator, MigratorTrait};
use closegraph_tests::PrivatePostgres;
use sea_orm::sea_query::ColumnType;
use sea_orm::{
    ActiveEnum, ColumnTrait, DatabaseConnection, EntityTrait, IdenStatic, Iterable, QuerySelect,
    SqlxPostgresConnector,
};
use sqlx::PgPool;
use std::collections::{BTreeMap, BTreeSet};

/// A table: its columns with type and whether they take null, and its key.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    columns: BTreeMap<String, (String, bool)>,
    key: Vec<String>,
}

/// Postgres' name of a type that entities use.
fn type_name(column_type: &ColumnType) -> String {
    match column_type {
        ColumnType::Uuid => "uuid".into(),
        ColumnType::String(_) | ColumnType::Text => "text".into(),
        ColumnType::SmallInteger => "int2".into(),
        ColumnType::Integer => "int4".into(),
        ColumnType::BigInteger => "int8".into(),
        ColumnType::Boolean => "bool".into(),
        ColumnType::Date => "date".into(),
        ColumnType::TimestampWithTimeZone => "timestamptz".into(),
        ColumnType::JsonBinary => "jsonb".into(),
        ColumnType::Decimal(_) => "numeric".into(),
        ColumnType::VarBinary(_) | ColumnType::Binary(_) | ColumnType::Blob => "bytea".into(),
        ColumnType::Array(element) => format!("_{}", type_name(element)),
        other => format!("{other:?}"),
    }
}

/// A table as its entity describes it, after a select of all of it.
async fn described<E: EntityTrait>(orm: &DatabaseConnection, entity: E) -> (String, Table) {
    let found = E::find().limit(0).all(orm).await.unwrap();
    assert!(found.is_empty());
    let columns = E::Column::iter().map(|column| {
        let definition = column.def();
        let described = (
            type_name(definition.get_column_type()),
            definition.is_null(),
        );
        (column.as_str().to_owned(), described)
    });
    let key = <E::PrimaryKey as Iterable>::iter().map(|column| column.as_str().to_owned());
    let table = Table {
        columns: columns.collect(),
        key: key.collect(),
    };
    (entity.table_name().to_owned(), table)
}

async fn entities(orm: &DatabaseConnection) -> BTreeMap<String, Table> {
    BTreeMap::from([
        described(orm, access_entry::Entity).await,
        described(orm, api_token::Entity).await,
        described(orm, audit_entry::Entity).await,
        described(orm, authorization_attempt::Entity).await,
        described(orm, browser_session::Entity).await,
        described(orm, change_feed::Entity).await,
        described(orm, company::Entity).await,
        described(orm, connection::Entity).await,
        described(orm, custom_field::Entity).await,
        described(orm, custom_record::Entity).await,
        described(orm, custom_type::Entity).await,
        described(orm, deferred_index::Entity).await,
        described(orm, delivery::Entity).await,
        described(orm, drift::Entity).await,
        described(orm, event::Entity).await,
        described(orm, exchange_rate::Entity).await,
        described(orm, feed_horizon::Entity).await,
        described(orm, invoice_mapping::Entity).await,
        described(orm, label::Entity).await,
        described(orm, link::Entity).await,
        described(orm, match_queue::Entity).await,
        described(orm, member::Entity).await,
        described(orm, opportunity::Entity).await,
        described(orm, paid_amount::Entity).await,
        described(orm, person::Entity).await,
        described(orm, rate_limit::Entity).await,
        described(orm, receivable::Entity).await,
        described(orm, receivable_line::Entity).await,
        described(orm, revenue_day::Entity).await,
        described(orm, sync_checkpoint::Entity).await,
        described(orm, sync_run::Entity).await,
        described(orm, token_use::Entity).await,
        described(orm, tombstone::Entity).await,
        described(orm, transaction::Entity).await,
    ])
}

async fn migrated(pool: &PgPool) -> BTreeMap<String, Table> {
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "select table_name::text, column_name::text, udt_name::text, is_nullable = 'YES'
           from information_schema.columns join information_schema.tables using (table_schema, table_name)
          where table_type = 'BASE TABLE' and table_schema = 'public' and table_name <> 'seaql_migrations'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let keys: Vec<(String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text
           from information_schema.table_constraints
           join information_schema.key_column_usage using (constraint_name, table_name)
          where constraint_type = 'PRIMARY KEY' and table_constraints.table_schema = 'public'
            and table_name <> 'seaql_migrations'
          order by table_name, ordinal_position",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for (table, column, column_type, nullable) in columns {
        let table = tables.entry(table).or_default();
        table.columns.insert(column, (column_type, nullable));
    }
    for (table, column) in keys {
        tables.entry(table).or_default().key.push(column);
    }
    tables
}

async fn database(postgres: &PrivatePostgres) -> (PgPool, DatabaseConnection) {
    let url = postgres.database("entities").await.unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    let orm = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    Migrator::up(&orm, None).await.unwrap();
    (pool, orm)
}

#[tokio::test]
async fn each_table_has_an_entity_with_its_columns_types_and_key() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let (pool, orm) = database(&postgres).await;
    let (mut entities, migrated) = (entities(&orm).await, migrated(&pool).await);
    // The entities read and write it as text.
    for table in ["change_feed", "feed_horizon"] {
        let feed = entities.get_mut(table).unwrap();
        feed.columns.insert("xid".into(), ("xid8".into(), false));
    }
    let names = |tables: &BTreeMap<String, Table>| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&entities), names(&migrated));
    for (name, table) in &migrated {
        assert_eq!(&entities[name], table, "{name}");
    }
}

fn words<E: ActiveEnum<Value = String>>() -> BTreeSet<String> {
    E::iter().map(|word| word.to_value()).collect()
}

#[tokio::test]
async fn a_column_of_an_enum_takes_its_words_and_no_others() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let (pool, _) = database(&postgres).await;
    // A check of words is written back as: CHECK ((status = ANY (ARRAY['active'::text, …]))).
    let checks: Vec<(String, Vec<String>)> = sqlx::query_as(
        "select conrelid::regclass::text || '.' || attname,
                array(select word[1] from regexp_matches(pg_get_constraintdef(c.oid), '''([^'']*)''::text', 'g') word)
           from pg_constraint c join pg_attribute on attrelid = conrelid and attnum = conkey[1]
          where contype = 'c' and pg_get_constraintdef(c.oid) like '%::text%'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let checked: BTreeMap<String, BTreeSet<String>> = checks
        .into_iter()
        .map(|(column, words)| (column, words.into_iter().collect()))
        .collect();
    let enums = BTreeMap::from([
        ("access_entry.action", words::<access_entry::Action>()),
        ("api_token.role", words::<api_token::Role>()),
        ("audit_entry.action", words::<record::ChangeAction>()),
        ("browser_session.role", words::<api_token::Role>()),
        ("change_feed.action", words::<record::ChangeAction>()),
        ("connection.auth_method", words::<connection::AuthMethod>()),
        ("connection.source", words::<connection::Source>()),
        ("connection.status", words::<connection::Status>()),
        ("custom_record.kind", words::<custom_type::Kind>()),
        ("custom_type.kind", words::<custom_type::Kind>()),
        ("invoice_mapping.origin", words::<invoice_mapping::Origin>()),
        ("invoice_mapping.state", words::<invoice_mapping::State>()),
        ("link.origin", words::<link::Origin>()),
        ("link.state", words::<link::State>()),
        (
            "receivable.payment_status",
            words::<receivable::PaymentStatus>(),
        ),
        ("receivable.status", words::<receivable::Status>()),
        ("event.origin", words::<record::Origin>()),
        ("event.state", words::<event::State>()),
        ("opportunity.status", words::<opportunity::Status>()),
        (
            "opportunity.value_period",
            words::<opportunity::ValuePeriod>(),
        ),
        ("revenue_day.kind", words::<transaction::Kind>()),
        ("sync_run.kind", words::<sync_run::Kind>()),
        ("sync_run.status", words::<sync_run::Status>()),
        (
            "transaction.billing_period",
            words::<opportunity::ValuePeriod>(),
        ),
        ("transaction.kind", words::<transaction::Kind>()),
    ]);
    let enums: BTreeMap<String, BTreeSet<String>> = enums
        .into_iter()
        .map(|(column, words)| (column.to_owned(), words))
        .collect();
    assert_eq!(checked, enums);
}
