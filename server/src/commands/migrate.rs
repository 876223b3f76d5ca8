//! `closegraph migrate`.

use crate::cli::Direction;
use crate::config::Config;
use crate::database::Database;
use closegraph_migration::{Migrator, MigratorTrait};

pub(super) async fn run(config: &Config, direction: Direction) -> anyhow::Result<()> {
    let database = Database::open(config).await?;
    let done = act(&database, direction).await;
    database.close().await;
    super::print(&done?)
}

async fn act(database: &Database, direction: Direction) -> anyhow::Result<String> {
    let orm = database.orm();
    match direction {
        Direction::Up => database.migrate().await?,
        Direction::Down => Migrator::down(&orm, None).await?,
        Direction::Status => {}
    }
    let names = |steps: Vec<_>| {
        steps
            .iter()
            .map(closegraph_migration::name)
            .collect::<Vec<_>>()
    };
    let (applied, pending) = (
        names(Migrator::get_applied_migrations(&orm).await?),
        names(Migrator::get_pending_migrations(&orm).await?),
    );
    Ok(format!(
        "applied: {}\npending: {}",
        list(&applied),
        list(&pending)
    ))
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
