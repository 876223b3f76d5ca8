//! A Postgres of a test's own, with our tables.

use crate::PrivatePostgres;
use closegraph_migration::{Migrator, MigratorTrait};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::str::FromStr;

/// A migrated database. Its server is gone when this is dropped.
#[derive(Debug)]
pub struct Database {
    pub pool: PgPool,
    _server: PrivatePostgres,
}

impl Database {
    /// A database whose sessions have the given settings.
    pub async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let server = PrivatePostgres::start().await?;
        let url = server.database("closegraph").await?;
        let options = PgConnectOptions::from_str(&url)?.options(settings.iter().copied());
        let pool = PgPoolOptions::new().connect_with(options).await?;
        Migrator::up(&orm(&pool), None).await?;
        Ok(Self {
            pool,
            _server: server,
        })
    }

    /// The pool as SeaORM wants it.
    pub fn orm(&self) -> DatabaseConnection {
        orm(&self.pool)
    }
}

fn orm(pool: &PgPool) -> DatabaseConnection {
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone())
}
