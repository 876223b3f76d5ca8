//! What all processes know of how fast Close may be asked. It is worth nothing after a crash, so it is not logged.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(UP)
            .await
            .map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared("drop table rate_limit;")
            .await
            .map(drop)
    }
}

const UP: &str = r"
create unlogged table rate_limit (
    connection_id uuid primary key,
    state jsonb not null
);
";
