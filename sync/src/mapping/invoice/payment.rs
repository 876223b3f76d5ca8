//! The payments of an invoice: the differences between what was paid as of its versions.
//!
//! They are a function of the set of what is known of versions, so that they come out the same in whatever order the
//! versions arrived. Their sum is what was paid as of the newest.

use super::super::{Json, MappingContext, Row, TransactionColumns};
use super::ReceivableColumns;
use chrono::{DateTime, NaiveDate, Utc};
use closegraph_entity::opportunity::ValuePeriod;
use closegraph_entity::record::payment_id;
use uuid::Uuid;

/// What was paid as of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaidAmount {
    pub(crate) version: DateTime<Utc>,
    pub(crate) currency: String,
    pub(crate) paid_minor: i64,
    pub(crate) paid_on: Option<NaiveDate>,
    pub(crate) event_id: Option<Uuid>,
}

/// Versions in a row as of which the same was paid.
struct Span<'a> {
    first: &'a PaidAmount,
    /// The latest word on when: a date may be put in, or right, afterwards.
    paid_on: Option<NaiveDate>,
}

/// The payments, oldest first. `paid` is sorted by version.
pub(super) fn payments(
    context: &MappingContext,
    invoice: &Row<ReceivableColumns>,
    paid: &[PaidAmount],
) -> Vec<Row<TransactionColumns>> {
    let mut payments = Vec::new();
    let mut before: Option<&PaidAmount> = None;
    for span in spans(paid) {
        let now = span.first;
        for (minor, currency) in differences(before, now) {
            let day = context.day(now.version);
            let occurred_on = span.paid_on.filter(|_| minor > 0).unwrap_or(day);
            payments.push((minor, currency, occurred_on, now.version));
        }
        before = Some(now);
    }
    let places = 1_usize..;
    let rows = payments.into_iter().zip(places);
    rows.map(|((amount_minor, currency, occurred_on, at), place)| Row {
        id: payment_id(context.connection_id, &invoice.close_id, place),
        close_id: invoice.close_id.clone(),
        custom: Json("{}".to_owned()),
        raw: String::new(),
        source_created_at: Some(at),
        source_updated_at: invoice.source_updated_at,
        columns: TransactionColumns {
            kind: "invoice_payment",
            opportunity_id: None,
            receivable_id: Some(invoice.id),
            company_id: invoice.columns.company_id,
            person_id: invoice.columns.person_id,
            owner_id: None,
            occurred_on: Some(occurred_on),
            amount_minor: Some(amount_minor),
            currency: currency.to_owned(),
            billing_period: ValuePeriod::OneTime,
            category: None,
            category_rule: None,
            pipeline_id: None,
            pipeline_name: None,
        },
    })
    .collect()
}

fn spans(paid: &[PaidAmount]) -> Vec<Span<'_>> {
    let mut spans: Vec<Span<'_>> = Vec::new();
    for amount in paid {
        match spans.last_mut() {
            Some(last)
                if (last.first.paid_minor, &last.first.currency)
                    == (amount.paid_minor, &amount.currency) =>
            {
                last.paid_on = amount.paid_on.or(last.paid_on);
            }
            _ => spans.push(Span {
                first: amount,
                paid_on: amount.paid_on,
            }),
        }
    }
    spans
}

/// What was booked between two versions: the difference, or, where the currency is another one, all of it taken back
/// and booked anew.
fn differences<'a>(before: Option<&'a PaidAmount>, now: &'a PaidAmount) -> Vec<(i64, &'a str)> {
    let booked = match before {
        Some(before) if before.currency != now.currency => vec![
            (before.paid_minor.saturating_neg(), before.currency.as_str()),
            (now.paid_minor, now.currency.as_str()),
        ],
        before => {
            let paid = before.map_or(0, |before| before.paid_minor);
            vec![(now.paid_minor.saturating_sub(paid), now.currency.as_str())]
        }
    };
    booked
        .into_iter()
        .filter(|(minor, _)| *minor != 0)
        .collect()
}
