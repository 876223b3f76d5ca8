//! Bodies of events are trimmed before their rows: what is left says what came and what became of it.

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
            .execute_unprepared(DOWN)
            .await
            .map(drop)
    }
}

const UP: &str = r"
alter table event alter column payload drop not null;
create index event_body on event (finished_at)
    where payload is not null and state in ('applied', 'unchanged', 'stale', 'ignored', 'discarded');
";

const DOWN: &str = r"
drop index event_body;
update event set payload = '{}' where payload is null;
alter table event alter column payload set not null;
";
