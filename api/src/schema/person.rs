//! Person.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::audit_entry::{self, AuditEntryConnection, AuditEntryFilter, AuditEntryOrder};
use super::company::{self, Company, CompanyFilter};
use super::connection::{self, Connection};
use super::opportunity::{self, OpportunityConnection, OpportunityFilter, OpportunityOrder};
use super::page::{page_types, pages_of};
use super::receivable::{self, ReceivableConnection, ReceivableFilter, ReceivableOrder};
use super::record::{CustomField, custom_fields, shared_fields};
use super::transaction::{self, TransactionConnection, TransactionFilter, TransactionOrder};
use super::{inputs, page};
use crate::query::operators::{DateTimeFilter, IdFilter, TextFilter};
use crate::query::parts::{Index, Parts};
use crate::query::run::Answers;
use crate::query::table::{Composite, Field, ID as KEY, Many, One, Table};
use crate::query::written::composite;

/// All e-mail addresses, and what the index of `search` has of them.
static EMAILS: Parts = Parts {
    sql: "(select a -> 'email' from jsonb_array_elements({t}.emails) a)",
    index: Some(Index {
        column: "emails",
        sql: "lower(jsonb_path_query_array({t}.emails, '$[*].email')::text)",
    }),
};

/// All telephone numbers.
static PHONES: Parts = Parts {
    sql: "(select a -> 'number' from jsonb_array_elements({t}.phones) a)",
    index: None,
};

