//! What invoices would be under a mapping that is not in use.

use async_graphql::{Context, ID, SimpleObject};
use closegraph_entity::invoice_mapping::TriedInvoice as Found;
use closegraph_entity::receivable::{Flag, PaymentStatus as Paid};
use std::sync::Arc;

use super::super::lookup::{connection_of, operator};
use super::super::money::Money;
use super::super::receivable::{PaymentStatus, ReceivableFlag, ReceivableStatus};
use super::custom_types;
use super::input::InvoiceMappingInput;
use super::shape::shown;
use crate::error::{ApiError, Result};
use crate::query::scalars::Date;
use crate::trial::InvoiceTrial;

/// Invoices of a trial that names no number, and at most.
const INVOICES: i32 = 20;
const MAX_INVOICES: i32 = 100;

/// An invoice as a mapping would make it.
#[derive(Debug, SimpleObject)]
pub(crate) struct TriedInvoice {
    /// Id in Close, `custobj_…` or `acti_…`.
    close_id: String,
    /// The number of the invoice.
    number: Option<String>,
    /// Null where the status word is not among the mapping's.
    status: Option<ReceivableStatus>,
    /// The status word itself.
    status_label: Option<String>,
    /// Whether it would be paid, by its amounts.
    payment_status: PaymentStatus,
    /// The day of issue.
    issued_on: Option<Date>,
    /// The due date.
    due_on: Option<Date>,
    /// The day on which it was paid.
    paid_on: Option<Date>,
    /// What is to be paid, tax included.
    total: Option<Money>,
    /// What was paid.
    amount_paid: Option<Money>,
    /// What is left to pay.
    balance_due: Option<Money>,
    /// What does not fit together.
    flags: Vec<ReceivableFlag>,
    /// Lines that stand in the invoice, or records that are its lines.
    line_count: usize,
}

/// Tries a mapping on the records that changed last.
pub(super) async fn tried(
    ctx: &Context<'_>,
    connection: &ID,
    mapping: InvoiceMappingInput,
    first: Option<i32>,
) -> Result<Vec<TriedInvoice>> {
    operator(ctx)?;
    let id = connection_of(ctx, Some(connection))?;
    let first = first.unwrap_or(INVOICES);
    if first > MAX_INVOICES {
        return Err(ApiError::PageTooLarge {
            asked: first.into(),
            max: MAX_INVOICES.into(),
        });
    }
    let first =
        u32::try_from(first).map_err(|_| ApiError::BadInput("first is 0 or more".to_owned()))?;
    let mapping = mapping.checked(&custom_types(ctx, id).await?)?;
    let trial = ctx.data::<Arc<dyn InvoiceTrial>>().map_err(|_| {
        ApiError::BadInput("this server only answers questions: it can't try a mapping".to_owned())
    })?;
    let found = trial
        .try_mapping(id, mapping, first)
        .await
        .map_err(|error| {
            tracing::warn!(connection = %id, error, "a mapping could not be tried");
            ApiError::Defect("a mapping could not be tried")
        })?;
    Ok(found.into_iter().map(Into::into).collect())
}

impl From<Found> for TriedInvoice {
    fn from(found: Found) -> Self {
        let currency = found.currency;
        let money = |minor: Option<i64>| {
            minor.map(|minor| Money {
                minor: minor.into(),
                currency: currency.clone(),
            })
        };
        Self {
            close_id: found.close_id,
            number: found.number,
            status: found.status.map(shown),
            status_label: found.status_label,
            payment_status: match found.payment_status {
                Paid::Unpaid => PaymentStatus::Unpaid,
                Paid::Partial => PaymentStatus::Partial,
                Paid::Paid => PaymentStatus::Paid,
                Paid::Overpaid => PaymentStatus::Overpaid,
                Paid::Unknown => PaymentStatus::Unknown,
            },
            issued_on: found.issued_on.map(Date),
            due_on: found.due_on.map(Date),
            paid_on: found.paid_on.map(Date),
            total: money(found.total_minor),
            amount_paid: money(found.paid_minor),
            balance_due: money(found.balance_minor),
            flags: found.flags.into_iter().map(flag).collect(),
            line_count: found.lines,
        }
    }
}

fn flag(flag: Flag) -> ReceivableFlag {
    match flag {
        Flag::AmountUnreadable => ReceivableFlag::AmountUnreadable,
        Flag::CurrencyUnknown => ReceivableFlag::CurrencyUnknown,
        Flag::StatusUnknown => ReceivableFlag::StatusUnknown,
        Flag::BalanceDiffers => ReceivableFlag::BalanceDiffers,
        Flag::PaidWithBalance => ReceivableFlag::PaidWithBalance,
    }
}
