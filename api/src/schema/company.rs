//! Company.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::audit_entry::{self, AuditEntryConnection, AuditEntryFilter, AuditEntryOrder};
use super::connection::{self, Connection};
use super::money::Money;
use super::opportunity::{self, OpportunityConnection, OpportunityFilter, OpportunityOrder};
use super::page::{page_types, pages_of};
use super::person::{self, PersonConnection, PersonFilter, PersonOrder};
use super::receivable::{self, ReceivableConnection, ReceivableFilter, ReceivableOrder};
use super::record::{CustomField, custom_fields, shared_fields};
use super::transaction::{self, TransactionConnection, TransactionFilter, TransactionOrder};
use super::{inputs, page};
use crate::query::operators::{DateTimeFilter, IdFilter, TextFilter};
use crate::query::parts::Parts;
use crate::query::run::Answers;
use crate::query::table::{Composite, Field, ID as KEY, Many, One, Table};
use crate::query::written::composite;

/// A part of all addresses.
macro_rules! addresses {
    ($name:ident, $key:literal) => {
        static $name: Parts = Parts {
            sql: concat!(
                "(select a -> '",
                $key,
                "' from jsonb_array_elements({t}.addresses) a)"
            ),
            index: None,
        };
    };
}
addresses!(CITIES, "city");
addresses!(COUNTRIES, "country");
addresses!(REGIONS, "region");
addresses!(POSTAL_CODES, "postal_code");

pub(crate) static TABLE: Table = Table {
    name: "company",
    graphql: "Company",
    connection: "connection_id",
    key: KEY,
    fields: shared_fields!(
        "'https://app.close.com/lead/' || {t}.close_id || '/'",
        Field("name", "{t}.name"),
        Field("url", "{t}.url"),
        Field("domain", "{t}.domain"),
        Field("description", "{t}.description"),
        Field(
            "averageDaysToPay",
            "(select trim_scale(round(avg(r.paid_on - r.issued_on), 2))::text from receivable r
               where (r.connection_id = {t}.connection_id) is true and r.company_id = {t}.id
                 and r.payment_status in ('paid', 'overpaid'))"
        ),
    ),
    composites: &[
        Composite("customFields", custom_fields!("company"), composite::<Vec<CustomField>>),
        Composite("status", "case when {t}.status_id is not null or {t}.status_label is not null
                  then json_build_object('id', {t}.status_id, 'label', {t}.status_label) end", composite::<Option<CompanyStatus>>),
        Composite("addresses", "{t}.addresses", composite::<Vec<Address>>),
        Composite("lifetimeValue", "(select coalesce(json_agg(json_build_object('minor', s.minor, 'currency', s.currency) order by s.currency), '[]')
                from (select w.currency, sum(w.amount_minor)::text as minor from transaction w
                       where w.connection_id = {t}.connection_id and w.company_id = {t}.id
                         and w.kind = 'won_deal' and w.amount_minor is not null
                       group by w.currency) s)", composite::<Vec<Money>>),
        Composite("outstandingBalance", "(select coalesce(json_agg(json_build_object('minor', s.minor, 'currency', s.currency) order by s.currency), '[]')
                from (select r.currency, sum(r.balance_minor)::text as minor from receivable r
                       where (r.connection_id = {t}.connection_id) is true and r.company_id = {t}.id
                         and r.payment_status in ('unpaid', 'partial') and r.balance_minor is not null
                       group by r.currency) s)", composite::<Vec<Money>>),
    ],
    amounts: &[],
    one: &[One { field: "connection", table: &connection::TABLE, on: "{x}.id = {t}.connection_id" }],
    many: &[
        Many { field: "people", table: &person::TABLE, on: "{x}.company_id = {t}.id", page: page::<PersonFilter, PersonOrder> },
        Many { field: "opportunities", table: &opportunity::TABLE, on: "{x}.company_id = {t}.id", page: page::<OpportunityFilter, OpportunityOrder> },
        Many { field: "transactions", table: &transaction::TABLE, on: "{x}.company_id = {t}.id", page: page::<TransactionFilter, TransactionOrder> },
        Many { field: "receivables", table: &receivable::TABLE, on: "{x}.company_id = {t}.id", page: page::<ReceivableFilter, ReceivableOrder> },
        Many { field: "auditTrail", table: &audit_entry::TABLE, on: "{x}.record_id = {t}.id", page: audit_entry::page },
    ],
    lists: &[],
    money: None,
    record_id: closegraph_entity::record::record_id,
    columns: None,
    part_of: None,
};

/// The status that a company has in Close.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default)]
pub(crate) struct CompanyStatus {
    /// Id of the status in Close, `stat_…`.
    id: Option<String>,
    /// What Close shows.
    label: Option<String>,
}

