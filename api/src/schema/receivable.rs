//! Receivable.

mod line_item;

use async_graphql::{Enum, ID, InputObject, Json, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::audit_entry::{self, AuditEntryConnection, AuditEntryFilter, AuditEntryOrder};
use super::company::{self, Company, CompanyFilter};
use super::connection::{self, Connection};
use super::inputs;
use super::money::Money;
use super::opportunity::{self, Opportunity, OpportunityFilter};
use super::page::{page_types, pages_of};
use super::person::{self, Person, PersonFilter};
use super::record::{CustomField, shared_fields};
use super::transaction::{self, Transaction, TransactionFilter};
use crate::error::Result;
use crate::query::filter::{Filter, Test};
use crate::query::operators::{
    BigIntFilter, DateFilter, DateTimeFilter, IdFilter, Operators, TextFilter, word_enum, words,
};
use crate::query::run::Answers;
use crate::query::scalars::Date;
use crate::query::table::{
    Amount, Column, Composite, Field, ID as KEY, List, Many, One, Table, Totals,
};
use crate::query::written::composite;
use line_item::{FLAGS, LINE_ITEMS, LineItem};

/// Definitions of its custom fields stand with their type.
const CUSTOM_FIELDS: &str =
    "(select coalesce(json_agg(json_build_object('id', v.key, 'name', coalesce(f.field->>'name', v.key),
                'type', f.field->>'type', 'value', v.value) order by f.place, v.key), '[]')
        from jsonb_each({t}.custom) v
        left join lateral (
            select d.field, d.place
              from custom_record o
              join custom_type y on y.connection_id = o.connection_id and y.close_id = o.type_id
             cross join jsonb_array_elements(y.fields) with ordinality d (field, place)
             where o.connection_id = {t}.connection_id and o.id = {t}.id and d.field->>'id' = v.key
             limit 1) f on true)";

/// Days past the due date in the connection's zone. Of an invoice that can't be told to be settled they count as well.
const DAYS_OVERDUE: &str = "case when {t}.due_on is null then null
          when {t}.payment_status in ('paid', 'overpaid') or {t}.status in ('draft', 'void') then 0
          when {t}.payment_status = 'unknown' and {t}.status = 'paid' then 0
          else (select greatest(0, (now() at time zone z.time_zone)::date - {t}.due_on)
                  from connection z where z.id = {t}.connection_id) end";

/// The deal that an invoice bills: the surest of those that it is linked with.
const ITS_OPPORTUNITY: &str = "{x}.id = (select k.opportunity_id from link k
     where k.connection_id = {t}.connection_id and k.receivable_id = {t}.id and k.state = 'linked'
     order by k.score desc, array_position(array['person', 'field', 'match'], k.origin), k.opportunity_id limit 1)";

/// The invoices that a deal is linked with.
pub(super) const OF_OPPORTUNITY: &str = "{x}.id = any(array(select k.receivable_id from link k
     where k.connection_id = {t}.connection_id and k.opportunity_id = {t}.id and k.state = 'linked'))";

pub(crate) static TABLE: Table = Table {
    name: "receivable",
    graphql: "Receivable",
    connection: "connection_id",
    key: KEY,
    fields: shared_fields!(
        "(select 'https://app.close.com/lead/' || l.close_id || '/' from company l where l.id = {t}.company_id and l.connection_id = {t}.connection_id)",
        Field("number", "{t}.number"),
        Field("status", "{t}.status"),
        Field("statusLabel", "{t}.status_label"),
        Field("paymentStatus", "{t}.payment_status"),
        Field("issuedOn", "{t}.issued_on"),
        Field("dueOn", "{t}.due_on"),
        Field("paidOn", "{t}.paid_on"),
        Field("daysOverdue", DAYS_OVERDUE),
        Field("terms", "{t}.terms"),
    ),
    composites: &[
        Composite("customFields", CUSTOM_FIELDS, composite::<Vec<CustomField>>),
        Composite("flags", FLAGS, composite::<Vec<ReceivableFlag>>),
        Composite("lineItems", LINE_ITEMS, composite::<Vec<LineItem>>),
        Composite(
            "raw",
            "(select o.raw from custom_record o where o.id = {t}.id and o.connection_id = {t}.connection_id)",
            composite::<Option<Json<serde_json::Value>>>,
        ),
    ],
    amounts: &[
        Amount {
            field: "total",
            minor: "{t}.total_minor",
        },
        Amount {
            field: "tax",
            minor: "{t}.tax_minor",
        },
        Amount {
            field: "amountPaid",
            minor: "{t}.paid_minor",
        },
        Amount {
            field: "balanceDue",
            minor: "{t}.balance_minor",
        },
    ],
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
            field: "opportunity",
            table: &opportunity::TABLE,
            on: ITS_OPPORTUNITY,
        },
    ],
    many: &[Many {
        field: "auditTrail",
        table: &audit_entry::TABLE,
        // The record that it is made of has the same id, and entries of its own.
        on: "{x}.record_id = {t}.id and {x}.record_type = 'receivable'",
        page: audit_entry::page,
    }],
    lists: &[List {
        field: "payments",
        table: &transaction::TABLE,
        on: "{x}.receivable_id = {t}.id and {x}.kind = 'invoice_payment'",
        order: "{x}.occurred_on, {x}.source_updated_at, {x}.id",
    }],
    money: Some(Totals {
        sum: "case when {t}.payment_status in ('unpaid', 'partial') then {t}.balance_minor end",
        kind: None,
    }),
    record_id: closegraph_entity::record::record_id,
    columns: None,
    part_of: None,
};

