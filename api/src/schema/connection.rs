//! Connection.

use async_graphql::{ComplexObject, ID, SimpleObject};
use chrono::{DateTime, Utc};
use closegraph_entity::permission;
use serde::Deserialize;

use super::page::pages_of;
use super::record::RecordType;
use super::sync_run::{self, SyncRunConnection, SyncRunFilter, SyncRunOrder};
use crate::query::operators::word_enum;
use crate::query::run::Answers;
use crate::query::table::{Composite, Field, ID as KEY, Many, Table};
use crate::query::written::composite;

pub(crate) static TABLE: Table = Table {
    name: "connection",
    graphql: "Connection",
    connection: "id",
    key: KEY,
    fields: &[
        Field("id", "{t}.id"),
        Field("source", "{t}.source"),
        Field("organizationId", "{t}.organization_id"),
        Field("organizationName", "{t}.organization_name"),
        Field("authMethod", "{t}.auth_method"),
        Field("status", "{t}.status"),
        Field("statusReason", "{t}.status_reason"),
        Field("currency", "{t}.currency"),
        Field("timeZone", "{t}.time_zone"),
        Field("fiscalYearStart", "{t}.fiscal_year_start"),
        Field("createdAt", "{t}.created_at"),
    ],
    composites: &[
        Composite("scopes", "{t}.scopes", composite::<Vec<GrantedScope>>),
        Composite("webhook", "json_build_object('status', {t}.webhook_status, 'subscriptionId', {t}.webhook_subscription_id, 'url', {t}.webhook_url,
                'checkedAt', {t}.webhook_checked_at, 'problem', {t}.webhook_problem,
                'lastReceivedAt', greatest((select max(d.received_at) from delivery d where d.connection_id = {t}.id),
                                           (select w.delivered_at from event w
                                             where w.connection_id = {t}.id and w.delivered_at is not null
                                             order by w.received_at desc limit 1)))", composite::<Webhook>),
        Composite("drift", // Custom objects and activities are compared apart, and mean invoices.
            "(select json_build_object('checkedAt', max(d.checked_at), 'compared', sum(d.compared)::bigint,
                        'missing', sum(d.missing)::bigint, 'extra', sum(d.extra)::bigint, 'stale', sum(d.stale)::bigint,
                        'repaired', sum(d.repaired)::bigint,
                        'types', json_agg(json_build_object(
                            'recordType', d.shown, 'compared', d.compared,
                            'missing', d.missing, 'extra', d.extra, 'stale', d.stale, 'repaired', d.repaired,
                            'examples', d.examples) order by d.shown))
                from (select case when e.record_type in ('custom_object', 'custom_activity') then 'receivable'
                                  else e.record_type end as shown,
                             max(e.checked_at) as checked_at, sum(e.compared)::bigint as compared,
                             sum(e.missing)::bigint as missing, sum(e.extra)::bigint as extra,
                             sum(e.stale)::bigint as stale, sum(e.repaired)::bigint as repaired,
                             jsonb_path_query_array(jsonb_agg(e.examples), '$[*][*]') as examples
                        from drift e where e.connection_id = {t}.id group by 1) d having count(*) > 0)", composite::<Option<Drift>>),
        Composite("lag", "(select json_build_object('pendingEvents', count(*),
                        'seconds', coalesce(greatest(0, extract(epoch from now() - min(w.received_at)))::bigint, 0),
                        'deadLetters', (select count(*) from event d where d.connection_id = {t}.id and d.state = 'dead'))
                from (select e.received_at from event e where e.connection_id = {t}.id and e.state in ('pending', 'failed')
                       union all
                      select d.received_at from delivery d where d.connection_id = {t}.id) w)", composite::<Lag>),
    ],
    amounts: &[],
    one: &[],
    many: &[Many { field: "runs", table: &sync_run::TABLE, on: "{x}.connection_id = {t}.id", page: sync_run::page }],
    lists: &[],
    money: None,
    record_id: closegraph_entity::record::record_id,
    // Not what is sealed, which no question reads.
    columns: Some(&[
        "id", "source", "organization_id", "organization_name", "auth_method", "status", "status_reason", "currency", "time_zone",
        "fiscal_year_start", "scopes", "webhook_status", "webhook_subscription_id", "webhook_url", "webhook_checked_at",
        "webhook_problem", "created_at",
    ]),
    part_of: None,
};

word_enum! {
    /// The system on the other side.
    Source {
        /// The Close CRM.
        Close = "close",
    }
}

word_enum! {
    /// How we authenticate at the source.
    AuthMethod {
        /// By an API key.
        ApiKey = "api_key",
        /// By OAuth.
        Oauth = "oauth",
        /// By OAuth at Close's MCP server.
        Mcp = "mcp",
    }
}

