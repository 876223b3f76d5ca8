//! The tables that all servers answer from.

use anyhow::Context;
use closegraph_tests::Database;
use sqlx::{AssertSqlSafe, Executor};

/// The connection of all rows.
pub(crate) const CONNECTION: &str = "00000000-0000-4000-8000-00000000be4c";
const SEED: &str = include_str!("../questions/seed.sql");

/// A database with so many companies, and in proportion people, transactions and invoices.
pub(crate) async fn seeded(companies: u32) -> anyhow::Result<Database> {
    let database = Database::start(&[]).await?;
    let seed = SEED
        .replace("{companies}", &companies.to_string())
        .replace("{connection}", CONNECTION);
    database
        .pool
        .execute(AssertSqlSafe(seed))
        .await
        .context("the rows can't be made")?;
    for settled in ["vacuum analyze", "checkpoint"] {
        database.pool.execute(settled).await?;
    }
    Ok(database)
}

/// The ids of a hundred companies.
pub(crate) async fn some_companies(database: &Database) -> anyhow::Result<Vec<String>> {
    let query = "select id::text from company order by name limit 100";
    Ok(sqlx::query_scalar(query).fetch_all(&database.pool).await?)
}
