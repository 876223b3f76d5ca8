//! Opportunity.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::audit_entry::{self, AuditEntryConnection, AuditEntryFilter, AuditEntryOrder};
use super::company::{self, Company, CompanyFilter};
use super::connection::{self, Connection};
use super::member::{self, Member, MemberFilter};
use super::money::Money;
use super::page::{page_types, pages_of};
use super::person::{self, Person, PersonFilter};
use super::receivable::{self, ReceivableConnection, ReceivableFilter, ReceivableOrder};
use super::record::{CustomField, custom_fields, shared_fields};
use super::transaction::{self, Transaction, TransactionFilter};
use super::{inputs, page};
use crate::query::operators::{
    BigIntFilter, DateFilter, DateTimeFilter, IdFilter, IntFilter, TextFilter, word_enum,
};
use crate::query::run::Answers;
use crate::query::scalars::Date;
use crate::query::table::{Amount, Composite, Field, ID as KEY, Many, One, Table, Totals};
use crate::query::written::composite;

pub(crate) static TABLE: Table = Table {
    name: "opportunity",
    graphql: "Opportunity",
    connection: "connection_id",
    key: KEY,
    fields: shared_fields!(
        "'https://app.close.com/lead/' || ({t}.raw->>'lead_id') || '/'",
        Field("status", "{t}.status"),
        Field("statusId", "{t}.status_id"),
        Field("statusLabel", "{t}.status_label"),
        Field("pipelineId", "{t}.pipeline_id"),
        Field("pipelineName", "{t}.pipeline_name"),
        Field("valuePeriod", "{t}.value_period"),
        Field("confidence", "{t}.confidence"),
        Field("expectedOn", "{t}.expected_on"),
        Field("wonOn", "{t}.won_on"),
        Field("lostAt", "{t}.lost_at"),
        Field("note", "{t}.note"),
        Field(
            "highValue",
            "(select coalesce({t}.value_minor >= z.high_value_minor and {t}.currency = z.currency, false)
                from connection z where z.id = {t}.connection_id)"
        ),
        Field(
            "ageDays",
            "(select case when {t}.source_created_at is not null then greatest(0, coalesce({t}.won_on, ({t}.lost_at at time zone z.time_zone)::date, (now() at time zone z.time_zone)::date)
                      - ({t}.source_created_at at time zone z.time_zone)::date) end
                from connection z where z.id = {t}.connection_id)"
        ),
        Field(
            "stageDwellDays",
            "(select case when {t}.stage_entered_at is not null
                         then greatest(0, (now() at time zone z.time_zone)::date - ({t}.stage_entered_at at time zone z.time_zone)::date) end
                from connection z where z.id = {t}.connection_id)"
        ),
    ),
    composites: &[
        Composite("customFields", custom_fields!("opportunity"), composite::<Vec<CustomField>>),
    ],
    amounts: &[Amount { field: "value", minor: "{t}.value_minor" }, Amount { field: "expectedValue", minor: "{t}.expected_value_minor" }, Amount { field: "annualizedValue", minor: "{t}.annualized_value_minor" }],
    one: &[
        One { field: "connection", table: &connection::TABLE, on: "{x}.id = {t}.connection_id" },
        One { field: "company", table: &company::TABLE, on: "{x}.id = {t}.company_id" },
        One { field: "person", table: &person::TABLE, on: "{x}.id = {t}.person_id" },
        One { field: "owner", table: &member::TABLE, on: "{x}.id = {t}.owner_id" },
        One { field: "transaction", table: &transaction::TABLE, on: "{x}.opportunity_id = {t}.id and {x}.kind = 'won_deal'" },
    ],
    many: &[
        Many { field: "receivables", table: &receivable::TABLE, on: receivable::OF_OPPORTUNITY, page: page::<ReceivableFilter, ReceivableOrder> },
        Many { field: "auditTrail", table: &audit_entry::TABLE, on: "{x}.record_id = {t}.id", page: audit_entry::page },
    ],
    lists: &[],
    money: Some(Totals { sum: "{t}.value_minor", kind: None }),
    record_id: closegraph_entity::record::record_id,
    columns: None,
    part_of: None,
};

word_enum! {
    /// Where a deal stands; labels are free text in Close, this is not.
    OpportunityStatus, OpportunityStatusFilter {
        /// Open.
        Active = "active",
        /// Won.
        Won = "won",
        /// Lost.
        Lost = "lost",
    }
}

word_enum! {
    /// How often an amount is paid.
    BillingPeriod, BillingPeriodFilter {
        /// Once.
        OneTime = "one_time",
        /// Each month.
        Monthly = "monthly",
        /// Each year.
        Annual = "annual",
    }
}