word_enum! {
    /// Whether a connection is being synced.
    ConnectionStatus {
        /// It is being synced.
        Active = "active",
        /// A person stopped it for a while.
        Paused = "paused",
        /// The source refused our credential; a person has to connect again.
        NeedsReconnect = "needs_reconnect",
        /// It was given up; what is mirrored stays.
        Disconnected = "disconnected",
    }
}

/// A right that was asked of Close, or that its user needs there to see everything.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default)]
#[graphql(complex)]
pub(crate) struct GrantedScope {
    /// Name of the right, such as mcp.read or event_data.
    name: String,
    /// Whether there is it. What Close does not let us know stands in no row.
    granted: bool,
}

#[ComplexObject]
impl GrantedScope {
    /// What it is for.
    async fn description(&self) -> &str {
        permission::find(&self.name).map_or("", |right| right.description)
    }

    /// What is missing where it is not granted; null where nothing is.
    async fn missing(&self) -> Option<&str> {
        if self.granted {
            return None;
        }
        permission::find(&self.name).map(|right| right.without)
    }
}

/// The subscription by which Close pushes changes.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Webhook {
    /// As Close says, active or paused; null without a subscription of ours, also where a person made one by hand.
    status: Option<String>,
    /// When the last delivery arrived.
    last_received_at: Option<DateTime<Utc>>,
    /// Id of the subscription in Close, `whsub_…`.
    subscription_id: Option<String>,
    /// Where Close delivers.
    url: Option<String>,
    /// When it was last compared with what it should be.
    checked_at: Option<DateTime<Utc>>,
    /// What is wrong with it and could not be repaired.
    problem: Option<String>,
}

/// A difference between Close and the mirror.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct DriftExample {
    /// Id in Close.
    close_id: String,
    /// What is different: missing, extra or stale.
    kind: String,
}

/// What the last comparison found of one type, before any repair.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TypeDrift {
    /// The type of the records.
    record_type: RecordType,
    /// Records that Close has.
    compared: i64,
    /// Records that Close has and the mirror lacks.
    missing: i64,
    /// Records that the mirror has and Close lacks.
    extra: i64,
    /// Records whose content is older than Close's.
    stale: i64,
    /// How many of these were repaired.
    repaired: i64,
    /// Some of them, ten at most.
    examples: Vec<DriftExample>,
}

/// What the last comparison of every id and version with Close found, before any repair.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Drift {
    /// When it was compared.
    checked_at: DateTime<Utc>,
    /// Records that Close has.
    compared: i64,
    /// Records that Close has and the mirror lacks.
    missing: i64,
    /// Records that the mirror has and Close lacks.
    extra: i64,
    /// Records whose content is older than Close's.
    stale: i64,
    /// How many of these were repaired.
    repaired: i64,
    /// The same by type.
    types: Vec<TypeDrift>,
}

/// How far the mirror is behind what has arrived.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Lag {
    /// Age of the oldest event that waits, in seconds; 0 when none does.
    seconds: i64,
    /// Events that wait.
    pending_events: i64,
    /// Events that were given up.
    dead_letters: i64,
}

/// A Close organization that is mirrored.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
#[graphql(complex)]
pub(crate) struct Connection {
    /// Id in this deployment, a UUID.
    pub id: ID,
    /// The system on the other side.
    pub source: Source,
    /// Id of the organization in Close, `orga_…`.
    pub organization_id: String,
    /// Name of the organization in Close.
    pub organization_name: Option<String>,
    /// How we authenticate at Close.
    pub auth_method: AuthMethod,
    /// Whether it is being synced.
    pub status: ConnectionStatus,
    /// Why it is in this status.
    pub status_reason: Option<String>,
    /// ISO 4217; Close keeps one currency for an organization.
    pub currency: String,
    /// IANA name; periods follow it.
    pub time_zone: String,
    /// Month, 1 to 12, in which the fiscal year starts.
    pub fiscal_year_start: i32,
    /// When it was made here.
    pub created_at: DateTime<Utc>,
    /// What was asked of Close, and what the credential's user may see there: whether it is granted, and what is missing
    /// where it is not.
    pub scopes: Vec<GrantedScope>,
    /// The subscription by which Close pushes changes.
    pub webhook: Webhook,
    /// How far the mirror is behind what has arrived.
    pub lag: Lag,
    /// What the last comparison with Close found; null until there was one.
    pub drift: Option<Drift>,
    #[graphql(skip)]
    runs: Answers<SyncRunConnection>,
}

pages_of!(Connection {
    /// Runs of sync tasks, the newest first.
    runs: SyncRunConnection, SyncRunFilter, SyncRunOrder;
});