word_enum! {
    /// Where an invoice stands; labels are free text in Close, this is not.
    ReceivableStatus {
        /// Not sent yet: nothing is owed.
        Draft = "draft",
        /// Sent to the customer, and perhaps paid in part.
        Issued = "issued",
        /// Paid, as Close says.
        Paid = "paid",
        /// Cancelled, credited or written off: nothing is owed.
        Void = "void",
    }
}

/// Compares a ReceivableStatus; all that is given must hold.
#[derive(Debug, InputObject)]
pub(crate) struct ReceivableStatusFilter {
    /// Equal.
    eq: Option<ReceivableStatus>,
    /// Different, or without a value.
    ne: Option<ReceivableStatus>,
    /// Equal to one of these.
    r#in: Option<Vec<ReceivableStatus>>,
    /// Different from all of these, or without a value.
    not_in: Option<Vec<ReceivableStatus>>,
    /// Without a value (true), or with one (false).
    is_null: Option<bool>,
}

impl Operators for ReceivableStatusFilter {
    fn conditions(self, column: Column) -> Result<Vec<Filter>> {
        let mut all = words(column, self.eq, self.ne, self.r#in, self.not_in);
        let is_null = self.is_null.map(Test::IsNull);
        all.extend(is_null.map(|test| Filter::Column(column, test)));
        Ok(all)
    }
}

word_enum! {
    /// Whether an invoice is paid, by its amounts.
    PaymentStatus, PaymentStatusFilter {
        /// Nothing was paid.
        Unpaid = "unpaid",
        /// A part was paid.
        Partial = "partial",
        /// All was paid.
        Paid = "paid",
        /// More than all was paid.
        Overpaid = "overpaid",
        /// Drafts and void invoices, on which nothing is owed, and what can't be told.
        Unknown = "unknown",
    }
}

/// What does not fit together in an invoice. It is told, not corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReceivableFlag {
    /// An amount can't be read as one, or has more decimals than its currency.
    AmountUnreadable,
    /// The currency is none of ISO 4217's; the connection's stands in its place.
    CurrencyUnknown,
    /// The status word is not among the mapping's.
    StatusUnknown,
    /// The balance that Close has is not the total less what was paid.
    BalanceDiffers,
    /// Its status is paid, and its amounts say that money is owed.
    PaidWithBalance,
    /// All lines have totals, and they come to neither the invoice's total nor that less the tax.
    LinesDiffer,
}