pub(crate) static TABLE: Table = Table {
    name: "person",
    graphql: "Person",
    connection: "connection_id",
    key: KEY,
    fields: shared_fields!(
        "'https://app.close.com/lead/' || ({t}.raw->>'lead_id') || '/'",
        Field("name", "{t}.name"),
        Field("title", "{t}.title"),
        Field("primaryEmail", "{t}.primary_email"),
        Field("primaryPhone", "{t}.primary_phone"),
        Field("timeZone", "{t}.time_zone"),
    ),
    composites: &[
        Composite(
            "customFields",
            custom_fields!("person"),
            composite::<Vec<CustomField>>,
        ),
        Composite("emails", "{t}.emails", composite::<Vec<Email>>),
        Composite("phones", "{t}.phones", composite::<Vec<Phone>>),
        Composite("urls", "{t}.urls", composite::<Vec<PersonUrl>>),
    ],
    amounts: &[],
    one: &[
        One {
            field: "connection",
            table: &connection::TABLE,
            on: "{x}.id = {t}.connection_id",
        },
        One {
            field: "company",
            table: &company::TABLE,
            on: "{x}.id = {t}.company_id",
        },
    ],
    many: &[
        Many {
            field: "opportunities",
            table: &opportunity::TABLE,
            on: "{x}.person_id = {t}.id",
            page: page::<OpportunityFilter, OpportunityOrder>,
        },
        Many {
            field: "transactions",
            table: &transaction::TABLE,
            on: "{x}.person_id = {t}.id",
            page: page::<TransactionFilter, TransactionOrder>,
        },
        Many {
            field: "receivables",
            table: &receivable::TABLE,
            on: "{x}.person_id = {t}.id",
            page: page::<ReceivableFilter, ReceivableOrder>,
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

/// An e-mail address.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default)]
pub(crate) struct Email {
    /// What it is for: office, home, direct, other and so on.
    r#type: Option<String>,
    /// The address, as typed.
    email: String,
}

/// A telephone number.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default)]
pub(crate) struct Phone {
    /// What it is for: office, mobile, home and so on.
    r#type: Option<String>,
    /// E.164 where Close could parse it, else as typed.
    number: String,
    /// For people.
    formatted: Option<String>,
    /// ISO 3166, two letters.
    country: Option<String>,
}

/// A web address of a person.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default)]
pub(crate) struct PersonUrl {
    /// What it is for: url, office and so on.
    r#type: Option<String>,
    /// The address, as typed.
    url: String,
}

/// A person: a contact in Close.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
#[graphql(complex)]
pub(crate) struct Person {
    /// Id in this deployment, a UUID.
    pub id: ID,
    /// Id in Close, `cont_…`.
    pub close_id: String,
    /// Link to the person's company in Close's web application.
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
    /// The full name, else what Close displays in its place.
    pub name: Option<String>,
    /// Job title.
    pub title: Option<String>,
    /// The first e-mail address.
    pub primary_email: Option<String>,
    /// E.164 where Close could parse it.
    pub primary_phone: Option<String>,
    /// All e-mail addresses, in the order of Close.
    pub emails: Vec<Email>,
    /// All telephone numbers, in the order of Close.
    pub phones: Vec<Phone>,
    /// Web addresses, in the order of Close.
    pub urls: Vec<PersonUrl>,
    /// IANA name.
    pub time_zone: Option<String>,
    /// The company; null while it has not arrived.
    pub company: Option<Box<Company>>,
    #[graphql(skip)]
    opportunities: Answers<OpportunityConnection>,
    #[graphql(skip)]
    transactions: Answers<TransactionConnection>,
    #[graphql(skip)]
    receivables: Answers<ReceivableConnection>,
    #[graphql(skip)]
    audit_trail: Answers<AuditEntryConnection>,
}

pages_of!(Person {
    /// The deals that name the person.
    opportunities: OpportunityConnection, OpportunityFilter, OpportunityOrder;
    /// Money from deals and invoices that name the person.
    transactions: TransactionConnection, TransactionFilter, TransactionOrder;
    /// The invoices that name the person.
    receivables: ReceivableConnection, ReceivableFilter, ReceivableOrder;
    /// What happened to the record, the newest first.
    audit_trail: AuditEntryConnection, AuditEntryFilter, AuditEntryOrder;
});

page_types!(PersonConnection, PersonEdge, Person, "people");

inputs! {
    PersonFilter, PersonOrder, PersonOrderField;
    close_id { close_id }
    parts {
        /// One of the e-mail addresses.
        email => &EMAILS;
        /// One of the telephone numbers, as the mirror has it: E.164 where Close could parse it.
        phone => &PHONES;
    }
    columns {
        /// The id here.
        id: IdFilter => "id" Uuid false;
        /// The name.
        name: TextFilter => "name" Text true;
        /// The first e-mail address.
        primary_email: TextFilter => "primary_email" Text true;
        /// The first telephone number, E.164 where Close could parse it.
        primary_phone: TextFilter => "primary_phone" Text true;
        /// When it was created in Close.
        created_at: DateTimeFilter => "source_created_at" Instant true;
        /// When it was last changed in Close.
        updated_at: DateTimeFilter => "source_updated_at" Instant false;
        /// The job title.
        title: TextFilter => "title" Text true;
        /// The time zone, an IANA name.
        time_zone: TextFilter => "time_zone" Text true;
        /// The id of the connection that it is mirrored from.
        connection_id: IdFilter => "connection_id" Uuid false;
        /// When the mirror last wrote it.
        synced_at: DateTimeFilter => "synced_at" Instant false;
    }
    one {
        /// The company, by its own filter; it does not hold without one.
        company: CompanyFilter => &company::TABLE, "{x}.id = {t}.company_id";
    }
    many {
        /// The deals.
        opportunities: OpportunityFilter => &opportunity::TABLE, "{x}.person_id = {t}.id";
        /// The money that came in.
        transactions: TransactionFilter => &transaction::TABLE, "{x}.person_id = {t}.id";
        /// The invoices.
        receivables: ReceivableFilter => &receivable::TABLE, "{x}.person_id = {t}.id";
    }
    order {
        /// By name.
        Name => "name" Text true;
        /// By the first e-mail address.
        PrimaryEmail => "primary_email" Text true;
        /// By when it was created in Close.
        CreatedAt => "source_created_at" Instant true;
        /// By when it was last changed in Close.
        UpdatedAt => "source_updated_at" Instant false;
        /// By the first telephone number.
        PrimaryPhone => "primary_phone" Text true;
    }
}
