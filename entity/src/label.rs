//! What statuses and pipelines are called. An object carries the name that its status had when it was last written; the
//! settings have the name of today.

use sea_orm::entity::prelude::*;

/// A status of leads, a status of opportunities or a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "label")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    /// Close's `stat_…` or `pipe_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub close_id: String,
    pub name: String,
    /// Place on its board.
    pub position: i32,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
