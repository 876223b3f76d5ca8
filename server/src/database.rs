//! The database that a command works on: the one of `DATABASE_URL`, else the embedded one.

use crate::config::Config;
use crate::postgres::{EmbeddedPostgres, PostgresOptions};
use anyhow::Context;
use closegraph_migration::{Migrator, MigratorTrait};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Executor, PgConnection};
use std::str::FromStr;
use std::time::Duration;

/// An open database, and the server that was started for it.
#[derive(Debug)]
pub struct Database {
    pub pool: PgPool,
    embedded: Option<EmbeddedPostgres>,
}

impl Database {
    /// Opens the database; an embedded server is started first.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let (url, embedded) = match &config.database.url {
            Some(url) => (url.expose_secret().to_owned(), None),
            None => {
                let options = PostgresOptions {
                    data_dir: config.data_dir(),
                    bin_dir: config.postgres.bin_dir.clone(),
                };
                let server = EmbeddedPostgres::start(&options).await?;
                create_database(&server).await?;
                (server.url(), Some(server))
            }
        };
        // The password stands in the address, so the address is not shown.
        let options = PgConnectOptions::from_str(&url)
            .context("database.url is no address of a Postgres, such as postgres://user:password@host/database")?
            .application_name("closegraph")
            .statement_cache_capacity(512)
            .options([("statement_timeout", config.database.statement_timeout_ms.to_string())])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(config.database.max_connections)
            .acquire_timeout(Duration::from_secs(10))
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .context("the database can't be reached")?;
        Ok(Self { pool, embedded })
    }

    /// The pool as SeaORM wants it.
    pub fn orm(&self) -> DatabaseConnection {
        SqlxPostgresConnector::from_sqlx_postgres_pool(self.pool.clone())
    }

    /// Brings the schema up to date. Two processes that start at once take turns.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let mut turn = self.pool.acquire().await?.detach();
        turn.execute("select pg_advisory_lock(hashtextextended('closegraph/migrate', 0))")
            .await?;
        Migrator::up(&self.orm(), None)
            .await
            .context("the schema can't be brought up to date")?;
        drop(turn);
        Ok(())
    }

    /// Closes the pool, then stops the embedded server.
    pub async fn close(self) {
        self.pool.close().await;
        if let Some(server) = self.embedded {
            server.stop().await;
        }
    }
}

async fn create_database(server: &EmbeddedPostgres) -> anyhow::Result<()> {
    let options =
        PgConnectOptions::from_str(&server.maintenance_url())?.disable_statement_logging();
    let mut connection: PgConnection = options
        .connect()
        .await
        .context("Postgres does not answer")?;
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = 'closegraph')")
            .fetch_one(&mut connection)
            .await?;
    if !exists {
        connection.execute("create database closegraph").await?;
    }
    Ok(())
}
