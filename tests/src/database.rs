//! A Postgres of a test's own, with our tables.

use crate::PrivatePostgres;
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// A migrated database. Its server is gone when this is dropped.
#[derive(Debug)]
pub struct Database {
    pub pool: PgPool,
    url: String,
    server: PrivatePostgres,
}

impl Database {
    /// A database whose sessions have the given settings.
    pub async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let server = PrivatePostgres::start().await?;
        let url = server.database("closegraph").await?;
        let options = PgConnectOptions::from_str(&url)?.options(settings.iter().copied());
        let pool = PgPoolOptions::new().connect_with(options).await?;
        closegraph_migration::up(&orm(&pool)).await?;
        Ok(Self { pool, url, server })
    }

    /// Another pool, as the server makes it: sessions are not tried before they are used.
    pub async fn pool_of_server(&self) -> anyhow::Result<PgPool> {
        let options = PgPoolOptions::new()
            .max_connections(16)
            .test_before_acquire(false);
        let sessions = self.pool.connect_options();
        Ok(options.connect_with((*sessions).clone()).await?)
    }

    /// Its address, for other programs.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends all sessions, as a restart of the server does.
    pub async fn cut_connections(&self) -> anyhow::Result<()> {
        self.administer(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'closegraph'",
        )
        .await
    }

    /// Lets nobody in for a while.
    pub async fn close_for(&self, span: Duration) -> anyhow::Result<()> {
        self.administer("alter database closegraph with allow_connections false")
            .await?;
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.cut_connections().await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.administer("alter database closegraph with allow_connections true")
            .await
    }

    async fn administer(&self, statement: &'static str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.server.maintenance_url()).await?;
        connection.execute(statement).await?;
        Ok(())
    }

    /// The pool as SeaORM wants it.
    pub fn orm(&self) -> DatabaseConnection {
        orm(&self.pool)
    }
}

fn orm(pool: &PgPool) -> DatabaseConnection {
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone())
}
