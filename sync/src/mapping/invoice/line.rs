//! Lines of an invoice: records of their own, or rows of a text field.

use super::super::row::columns;
use super::super::{Json, MappingContext, Row};
use super::amount;
use super::custom;
use super::receivable::{ReceivableColumns, decimal, one};
use crate::close::Object;
use closegraph_entity::invoice_mapping::{Decimals, InvoiceMapping, LineRole, Lines};
use closegraph_entity::record::{line_id, record_id};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::Uuid;

columns! {
    /// The columns of `receivable_line`. Numbers are decimals as text, without zeros that say nothing.
    LineColumns in "receivable_line", raw false {
        receivable_id: Option<Uuid> => "uuid" / "uuid",
        position: i32 => "integer" / "integer",
        description: Option<String> => "text" / "text",
        quantity: Option<String> => "text" / "numeric",
        unit_price: Option<String> => "text" / "numeric",
        tax_rate: Option<String> => "text" / "numeric",
        total: Option<String> => "text" / "numeric",
    }
}

/// Lines are typed before their invoice, and with it the currency, is known: most have two decimals.
const PLACES: u32 = 2;

fn plain(amount: Decimal) -> String {
    amount.normalize().to_string()
}

impl LineColumns {
    /// Of a record of its own.
    pub(super) fn of(
        line: &Object,
        context: &MappingContext,
        fields: &BTreeMap<LineRole, String>,
        decimals: Decimals,
    ) -> Self {
        let text = |role| one(line, &custom(fields.get(&role)?));
        let number = |role| {
            let amount = decimal(line, &custom(fields.get(&role)?), decimals, PLACES)?;
            amount.ok().map(plain)
        };
        Self {
            receivable_id: text(LineRole::Invoice).map(|id| record_id(context.connection_id, &id)),
            // They stand in the order in which they were made.
            position: 0,
            description: text(LineRole::Description).or_else(|| line.text("name")),
            quantity: number(LineRole::Quantity),
            unit_price: number(LineRole::UnitPrice),
            tax_rate: number(LineRole::TaxRate),
            total: number(LineRole::Total),
        }
    }
}

/// The lines that stand in a text field of an invoice, a row each.
pub(super) fn in_text(
    context: &MappingContext,
    mapping: &InvoiceMapping,
    invoice: &Object,
    receivable: &Row<ReceivableColumns>,
) -> Vec<Row<LineColumns>> {
    let Some(Lines::Text {
        field,
        separator,
        columns,
    }) = &mapping.lines
    else {
        return Vec::new();
    };
    let Some(text) = invoice.text(&custom(field)) else {
        return Vec::new();
    };
    let places = u32::try_from(receivable.columns.currency_places).unwrap_or(PLACES);
    let rows = text.lines().filter(|row| !row.trim().is_empty());
    rows.zip(1_usize..)
        .map(|(row, place)| {
            let values: Vec<&str> = row.split(separator.as_str()).map(str::trim).collect();
            let value = |role| {
                let at = columns.iter().position(|column| *column == role)?;
                values.get(at).copied().filter(|value| !value.is_empty())
            };
            let number = |role| {
                let text = value(role)?.trim_end_matches(['%', ' ']);
                amount::read(text, mapping.decimals, places).map(plain)
            };
            // A row that has other columns is kept whole.
            let fits = values.len() == columns.len();
            Row {
                id: line_id(context.connection_id, &receivable.close_id, place),
                close_id: receivable.close_id.clone(),
                custom: Json("{}".to_owned()),
                raw: String::new(),
                source_created_at: receivable.source_created_at,
                source_updated_at: receivable.source_updated_at,
                columns: LineColumns {
                    receivable_id: Some(receivable.id),
                    position: i32::try_from(place).unwrap_or(i32::MAX),
                    description: if fits {
                        value(LineRole::Description)
                    } else {
                        Some(row.trim())
                    }
                    .map(str::to_owned),
                    quantity: number(LineRole::Quantity).filter(|_| fits),
                    unit_price: number(LineRole::UnitPrice).filter(|_| fits),
                    tax_rate: number(LineRole::TaxRate).filter(|_| fits),
                    total: number(LineRole::Total).filter(|_| fits),
                },
            }
        })
        .collect()
}
