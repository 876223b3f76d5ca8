//! Documents that were parsed before. Clients send the same few texts again and again, with other variables.

use super::limits::Limits;
use super::measure::{self, Measured};
use super::refusal::Refusal;
use super::text;
use async_graphql::ServerError;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use moka::sync::Cache;
use std::sync::Arc;

/// Bytes that all kept documents may take, about.
const KEPT_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of a parsed document for each of its text, about.
const BYTES_A_BYTE: usize = 32;

/// A document within the limits.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) parsed: ExecutableDocument,
    pub(super) measured: Measured,
}

/// The documents of this process that were within its limits.
#[derive(Clone, Debug)]
pub(super) struct Parsed(Cache<Arc<str>, Arc<Document>>);

impl Parsed {
    pub(super) fn new() -> Self {
        let weigh = |text: &Arc<str>, _: &Arc<Document>| {
            u32::try_from(text.len().saturating_mul(BYTES_A_BYTE)).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().weigher(weigh).max_capacity(KEPT_BYTES);
        Self(cache.build())
    }

    /// The document of a text, unless it exceeds a limit; or why it can't be parsed.
    pub(super) fn find(
        &self,
        text: &Arc<str>,
        limits: &Limits,
    ) -> Result<Result<Arc<Document>, ServerError>, Refusal> {
        if let Some(document) = self.0.get(text) {
            return Ok(Ok(document));
        }
        text::check(text, limits)?;
        let parsed = match parse_query(text) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(ServerError::from(error))),
        };
        let measured = measure::check(&parsed, limits)?;
        let document = Arc::new(Document { parsed, measured });
        self.0.insert(text.clone(), document.clone());
        Ok(Ok(document))
    }
}
