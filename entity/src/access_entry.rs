//! Who changed what: the access log. Entries are added in the transaction of the change, and never changed or deleted.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// One change, by a token, by a person who signed in, or on the command line.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_entry")]
pub struct Model {
    /// Order in which entries were added.
    #[sea_orm(primary_key)]
    pub seq: i64,
    #[sea_orm(unique)]
    pub id: Uuid,
    pub at: DateTimeUtc,
    /// Name of the token, or the command, or the person whom a provider named: subject and issuer.
    pub actor: String,
    /// The token; null for a command, and for a person.
    pub token_id: Option<Uuid>,
    /// By which the token is recognized.
    pub token_prefix: Option<String>,
    pub action: Action,
    /// Connections that it was about; null means all.
    pub connections: Option<Vec<Uuid>>,
    /// Id of the token or record that was changed.
    pub subject_id: Option<Uuid>,
    /// What else there is to say, without anything of people or secrets.
    #[sea_orm(column_type = "JsonBinary")]
    pub details: Json,
}

/// Adds an entry: actor, token and its prefix, action, connections, subject, details.
pub const RECORD: &str = "
    insert into access_entry (actor, token_id, token_prefix, action, connections, subject_id, details)
    values ($1, $2, $3, $4, $5, $6, $7)";

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Action {
    TokenCreated,
    TokenRevoked,
    EventsReplayed,
    EventsDiscarded,
    RecordsLinked,
    RecordsUnlinked,
    MappingSet,
    MappingReset,
    SignedIn,
    SignedOut,
    PersonForgotten,
    PersonExported,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
