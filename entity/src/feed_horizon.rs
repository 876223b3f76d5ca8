//! How far the retention of the feed went: a reader that stands before it has missed entries.

use sea_orm::entity::prelude::*;

/// The newest entry of a connection that is not kept any more.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "feed_horizon")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    /// The transaction that wrote it.
    #[sea_orm(select_as = "text", save_as = "xid8")]
    pub xid: String,
    pub seq: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
