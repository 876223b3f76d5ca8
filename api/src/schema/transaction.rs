//! Transaction.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::audit_entry::{self, AuditEntryConnection, AuditEntryFilter, AuditEntryOrder};
use super::company::{self, Company, CompanyFilter};
use super::connection::{self, Connection};
use super::inputs;
use super::member::{self, Member, MemberFilter};
use super::money::Money;
use super::opportunity::{
    self, BillingPeriod, BillingPeriodFilter, Opportunity, OpportunityFilter,
};
use super::page::{page_types, pages_of};
use super::person::{self, Person, PersonFilter};
use super::receivable::{self, Receivable, ReceivableFilter};
use super::record::{CustomField, custom_fields, shared_fields};
use crate::query::operators::{
    BigIntFilter, DateFilter, DateTimeFilter, IdFilter, TextFilter, word_enum,
};
use crate::query::run::Answers;
use crate::query::scalars::Date;
use crate::query::table::{Amount, Composite, Field, ID as KEY, Many, One, Table, Totals};
use crate::query::written::composite;

pub(crate) static TABLE: Table = Table {
    name: "transaction",
    graphql: "Transaction",
    connection: "connection_id",
    key: KEY,
    fields: shared_fields!(
        "(select 'https://app.close.com/lead/' || l.close_id || '/' from company l where l.id = {t}.company_id and l.connection_id = {t}.connection_id)",
        Field("kind", "{t}.kind"),
        Field("occurredOn", "{t}.occurred_on"),
        Field("billingPeriod", "{t}.billing_period"),
        Field("category", "{t}.category"),
        Field("categoryRule", "{t}.category_rule"),
        Field("pipelineName", "{t}.pipeline_name"),
    ),
    composites: &[Composite(
        "customFields",
        custom_fields!("opportunity"),
        composite::<Vec<CustomField>>,
    )],
    amounts: &[Amount {
        field: "amount",
        minor: "{t}.amount_minor",
    }],
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
        One {
            field: "person",
            table: &person::TABLE,
            on: "{x}.id = {t}.person_id",
        },
        One {
            field: "owner",
            table: &member::TABLE,
            on: "{x}.id = {t}.owner_id",
        },
        One {
            field: "opportunity",
            table: &opportunity::TABLE,
            on: "{x}.id = {t}.opportunity_id",
        },
        One {
            field: "receivable",
            table: &receivable::TABLE,
            on: "{x}.id = {t}.receivable_id",
        },
    ],
    many: &[Many {
        field: "auditTrail",
        table: &audit_entry::TABLE,
        on: "{x}.record_id = {t}.id",
        page: audit_entry::page,
    }],
    lists: &[],
    money: Some(Totals {
        sum: "{t}.amount_minor",
        kind: Some("kind"),
    }),
    record_id: closegraph_entity::record::won_deal_id,
    columns: None,
    part_of: Some("receivable_id"),
};

word_enum! {
    /// What was booked.
    TransactionKind, TransactionKindFilter {
        /// A won deal.
        WonDeal = "won_deal",
        /// A payment of an invoice.
        InvoicePayment = "invoice_payment",
    }
}