/// A postal address.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default)]
pub(crate) struct Address {
    /// What the address is for, such as business or mailing.
    label: Option<String>,
    /// First line: street and number.
    line1: Option<String>,
    /// Second line.
    line2: Option<String>,
    /// The city.
    city: Option<String>,
    /// State, county or the like.
    region: Option<String>,
    /// The postal code.
    postal_code: Option<String>,
    /// ISO 3166, two letters.
    country: Option<String>,
}

/// A company: a lead in Close.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
#[graphql(complex)]
pub(crate) struct Company {
    /// Id in this deployment, a UUID.
    pub id: ID,
    /// Id in Close, `lead_…`.
    pub close_id: String,
    /// Link into Close's web application.
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
    /// The name, else what Close displays in its place.
    pub name: Option<String>,
    /// Web site as typed; it may lack a scheme.
    pub url: Option<String>,
    /// Registrable domain of the web site, such as northwind.example.
    pub domain: Option<String>,
    /// The description of the lead, as typed.
    pub description: Option<String>,
    /// The status in Close; null where it has none.
    pub status: Option<CompanyStatus>,
    /// Postal addresses, in the order of Close.
    pub addresses: Vec<Address>,
    /// What its won deals add up to, a row a currency; deals without a value are left out.
    pub lifetime_value: Vec<Money>,
    /// What is left to pay of its unpaid and partly paid invoices, a row a currency.
    pub outstanding_balance: Vec<Money>,
    /// The mean of the days from issue to payment of its paid invoices that have both dates, to two places; null without
    /// one.
    pub average_days_to_pay: Option<Decimal>,
    #[graphql(skip)]
    people: Answers<PersonConnection>,
    #[graphql(skip)]
    opportunities: Answers<OpportunityConnection>,
    #[graphql(skip)]
    transactions: Answers<TransactionConnection>,
    #[graphql(skip)]
    receivables: Answers<ReceivableConnection>,
    #[graphql(skip)]
    audit_trail: Answers<AuditEntryConnection>,
}

pages_of!(Company {
    /// The people who work there.
    people: PersonConnection, PersonFilter, PersonOrder;
    /// Its deals, in any status.
    opportunities: OpportunityConnection, OpportunityFilter, OpportunityOrder;
    /// Money that came in from it.
    transactions: TransactionConnection, TransactionFilter, TransactionOrder;
    /// Its invoices.
    receivables: ReceivableConnection, ReceivableFilter, ReceivableOrder;
    /// What happened to the record, the newest first.
    audit_trail: AuditEntryConnection, AuditEntryFilter, AuditEntryOrder;
});

page_types!(CompanyConnection, CompanyEdge, Company, "companies");

inputs! {
    CompanyFilter, CompanyOrder, CompanyOrderField;
    close_id { close_id }
    parts {
        /// The city of one of its addresses.
        city => &CITIES;
        /// The country of one of its addresses, ISO 3166, two letters.
        country => &COUNTRIES;
        /// The state or county of one of its addresses.
        region => &REGIONS;
        /// The postal code of one of its addresses.
        postal_code => &POSTAL_CODES;
    }
    columns {
        /// The id here.
        id: IdFilter => "id" Uuid false;
        /// The name.
        name: TextFilter => "name" Text true;
        /// The registrable domain, such as northwind.example.
        domain: TextFilter => "domain" Text true;
        /// The status as Close shows it.
        status_label: TextFilter => "status_label" Text true;
        /// When it was created in Close.
        created_at: DateTimeFilter => "source_created_at" Instant true;
        /// When it was last changed in Close.
        updated_at: DateTimeFilter => "source_updated_at" Instant false;
        /// The web site as typed.
        url: TextFilter => "url" Text true;
        /// The description.
        description: TextFilter => "description" Text true;
        /// The id of the status in Close, `stat_…`.
        status_id: TextFilter => "status_id" Text true;
        /// The id of the connection that it is mirrored from.
        connection_id: IdFilter => "connection_id" Uuid false;
        /// When the mirror last wrote it.
        synced_at: DateTimeFilter => "synced_at" Instant false;
    }
    one {}
    many {
        /// The people who work there.
        people: PersonFilter => &person::TABLE, "{x}.company_id = {t}.id";
        /// The deals.
        opportunities: OpportunityFilter => &opportunity::TABLE, "{x}.company_id = {t}.id";
        /// The money that came in.
        transactions: TransactionFilter => &transaction::TABLE, "{x}.company_id = {t}.id";
        /// The invoices.
        receivables: ReceivableFilter => &receivable::TABLE, "{x}.company_id = {t}.id";
    }
    order {
        /// By name.
        Name => "name" Text true;
        /// By domain.
        Domain => "domain" Text true;
        /// By when it was created in Close.
        CreatedAt => "source_created_at" Instant true;
        /// By when it was last changed in Close.
        UpdatedAt => "source_updated_at" Instant false;
        /// By the label of the status.
        StatusLabel => "status_label" Text true;
    }
}
