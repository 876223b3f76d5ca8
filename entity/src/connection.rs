//! A Close organization that this deployment mirrors.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// One organization and how we reach it. Secrets are sealed (see the sync crate's vault), never plain.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub source: Source,
    pub auth_method: AuthMethod,
    pub status: Status,
    /// Why the connection is in this status, or what it can't see, in words for its operator.
    pub status_reason: Option<String>,
    /// Close's `orga_…`.
    pub organization_id: String,
    pub organization_name: Option<String>,
    /// ISO 4217. Close keeps one currency for an organization.
    pub currency: String,
    /// IANA name; periods such as "this quarter" follow it.
    pub time_zone: String,
    /// Month (1 to 12) in which the fiscal year starts.
    pub fiscal_year_start: i16,
    /// Decimal places of the integers in which Close sends money. Close multiplies by 100 whatever the currency.
    pub value_exponent: i16,
    /// Deals worth at least so many minor units of `currency` are of high value; absent means that none are.
    pub high_value_minor: Option<i64>,
    /// The rules by which won deals get a category; absent means those that come with the program.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub category_rules: Option<Json>,
    /// Root of the REST API, ending in a slash; of a connection by MCP the address of the MCP server.
    pub base_url: String,
    pub credential: Option<Vec<u8>>,
    /// What was asked of Close and what it granted: `[{"name", "granted"}]`, see [`crate::permission`].
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: Json,
    pub webhook_subscription_id: Option<String>,
    pub webhook_signing_key: Option<Vec<u8>>,
    pub webhook_url: Option<String>,
    pub webhook_status: Option<String>,
    /// The key of the subscription before this one; deliveries that it signed are still accepted.
    pub webhook_old_signing_key: Option<Vec<u8>>,
    /// Keys of subscriptions that a person made by hand, sealed together; such a subscription is never touched by us.
    pub webhook_handed_keys: Option<Vec<u8>>,
    /// When the subscription was last compared with what it should be.
    pub webhook_checked_at: Option<DateTimeUtc>,
    /// What was found wrong with the subscription and could not be repaired, in words for its operator.
    pub webhook_problem: Option<String>,
    /// When members, custom fields and the organization itself were last read.
    pub settings_read_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// The system on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Close,
}

/// How we authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    ApiKey,
    #[sea_orm(string_value = "oauth")]
    #[serde(rename = "oauth")]
    OAuth,
    Mcp,
}

/// Whether the connection is being synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Active,
    Paused,
    /// Close refused our credential; a person has to connect again.
    NeedsReconnect,
    Disconnected,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
