//! A Postgres for one test, without a Closegraph.

use crate::data_dir::DataDir;
use anyhow::Context;
use closegraph::postgres::{EmbeddedPostgres, PostgresOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A server with a data directory of its own. Dropping it stops the server and removes the directory.
#[derive(Debug)]
pub struct PrivatePostgres {
    // Dropped in this order.
    server: EmbeddedPostgres,
    _data_dir: DataDir,
}

impl PrivatePostgres {
    /// Starts it.
    pub async fn start() -> anyhow::Result<Self> {
        let data_dir = DataDir::new()?;
        let options = PostgresOptions {
            data_dir: data_dir.path().to_owned(),
            bin_dir: None,
        };
        Ok(Self {
            server: EmbeddedPostgres::start(&options).await?,
            _data_dir: data_dir,
        })
    }

    /// Address of the database that every server has.
    pub fn maintenance_url(&self) -> String {
        self.server.maintenance_url()
    }

    /// Makes an empty database and answers its address.
    pub async fn database(&self, name: &str) -> anyhow::Result<String> {
        let maintenance = self.server.maintenance_url();
        let mut connection = PgConnection::connect(&maintenance).await?;
        let create = format!(r#"create database "{name}""#);
        connection.execute(AssertSqlSafe(create)).await?;
        let (server, _) = maintenance.rsplit_once('/').context("no database")?;
        Ok(format!("{server}/{name}"))
    }
}