/// A deal: an opportunity in Close. While it is won, it is booked as a transaction.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
#[graphql(complex)]
pub(crate) struct Opportunity {
    /// Id in this deployment, a UUID.
    pub id: ID,
    /// Id in Close, `oppo_…`.
    pub close_id: String,
    /// Link to the deal's company in Close's web application.
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
    /// Where it stands.
    pub status: OpportunityStatus,
    /// Id of the status in Close, `stat_…`.
    pub status_id: Option<String>,
    /// What Close shows.
    pub status_label: Option<String>,
    /// Id of the pipeline in Close, `pipe_…`.
    pub pipeline_id: Option<String>,
    /// Name of the pipeline.
    pub pipeline_name: Option<String>,
    /// What the deal is worth for each `valuePeriod`; null is unknown, not zero.
    pub value: Option<Money>,
    /// The value weighted by confidence, as Close computes it.
    pub expected_value: Option<Money>,
    /// Monthly values times 12, others as they are.
    pub annualized_value: Option<Money>,
    /// How often the value is paid.
    pub value_period: BillingPeriod,
    /// Whether it is worth at least what its connection calls high; false without such a threshold, and in another
    /// currency.
    pub high_value: bool,
    /// Per cent.
    pub confidence: Option<i32>,
    /// Estimated close date while the deal is not won.
    pub expected_on: Option<Date>,
    /// Day of the win, while the deal is won.
    pub won_on: Option<Date>,
    /// When it was lost, while it is lost.
    pub lost_at: Option<DateTime<Utc>>,
    /// The note, as typed.
    pub note: Option<String>,
    /// Days from its creation until it was won or lost, else until today in the connection's zone.
    pub age_days: Option<i32>,
    /// Days since it entered its status; null where that was not witnessed.
    pub stage_dwell_days: Option<i32>,
    /// The company; null while it has not arrived.
    pub company: Option<Box<Company>>,
    /// The person whom it names; null where it names none.
    pub person: Option<Box<Person>>,
    /// The member who owns it; null while not known.
    pub owner: Option<Box<Member>>,
    /// What it is booked as, while it is won.
    pub transaction: Option<Box<Transaction>>,
    #[graphql(skip)]
    receivables: Answers<ReceivableConnection>,
    #[graphql(skip)]
    audit_trail: Answers<AuditEntryConnection>,
}

pages_of!(Opportunity {
    /// The invoices that bill it.
    receivables: ReceivableConnection, ReceivableFilter, ReceivableOrder;
    /// What happened to the record, the newest first.
    audit_trail: AuditEntryConnection, AuditEntryFilter, AuditEntryOrder;
});

page_types!(
    OpportunityConnection,
    OpportunityEdge,
    Opportunity,
    "deals",
    totals: Money,
    "What all that match the filter add up to, a row a currency; unknown amounts are left out."
);

inputs! {
    OpportunityFilter, OpportunityOrder, OpportunityOrderField;
    close_id { close_id }
    columns {
        /// The id here.
        id: IdFilter => "id" Uuid false;
        /// Where it stands.
        status: OpportunityStatusFilter => "status" Text false;
        /// The status as Close shows it.
        status_label: TextFilter => "status_label" Text true;
        /// The name of the pipeline.
        pipeline_name: TextFilter => "pipeline_name" Text true;
        /// The value in minor units: 100000 is 1,000.00 USD.
        value_minor: BigIntFilter => "value_minor" Int true;
        /// How often the value is paid.
        value_period: BillingPeriodFilter => "value_period" Text false;
        /// The confidence in per cent.
        confidence: IntFilter => "confidence" Int true;
        /// The estimated close date.
        expected_on: DateFilter => "expected_on" Date true;
        /// The day of the win.
        won_on: DateFilter => "won_on" Date true;
        /// When it was created in Close.
        created_at: DateTimeFilter => "source_created_at" Instant true;
        /// When it was last changed in Close.
        updated_at: DateTimeFilter => "source_updated_at" Instant false;
        /// The id of the status in Close, `stat_…`.
        status_id: TextFilter => "status_id" Text true;
        /// The id of the pipeline in Close, `pipe_…`.
        pipeline_id: TextFilter => "pipeline_id" Text true;
        /// The currency, ISO 4217, such as USD.
        currency: TextFilter => "currency" Text false;
        /// The expected value in minor units.
        expected_value_minor: BigIntFilter => "expected_value_minor" Int true;
        /// The annualized value in minor units.
        annualized_value_minor: BigIntFilter => "annualized_value_minor" Int true;
        /// When it was lost.
        lost_at: DateTimeFilter => "lost_at" Instant true;
        /// The note.
        note: TextFilter => "note" Text true;
        /// When it entered its status, where that was witnessed.
        stage_entered_at: DateTimeFilter => "stage_entered_at" Instant true;
        /// The id of the connection that it is mirrored from.
        connection_id: IdFilter => "connection_id" Uuid false;
        /// When the mirror last wrote it.
        synced_at: DateTimeFilter => "synced_at" Instant false;
    }
    one {
        /// The company, by its own filter; it does not hold without one.
        company: CompanyFilter => &company::TABLE, "{x}.id = {t}.company_id";
        /// The person, by its own filter.
        person: PersonFilter => &person::TABLE, "{x}.id = {t}.person_id";
        /// The member who owns the deal, by its own filter.
        owner: MemberFilter => &member::TABLE, "{x}.id = {t}.owner_id";
        /// What it is booked as.
        transaction: TransactionFilter => &transaction::TABLE, "{x}.opportunity_id = {t}.id and {x}.kind = 'won_deal'";
    }
    many {
        /// The invoices.
        receivables: ReceivableFilter => &receivable::TABLE, receivable::OF_OPPORTUNITY;
    }
    order {
        /// By value in minor units, whatever the currency.
        Value => "value_minor" Int true;
        /// By the estimated close date.
        ExpectedOn => "expected_on" Date true;
        /// By the day of the win.
        WonOn => "won_on" Date true;
        /// By when it was created in Close.
        CreatedAt => "source_created_at" Instant true;
        /// By when it was last changed in Close.
        UpdatedAt => "source_updated_at" Instant false;
        /// By confidence.
        Confidence => "confidence" Int true;
    }
}
