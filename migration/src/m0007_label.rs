//! Names of statuses and pipelines, as the organization's settings have them now.

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
            .execute_unprepared("drop table label;")
            .await
            .map(drop)
    }
}

const UP: &str = r"
create table label (
    connection_id uuid not null,
    close_id text not null,
    name text not null,
    primary key (connection_id, close_id)
);
";
