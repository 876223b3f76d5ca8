//! What a person should look at, the most urgent first.

mod message;
mod statement;

use async_graphql::{Context, Enum, Object};
use serde::Deserialize;

use crate::error::Result;
use crate::query::operators::word_enum;
use crate::query::run::fetch;
use crate::query::scalars::Date;
use crate::query::selection::Selection;
use crate::query::window::PageRequest;
use crate::schema::page::page_types;
use crate::schema::{Money, Node, knowing_compiler, reader};
use message::Facts;

word_enum! {
    /// Why something should be looked at.
    AttentionReason {
        /// An unpaid or partly paid invoice whose due date has passed in its connection's zone. LOW in the first week,
        /// MEDIUM up to 30 days, HIGH up to 90, CRITICAL after that.
        OverdueInvoice = "overdue_invoice",
        /// A won deal without a value, which no revenue counts. MEDIUM.
        WonDealWithoutValue = "won_deal_without_value",
        /// A deal that was won more than 30 days ago and that no invoice bills, where a mapping of invoices is in use. MEDIUM
        /// up to 90 days, HIGH up to a year, LOW after that; a step higher when the deal is of high value. Deals worth
        /// nothing are left out.
        WonDealNeverInvoiced = "won_deal_never_invoiced",
        /// An open deal whose estimated close date has passed. LOW up to 30 days, MEDIUM after that; a step higher when it is
        /// of high value.
        StalledDeal = "stalled_deal",
        /// A connection that does not follow Close: it is not active, its event log was not read for an hour, events have
        /// waited for an hour, or its webhook has a problem. CRITICAL when a person must connect it again or nothing was read
        /// for a day, MEDIUM when only the webhook is wrong or it was disconnected, HIGH otherwise.
        ConnectionStopped = "connection_stopped",
        /// Events that were given up, one entry a connection. HIGH.
        DeadLetters = "dead_letters",
        /// Something looks like invoices, and a person has to confirm it or choose. MEDIUM.
        InvoiceMappingWaiting = "invoice_mapping_waiting",
        /// An invoice, neither draft nor void, whose values do not fit together. MEDIUM where an amount, the currency or the
        /// status is unknown, LOW otherwise.
        InvoiceFlagged = "invoice_flagged",
    }
}

/// How urgent something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub(crate) enum Severity {
    /// It stops work, or loses money now.
    Critical,
    /// It should be done today.
    High,
    /// It should be done this week.
    Medium,
    /// It can wait.
    #[default]
    Low,
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match u8::deserialize(deserializer)? {
            0 => Self::Critical,
            1 => Self::High,
            2 => Self::Medium,
            _ => Self::Low,
        })
    }
}

/// Something that a person should look at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AttentionItem {
    reason: AttentionReason,
    severity: Severity,
    since: Date,
    facts: Facts,
    records: Vec<Node>,
}

/// Something that a person should look at.
#[Object]
impl AttentionItem {
    /// Why it should be looked at.
    async fn reason(&self) -> AttentionReason {
        self.reason
    }

    /// How urgent it is.
    async fn severity(&self) -> Severity {
        self.severity
    }

    /// The day from which it counts, in the connection's zone: the due date, the win, the estimated close date, the day of
    /// the oldest dead letter, when a connection was last read or changed, and else the last change of what it is about.
    async fn since(&self) -> Date {
        self.since
    }

    /// A sentence that says it, with its numbers.
    async fn message(&self) -> String {
        self.facts.message(self.reason)
    }

    /// The money that is at stake: what is left to pay, or what the deal is worth; null where it is unknown or none.
    async fn amount(&self) -> Option<&Money> {
        self.facts.amount()
    }

    /// What it is about: an invoice, a won deal's transaction, an open deal, or a connection.
    async fn records(&self) -> &[Node] {
        &self.records
    }
}

page_types!(
    AttentionConnection,
    AttentionEdge,
    AttentionItem,
    "what a person should look at"
);

/// A page of what should be looked at.
pub(crate) async fn attention(ctx: &Context<'_>) -> Result<AttentionConnection> {
    let selection = Selection::of(ctx);
    let request = PageRequest::new(&selection.arguments(), None, Vec::new())?;
    let mut compiler = knowing_compiler(ctx).await?;
    let (items, json) = statement::compile(&mut compiler, &request, &selection)?;
    Ok(fetch(reader(ctx)?, compiler.finish_with(&items, &json))
        .await?
        .unwrap_or_default())
}
