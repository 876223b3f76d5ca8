//! Schema steps, up and down, in SQL: what the entity crate reads is what stands here.

use sea_orm_migration::prelude::*;

mod m0001_connection;
mod m0002_mirror;
mod m0003_inbox;
mod m0004_run;
mod m0005_reconcile;
mod m0007_label;
mod m0008_rate_limit;

pub use sea_orm_migration::MigratorTrait;

/// The name of a step.
pub fn name(step: &sea_orm_migration::Migration) -> String {
    step.name().to_owned()
}

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_connection::Migration),
            Box::new(m0002_mirror::Migration),
            Box::new(m0003_inbox::Migration),
            Box::new(m0004_run::Migration),
            Box::new(m0005_reconcile::Migration),
            Box::new(m0007_label::Migration),
            Box::new(m0008_rate_limit::Migration),
        ]
    }
}
