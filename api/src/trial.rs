//! Trying a mapping of invoices, which only the side that maps can do.

use closegraph_entity::invoice_mapping::{InvoiceMapping, TriedInvoice};
use std::pin::Pin;
use uuid::Uuid;

/// Invoices, or why there are none, in words for a log.
pub type Tried<'a> = Pin<Box<dyn Future<Output = Result<Vec<TriedInvoice>, String>> + Send + 'a>>;

/// Maps what is kept of a connection by a mapping that is not in use. Nothing is written.
pub trait InvoiceTrial: Send + Sync {
    /// The invoices that the `first` records that changed last would be.
    fn try_mapping(&self, connection: Uuid, mapping: InvoiceMapping, first: u32) -> Tried<'_>;
}
