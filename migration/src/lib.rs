//! Schema steps, up and down, in SQL: what the entity crate reads is what stands here.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, RuntimeErr, Statement, TransactionTrait,
};

mod m0001_connection;
mod m0002_mirror;
mod m0003_inbox;
mod m0004_run;
mod m0005_reconcile;
mod m0006_retention;
mod m0007_label;
mod m0008_rate_limit;
mod m0009_delivery;
mod m0010_receivable;
mod m0011_feed;
mod m0012_search;
mod m0013_token_budget;
mod m0014_exchange_rate;
mod m0015_revenue_day;
mod m0016_authorization;
mod m0017_access;
mod m0018_row_level_security;
mod m0019_privacy;
mod m0020_browser_session;
mod m0021_handed_keys;
mod m0022_deferred_index;
mod m0023_compression;

pub use sea_orm_migration::MigratorTrait;

/// A step, in SQL.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Kept in the database: it never changes.
    name: &'static str,
    up: &'static str,
    down: &'static str,
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(self.up).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(self.down).await.map(drop)
    }
}

/// The name of a step.
pub fn name(step: &sea_orm_migration::Migration) -> String {
    step.name().to_owned()
}

/// Takes all steps that are still to be taken, and has Postgres protect what is there then: which rows and columns the roles
/// see that the API reads in.
pub async fn up(database: &DatabaseConnection) -> Result<(), DbErr> {
    build_indexes(database).await?;
    Migrator::up(database, None).await?;
    let protected = database.execute_unprepared("call closegraph_protect()");
    protected.await.map(drop)
}

/// A step may expect any index of the steps before it: those that a load has put aside are built before one is taken.
async fn build_indexes(database: &DatabaseConnection) -> Result<(), DbErr> {
    let knows_them = SchemaManager::new(database)
        .has_table("deferred_index")
        .await?;
    if !knows_them || Migrator::get_pending_migrations(database).await?.is_empty() {
        return Ok(());
    }
    let names = "select name from deferred_index order by name";
    let backend = database.get_database_backend();
    for row in database
        .query_all_raw(Statement::from_string(backend, names))
        .await?
    {
        let name: String = row.try_get("", "name")?;
        let build = "select closegraph_build_index($1)";
        let build = Statement::from_sql_and_values(backend, build, [name.into()]);
        let transaction = database.begin().await?;
        transaction
            .execute_unprepared("set local statement_timeout = 0; set local lock_timeout = '10s'")
            .await?;
        match transaction.execute_raw(build).await {
            Ok(_) => transaction.commit().await?,
            // An index of an operator's own into which a row does not fit: no step knows of it.
            Err(error) if refuses_content(&error) => transaction.rollback().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether Postgres said that it will never take this: bad data (class 22), or more than its limits (class 54).
fn refuses_content(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let code = error
        .as_database_error()
        .and_then(sea_orm::sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("54"))
}

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_connection::STEP),
            Box::new(m0002_mirror::STEP),
            Box::new(m0003_inbox::STEP),
            Box::new(m0004_run::STEP),
            Box::new(m0005_reconcile::STEP),
            Box::new(m0006_retention::STEP),
            Box::new(m0007_label::STEP),
            Box::new(m0008_rate_limit::STEP),
            Box::new(m0009_delivery::STEP),
            Box::new(m0010_receivable::STEP),
            Box::new(m0011_feed::STEP),
            Box::new(m0012_search::STEP),
            Box::new(m0013_token_budget::STEP),
            Box::new(m0014_exchange_rate::STEP),
            Box::new(m0015_revenue_day::STEP),
            Box::new(m0016_authorization::STEP),
            Box::new(m0017_access::STEP),
            Box::new(m0018_row_level_security::STEP),
            Box::new(m0019_privacy::STEP),
            Box::new(m0020_browser_session::STEP),
            Box::new(m0021_handed_keys::STEP),
            Box::new(m0022_deferred_index::STEP),
            Box::new(m0023_compression::STEP),
        ]
    }
}
