//! Member.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::audit_entry::{self, AuditEntryConnection, AuditEntryFilter, AuditEntryOrder};
use super::connection::{self, Connection};
use super::inputs;
use super::opportunity::{self, OpportunityConnection, OpportunityFilter, OpportunityOrder};
use super::page;
use super::page::{page_types, pages_of};
use super::record::{CustomField, custom_fields, shared_fields};
use crate::query::operators::{DateTimeFilter, IdFilter, TextFilter};
use crate::query::run::Answers;
use crate::query::table::{Composite, Field, ID as KEY, Many, One, Table};
use crate::query::written::composite;

pub(crate) static TABLE: Table = Table {
    name: "member",
    graphql: "Member",
    connection: "connection_id",
    key: KEY,
    fields: shared_fields!(
        "null",
        Field("name", "{t}.name"),
        Field("firstName", "{t}.first_name"),
        Field("lastName", "{t}.last_name"),
        Field("email", "{t}.email"),
        Field("timeZone", "{t}.time_zone"),
    ),
    composites: &[Composite(
        "customFields",
        custom_fields!("member"),
        composite::<Vec<CustomField>>,
    )],
    amounts: &[],
    one: &[One {
        field: "connection",
        table: &connection::TABLE,
        on: "{x}.id = {t}.connection_id",
    }],
    many: &[
        Many {
            field: "opportunities",
            table: &opportunity::TABLE,
            on: "{x}.owner_id = {t}.id",
            page: page::<OpportunityFilter, OpportunityOrder>,
        },
        Many {
            field: "auditTrail",
            table: &audit_entry::TABLE,
            on: "{x}.record_id = {t}.id",
            page: audit_entry::page,
        },
    ],
    lists: &[],
    money: None,
    record_id: closegraph_entity::record::record_id,
    columns: None,
    part_of: None,
};

/// A user of the Close organization: owner of deals, actor of changes.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
#[graphql(complex)]
pub(crate) struct Member {
    /// Id in this deployment, a UUID.
    pub id: ID,
    /// Id in Close, `user_…`.
    pub close_id: String,
    /// Null: Close has no page for a user.
    pub source_url: Option<String>,
    /// The organization that it is mirrored from.
    pub connection: Connection,
    /// When it was created in Close.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last changed in Close: its version.
    pub updated_at: DateTime<Utc>,
    /// When the mirror last wrote it.
    pub synced_at: DateTime<Utc>,
    /// Custom fields that have a value.
    pub custom_fields: Vec<CustomField>,
    /// The full name.
    pub name: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    #[graphql(skip)]
    opportunities: Answers<OpportunityConnection>,
    #[graphql(skip)]
    audit_trail: Answers<AuditEntryConnection>,
}

pages_of!(Member {
    /// The deals that the member owns.
    opportunities: OpportunityConnection, OpportunityFilter, OpportunityOrder;
    /// What happened to the record, the newest first.
    audit_trail: AuditEntryConnection, AuditEntryFilter, AuditEntryOrder;
});

page_types!(MemberConnection, MemberEdge, Member, "members");

inputs! {
    MemberFilter, MemberOrder, MemberOrderField;
    close_id { close_id }
    columns {
        /// The id here.
        id: IdFilter => "id" Uuid false;
        /// The name.
        name: TextFilter => "name" Text true;
        /// The e-mail address.
        email: TextFilter => "email" Text true;
        /// The first name.
        first_name: TextFilter => "first_name" Text true;
        /// The last name.
        last_name: TextFilter => "last_name" Text true;
        /// The time zone, an IANA name.
        time_zone: TextFilter => "time_zone" Text true;
        /// The id of the connection that it is mirrored from.
        connection_id: IdFilter => "connection_id" Uuid false;
        /// When the mirror last wrote it.
        synced_at: DateTimeFilter => "synced_at" Instant false;
        /// When it was created in Close.
        created_at: DateTimeFilter => "source_created_at" Instant true;
        /// When it was last changed in Close.
        updated_at: DateTimeFilter => "source_updated_at" Instant false;
    }
    one {}
    many {
        /// The deals that the member owns.
        opportunities: OpportunityFilter => &opportunity::TABLE, "{x}.owner_id = {t}.id";
    }
    order {
        /// By name.
        Name => "name" Text true;
    }
}
