//! Indexes that a first load has put aside, until they are built over all rows at once.

use sea_orm::entity::prelude::*;

/// An index that is not there.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deferred_index")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Postgres's word for its kind, such as `btree`.
    pub method: String,
    /// The statement that creates it.
    pub definition: String,
    /// Since when it is to be built; where a row did not fit into it, a day after that was found.
    pub deferred_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
