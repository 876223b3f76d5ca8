//! `closegraph migrate`.

use super::Usage;
use crate::cli::{Direction, MigrateArgs};
use crate::config::Config;
use crate::database::Database;
use closegraph_migration::{Migrator, MigratorTrait};

pub(super) async fn run(config: &Config, args: &MigrateArgs) -> anyhow::Result<()> {
    if matches!(args.direction, Direction::Down) && !args.yes {
        let refusal = "migrate down drops every table with its data: the mirror, which Close can fill again, and \
                       connections, tokens, events and the audit trail, which nothing brings back. Nothing was done. \
                       Back the database up, then say closegraph migrate down --yes";
        return Err(Usage(refusal.to_owned()).into());
    }
    let done = super::on_database(config, async |database| act(database, args.direction).await);
    super::print(&done.await?)
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
