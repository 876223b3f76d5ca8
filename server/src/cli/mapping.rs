//! `closegraph mapping`.

use super::Output;
use clap::{Args, Subcommand, ValueEnum};
use closegraph_entity::invoice_mapping::{Decimals, Role};
use closegraph_entity::receivable::Status;
use std::str::FromStr;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Mapping {
    /// Show how invoices are kept: the type, what its fields mean, and what else was considered.
    #[command(after_help = "Example: closegraph mapping show")]
    Show(ShowMapping),
    /// Change how invoices are read. A running server maps what is stored again; Close is not asked.
    ///
    /// It starts from the mapping in use, else from the best proposal of the type, and changes what is named. Types and
    /// fields go by their names or ids.
    #[command(
        after_help = "Examples: closegraph mapping set --field amount='Grand total' --status Disputed=issued\n          \
        closegraph mapping set --type Invoice --field amount='Grand total' --field due_on='Pay by'\n          \
        closegraph mapping set --none"
    )]
    Set(SetMapping),
    /// Try a mapping on the records that are stored, without using it.
    #[command(after_help = "Example: closegraph mapping test --field amount='Net total'")]
    Test(TestMapping),
}

#[derive(Debug, Args)]
pub struct ShowMapping {
    /// The connection; needed only where there are several.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct SetMapping {
    /// The connection; needed only where there are several.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    #[command(flatten)]
    pub edit: MappingEdit,
    /// There are no invoices here.
    #[arg(long, conflicts_with_all = ["reset", "type_name", "field", "without", "status", "decimals", "currency"])]
    pub none: bool,
    /// Back to what is proposed.
    #[arg(long, conflicts_with_all = ["type_name", "field", "without", "status", "decimals", "currency"])]
    pub reset: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct TestMapping {
    /// The connection; needed only where there are several.
    #[arg(long, value_name = "ID")]
    pub connection: Option<Uuid>,
    #[command(flatten)]
    pub edit: MappingEdit,
    /// Invoices that are shown.
    #[arg(long, default_value_t = 10)]
    pub limit: usize,
    #[command(flatten)]
    pub output: Output,
}

/// What is to be another way.
#[derive(Clone, Debug, Default, Args)]
pub struct MappingEdit {
    /// The Custom Object or Custom Activity type that invoices are of.
    #[arg(long = "type", value_name = "TYPE")]
    pub type_name: Option<String>,
    /// What a field means: number, amount, tax, currency, amount_paid, balance, issued_on, due_on, paid_on, status,
    /// contact, opportunity or terms.
    #[arg(long, value_name = "ROLE=FIELD")]
    pub field: Vec<Assignment<Role>>,
    /// A role that no field has.
    #[arg(long, value_name = "ROLE", value_parser = word::<Role>)]
    pub without: Vec<Role>,
    /// What a status word means: draft, issued, paid or void.
    #[arg(long, value_name = "WORD=STATUS", value_parser = status)]
    pub status: Vec<(String, Status)>,
    /// How amounts are written that are kept as text.
    #[arg(long, value_enum)]
    pub decimals: Option<DecimalMark>,
    /// Currency of invoices that name none, such as EUR; "organization" for the organization's.
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
}

impl MappingEdit {
    /// Whether it changes nothing.
    pub const fn is_empty(&self) -> bool {
        self.type_name.is_none()
            && self.field.is_empty()
            && self.without.is_empty()
            && self.status.is_empty()
            && self.decimals.is_none()
            && self.currency.is_none()
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DecimalMark {
    /// As each amount shows.
    Auto,
    /// 1,234.50
    Point,
    /// 1.234,50
    Comma,
}

impl From<DecimalMark> for Decimals {
    fn from(mark: DecimalMark) -> Self {
        match mark {
            DecimalMark::Auto => Self::Auto,
            DecimalMark::Point => Self::Point,
            DecimalMark::Comma => Self::Comma,
        }
    }
}

/// `KEY=VALUE`.
#[derive(Clone, Debug)]
pub struct Assignment<K> {
    pub key: K,
    pub value: String,
}

impl<K: serde::de::DeserializeOwned> FromStr for Assignment<K> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .ok_or("allowed: ROLE=FIELD, such as amount=\"Grand total\"")?;
        Ok(Self {
            key: word(key.trim())?,
            value: value.trim().to_owned(),
        })
    }
}

/// A word of an enum; what is wrong names those that are allowed.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

fn status(text: &str) -> Result<(String, Status), String> {
    let (given, means) = text
        .rsplit_once('=')
        .ok_or("allowed: WORD=STATUS, such as Disputed=issued")?;
    Ok((given.trim().to_lowercase(), word(means.trim())?))
}