/// An invoice to a customer: a Custom Object or Custom Activity in Close.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
#[graphql(complex)]
pub(crate) struct Receivable {
    /// Id in this deployment, a UUID.
    pub id: ID,
    /// Id in Close, `custobj_…` or `acti_…`.
    pub close_id: String,
    /// Link to the invoice's company in Close's web application.
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
    /// The number of the invoice, such as INV-2026-0042.
    pub number: Option<String>,
    /// Null where the status word is not known to mean one.
    pub status: Option<ReceivableStatus>,
    /// The status word in Close.
    pub status_label: Option<String>,
    /// Whether it is paid, by its amounts.
    pub payment_status: PaymentStatus,
    /// The day of issue.
    pub issued_on: Option<Date>,
    /// The due date.
    pub due_on: Option<Date>,
    /// The day on which it was paid; null until then.
    pub paid_on: Option<Date>,
    /// Days past the due date, as of today in the connection's zone: 0 before it, on it, and where nothing is owed any
    /// more; null without a due date.
    pub days_overdue: Option<i32>,
    /// The terms of payment, as typed.
    pub terms: Option<String>,
    /// What is to be paid, tax included; null is unknown, not zero.
    pub total: Option<Money>,
    /// The tax in it; null is unknown.
    pub tax: Option<Money>,
    /// What was paid.
    pub amount_paid: Option<Money>,
    /// What is left to pay.
    pub balance_due: Option<Money>,
    /// What does not fit together.
    pub flags: Vec<ReceivableFlag>,
    /// Its lines, in order.
    pub line_items: Vec<LineItem>,
    /// The object as it was read from Close.
    pub raw: Option<Json<serde_json::Value>>,
    /// The company; null while it has not arrived.
    pub company: Option<Box<Company>>,
    /// The customer's contact; null where it names none.
    pub person: Option<Box<Person>>,
    /// The won deal that it bills: the surest of those that it is linked with.
    pub opportunity: Option<Box<Opportunity>>,
    /// What was paid of it and when, the oldest first.
    pub payments: Vec<Transaction>,
    #[graphql(skip)]
    audit_trail: Answers<AuditEntryConnection>,
}

pages_of!(Receivable {
    /// What happened to the record, the newest first.
    audit_trail: AuditEntryConnection, AuditEntryFilter, AuditEntryOrder;
});

page_types!(
    ReceivableConnection,
    ReceivableEdge,
    Receivable,
    "receivables",
    totals: Money,
    "What is left to pay of all that match the filter, a row a currency: the balances of unpaid and partly paid invoices."
);

inputs! {
    ReceivableFilter, ReceivableOrder, ReceivableOrderField;
    close_id { close_id }
    columns {
        /// The id here.
        id: IdFilter => "id" Uuid false;
        /// The number of the invoice.
        number: TextFilter => "number" Text true;
        /// Where it stands.
        status: ReceivableStatusFilter => "status" Text true;
        /// The status as Close shows it.
        status_label: TextFilter => "status_label" Text true;
        /// Whether it is paid, by its amounts.
        payment_status: PaymentStatusFilter => "payment_status" Text false;
        /// The day of issue.
        issued_on: DateFilter => "issued_on" Date true;
        /// The due date.
        due_on: DateFilter => "due_on" Date true;
        /// The day on which it was paid.
        paid_on: DateFilter => "paid_on" Date true;
        /// The terms of payment.
        terms: TextFilter => "terms" Text true;
        /// The total in minor units, tax included.
        total_minor: BigIntFilter => "total_minor" Int true;
        /// The tax in minor units.
        tax_minor: BigIntFilter => "tax_minor" Int true;
        /// What was paid, in minor units.
        amount_paid_minor: BigIntFilter => "paid_minor" Int true;
        /// What is left to pay, in minor units.
        balance_due_minor: BigIntFilter => "balance_minor" Int true;
        /// The currency, ISO 4217, such as USD.
        currency: TextFilter => "currency" Text false;
        /// When it was created in Close.
        created_at: DateTimeFilter => "source_created_at" Instant true;
        /// When it was last changed in Close.
        updated_at: DateTimeFilter => "source_updated_at" Instant false;
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
        /// The won deal that it bills, by its own filter.
        opportunity: OpportunityFilter => &opportunity::TABLE, ITS_OPPORTUNITY;
    }
    many {
        /// What was paid of it.
        payments: TransactionFilter => &transaction::TABLE, "{x}.receivable_id = {t}.id and {x}.kind = 'invoice_payment'";
    }
    order {
        /// By the due date.
        DueOn => "due_on" Date true;
        /// By the day of issue.
        IssuedOn => "issued_on" Date true;
        /// By the number of the invoice.
        Number => "number" Text true;
        /// By total in minor units, whatever the currency.
        Total => "total_minor" Int true;
        /// By what is left to pay in minor units, whatever the currency.
        BalanceDue => "balance_minor" Int true;
        /// By when it was created in Close.
        CreatedAt => "source_created_at" Instant true;
        /// By when it was last changed in Close.
        UpdatedAt => "source_updated_at" Instant false;
        /// By the day on which it was paid.
        PaidOn => "paid_on" Date true;
    }
}
