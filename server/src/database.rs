//! The database that a command works on: the one of `DATABASE_URL`, else the embedded one.

use crate::config::Config;
use crate::postgres::{EmbeddedPostgres, PostgresError, PostgresOptions};
use anyhow::Context;
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use std::str::FromStr;
use std::time::Duration;

/// How long a session may take to open.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open database, and the server that was started for it.
#[derive(Debug)]
pub struct Database {
    pub pool: PgPool,
    embedded: Option<EmbeddedPostgres>,
}

impl Database {
    /// Opens the database for a server; an embedded Postgres is started first.
    pub async fn serve(config: &Config) -> anyhow::Result<Self> {
        match &config.database.url {
            Some(url) => Self::connect(config, url.expose_secret(), None).await,
            None => Self::start(config, &embedded(config)).await,
        }
    }

    /// Opens the database for a command. Where a server of ours runs on the embedded Postgres, the command uses it, too.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let options = embedded(config);
        match Self::serve(config).await {
            Err(error) if is_in_use(&error) => match EmbeddedPostgres::url_of_running(&options) {
                Some(url) => Self::connect(config, &url, None).await,
                None => Err(error),
            },
            opened => opened,
        }
    }

    async fn start(config: &Config, options: &PostgresOptions) -> anyhow::Result<Self> {
        let server = EmbeddedPostgres::start(options).await?;
        create_database(&server).await?;
        let url = server.url();
        Self::connect(config, &url, Some(server)).await
    }

    async fn connect(
        config: &Config,
        url: &str,
        embedded: Option<EmbeddedPostgres>,
    ) -> anyhow::Result<Self> {
        // The password stands in the address, so the address is not shown.
        let options = PgConnectOptions::from_str(url)
            .context("database.url is no address of a Postgres, such as postgres://user:password@host/database")?
            .application_name("closegraph")
            .statement_cache_capacity(512)
            .options([
                ("statement_timeout", config.database.statement_timeout_ms.to_string()),
                // Not that a table is there already.
                ("client_min_messages", "warning".to_owned()),
            ])
            .disable_statement_logging();
        try_out(&options).await.with_context(|| {
            let database = options.get_database().unwrap_or("of the account's name");
            let (host, port) = (options.get_host(), options.get_port());
            format!("the database {database} at {host}:{port} can't be opened")
        })?;
        let pool = PgPoolOptions::new()
            .max_connections(config.database.max_connections)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .context("the database can't be opened")?;
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
        closegraph_migration::up(&self.orm())
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

/// Opens one session. The pool would repeat what fails until its time is over, and then not tell why.
async fn try_out(options: &PgConnectOptions) -> anyhow::Result<()> {
    let session = tokio::time::timeout(PATIENCE, options.connect()).await;
    let session =
        session.with_context(|| format!("no answer within {} s", PATIENCE.as_secs()))??;
    Ok(session.close().await?)
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

fn embedded(config: &Config) -> PostgresOptions {
    PostgresOptions {
        data_dir: config.data_dir(),
        bin_dir: config.postgres.bin_dir.clone(),
    }
}

fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<PostgresError>(),
        Some(PostgresError::InUse(_))
    )
}
