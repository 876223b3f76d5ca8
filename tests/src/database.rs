//! A Postgres of a test's own, with our tables.

use closegraph::postgres::{EmbeddedPostgres, PostgresOptions};
use closegraph_migration::{Migrator, MigratorTrait};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::str::FromStr;
use tempfile::TempDir;

/// A migrated database. Its server stops, and its folder goes, when this is dropped.
#[derive(Debug)]
pub struct Database {
    pub pool: PgPool,
    _server: EmbeddedPostgres,
    _folder: TempDir,
}

impl Database {
    /// A database whose sessions have the given settings.
    pub async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let options = PostgresOptions {
            data_dir: folder.path().to_owned(),
            bin_dir: None,
        };
        let server = EmbeddedPostgres::start(&options).await?;
        let options = PgConnectOptions::from_str(&server.maintenance_url())?
            .options(settings.iter().copied());
        let pool = PgPoolOptions::new().connect_with(options).await?;
        Migrator::up(&orm(&pool), None).await?;
        Ok(Self {
            pool,
            _server: server,
            _folder: folder,
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
