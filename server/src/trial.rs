//! Lets the API try a mapping of invoices by the code that maps them.

use closegraph_api::{InvoiceTrial, Tried};
use closegraph_entity::invoice_mapping::InvoiceMapping;
use closegraph_sync::connect::try_mapping;
use sqlx::PgPool;
use uuid::Uuid;

/// Tries mappings on what a database keeps.
#[derive(Clone, Debug)]
pub struct Trial(pub PgPool);

impl InvoiceTrial for Trial {
    fn try_mapping(&self, connection: Uuid, mapping: InvoiceMapping, first: u32) -> Tried<'_> {
        Box::pin(async move {
            let show = usize::try_from(first).unwrap_or_default();
            let tried = try_mapping(&self.0, connection, mapping, show).await;
            tried
                .map(|tried| tried.invoices)
                .map_err(|error| error.logged())
        })
    }
}
