//! One question for records of every type.

mod statement;
mod text;

use async_graphql::{Context, SimpleObject};
use serde::Deserialize;

use crate::error::{ApiError, Result};
use crate::query::operators::word_enum;
use crate::query::run::fetch;
use crate::query::selection::Selection;
use crate::schema::{MirroredRecord, RecordType, knowing_compiler, reader};

use text::Sought;

/// Records of an answer that names no number.
pub(crate) const DEFAULT_FIRST: i32 = 20;
/// Records of an answer at most.
const MAX_FIRST: i32 = 50;

word_enum! {
    /// What of a record was like the text that was looked for.
    SearchField {
        /// The name of a company, person or member.
        Name = "name",
        /// An e-mail address, in any case.
        Email = "email",
        /// The domain of a company's web site.
        Domain = "domain",
        /// A telephone number, in any spelling.
        Phone = "phone",
        /// The number of an invoice, in any case.
        Number = "number",
        /// The id in Close.
        CloseId = "close_id",
        /// The id in Close of a record that was merged into this one.
        OldCloseId = "old_close_id",
        /// The id in this deployment.
        Id = "id",
    }
}

/// A record that was found.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default)]
pub(crate) struct SearchResult {
    /// How alike it is, above 0 and up to 1, which is the same.
    score: f64,
    /// What of it was like the text: of several, the most alike.
    matched: SearchField,
    /// The record itself.
    record: MirroredRecord,
}

/// What was found, the most alike first.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default)]
pub(crate) struct SearchResults {
    /// The records, at most as many as were asked for.
    nodes: Vec<SearchResult>,
}

/// The records of these types that are the most like a text.
pub(crate) async fn search(
    ctx: &Context<'_>,
    text: &str,
    types: Option<Vec<RecordType>>,
    first: i32,
) -> Result<SearchResults> {
    if !(0..=MAX_FIRST).contains(&first) {
        return Err(ApiError::BadInput(format!(
            "first is 0 to {MAX_FIRST}: search answers with the best, and has no further pages"
        )));
    }
    let sought = Sought::read(text)?;
    let mut compiler = knowing_compiler(ctx).await?;
    let selection = Selection::of(ctx);
    let statement =
        statement::compile(&mut compiler, &sought, types.as_deref(), first, &selection)?;
    let Some((with, json)) = statement else {
        return Ok(SearchResults::default());
    };
    Ok(fetch(reader(ctx)?, compiler.finish_with(&with, &json))
        .await?
        .unwrap_or_default())
}
