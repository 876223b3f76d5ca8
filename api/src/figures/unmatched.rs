//! Records that should be tied to another and are not.

mod statement;

use async_graphql::{Context, SimpleObject};
use serde::Deserialize;

use crate::error::Result;
use crate::query::operators::word_enum;
use crate::query::run::fetch;
use crate::query::selection::Selection;
use crate::query::window::PageRequest;
use crate::schema::page::page_types;
use crate::schema::{MirroredRecord, knowing_compiler, reader};

word_enum! {
    /// What is missing.
    UnmatchedKind {
        /// A won deal, shown as its transaction, that no invoice bills; where a mapping of invoices is in use.
        DealWithoutInvoice = "deal_without_invoice",
        /// An invoice, neither draft nor void, that bills no won deal.
        InvoiceWithoutDeal = "invoice_without_deal",
        /// A payment of an invoice that bills no won deal.
        PaymentWithoutDeal = "payment_without_deal",
        /// A person without a company, or whose company never arrived.
        OrphanPerson = "orphan_person",
        /// The same of a transaction, of either kind.
        OrphanTransaction = "orphan_transaction",
        /// The same of an invoice.
        OrphanReceivable = "orphan_receivable",
        /// A company that shares its domain with others of its organization.
        DuplicateCompany = "duplicate_company",
    }
}

/// A record that may be what is missing.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MatchCandidate {
    /// How sure it is, from 0 to 1.
    score: f64,
    /// What speaks for it, in words.
    reasons: Vec<String>,
    /// An invoice beside a deal; a won deal's transaction beside an invoice or a payment; a company beside a company.
    record: MirroredRecord,
}

/// A record that should be tied to another and is not.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Unmatched {
    /// What is missing.
    kind: UnmatchedKind,
    /// The record itself.
    record: MirroredRecord,
    /// What may be missing, the surest first, ten at most. `linkRecords` and `unlinkRecords` decide about deals and
    /// invoices.
    candidates: Vec<MatchCandidate>,
}

page_types!(
    UnmatchedConnection,
    UnmatchedEdge,
    Unmatched,
    "records that should be tied to another and are not"
);

/// A page of these kinds, of all where none are named.
pub(crate) async fn unmatched(
    ctx: &Context<'_>,
    kinds: Option<Vec<UnmatchedKind>>,
) -> Result<UnmatchedConnection> {
    let selection = Selection::of(ctx);
    let request = PageRequest::new(&selection.arguments(), None, Vec::new())?;
    let mut compiler = knowing_compiler(ctx).await?;
    let json = statement::compile(&mut compiler, kinds.as_deref(), &request, &selection)?;
    Ok(fetch(reader(ctx)?, compiler.finish(&json))
        .await?
        .unwrap_or_default())
}