/// Money that came in: a won deal, or a payment of an invoice, which are two views of the same money and never added up.
/// A deal that leaves "won" has no transaction any more.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
#[graphql(complex)]
pub(crate) struct Transaction {
    /// Id in this deployment, a UUID.
    pub id: ID,
    /// Id in Close of what it is derived from: the deal or the invoice.
    pub close_id: String,
    /// Link to the company in Close's web application.
    pub source_url: Option<String>,
    /// The organization that it is mirrored from.
    pub connection: Connection,
    /// When it was created in Close.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last changed in Close: its version.
    pub updated_at: DateTime<Utc>,
    /// When the mirror last wrote it.
    pub synced_at: DateTime<Utc>,
    /// Custom fields of the deal that have a value; a payment has none.
    pub custom_fields: Vec<CustomField>,
    /// What was booked.
    pub kind: TransactionKind,
    /// Day of the win or of the payment; null where Close has none, and then in no period.
    pub occurred_on: Option<Date>,
    /// Null is unknown, not zero. Negative where a payment was taken back.
    pub amount: Option<Money>,
    /// How often the amount is paid.
    pub billing_period: BillingPeriod,
    /// The category that the rules gave it, or null.
    pub category: Option<String>,
    /// Name of the rule that gave the category.
    pub category_rule: Option<String>,
    /// Name of the pipeline of the deal.
    pub pipeline_name: Option<String>,
    /// The company; null while it has not arrived.
    pub company: Option<Box<Company>>,
    /// The person whom the deal or invoice names.
    pub person: Option<Box<Person>>,
    /// The member who owns the deal; null while not known.
    pub owner: Option<Box<Member>>,
    /// The deal that was won.
    pub opportunity: Option<Box<Opportunity>>,
    /// The invoice that was paid.
    pub receivable: Option<Box<Receivable>>,
    #[graphql(skip)]
    audit_trail: Answers<AuditEntryConnection>,
}

pages_of!(Transaction {
    /// What happened to the record, the newest first.
    audit_trail: AuditEntryConnection, AuditEntryFilter, AuditEntryOrder;
});

page_types!(
    TransactionConnection,
    TransactionEdge,
    Transaction,
    "transactions",
    totals: TransactionTotal,
    "What all that match the filter add up to, a row a kind and currency; unknown amounts are left out."
);

/// What transactions of one kind and currency add up to. Won deals and payments are never added to each other.
#[derive(Debug, Deserialize, SimpleObject)]
pub(crate) struct TransactionTotal {
    /// What was booked.
    kind: TransactionKind,
    #[serde(flatten)]
    #[graphql(flatten)]
    sum: Money,
}

inputs! {
    TransactionFilter, TransactionOrder, TransactionOrderField;
    close_id { close_id }
    columns {
        /// The id here.
        id: IdFilter => "id" Uuid false;
        /// What it is.
        kind: TransactionKindFilter => "kind" Text false;
        /// The day of the win or of the payment.
        occurred_on: DateFilter => "occurred_on" Date true;
        /// The amount in minor units: 100000 is 1,000.00 USD.
        amount_minor: BigIntFilter => "amount_minor" Int true;
        /// The currency, ISO 4217, such as USD.
        currency: TextFilter => "currency" Text false;
        /// How often the amount is paid.
        billing_period: BillingPeriodFilter => "billing_period" Text false;
        /// The category.
        category: TextFilter => "category" Text true;
        /// The name of the rule that gave the category.
        category_rule: TextFilter => "category_rule" Text true;
        /// The name of the pipeline.
        pipeline_name: TextFilter => "pipeline_name" Text true;
        /// When it was created in Close.
        created_at: DateTimeFilter => "source_created_at" Instant true;
        /// When it was last changed in Close.
        updated_at: DateTimeFilter => "source_updated_at" Instant false;
        /// The id of the pipeline in Close, `pipe_…`.
        pipeline_id: TextFilter => "pipeline_id" Text true;
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
        /// The invoice that was paid, by its own filter.
        receivable: ReceivableFilter => &receivable::TABLE, "{x}.id = {t}.receivable_id";
        /// The deal that was won.
        opportunity: OpportunityFilter => &opportunity::TABLE, "{x}.id = {t}.opportunity_id";
    }
    many {}
    order {
        /// By the day of the win or of the payment.
        OccurredOn => "occurred_on" Date true;
        /// By amount in minor units, whatever the currency.
        Amount => "amount_minor" Int true;
        /// By category.
        Category => "category" Text true;
        /// By when it was created in Close.
        CreatedAt => "source_created_at" Instant true;
        /// By when it was last changed in Close.
        UpdatedAt => "source_updated_at" Instant false;
    }
}
