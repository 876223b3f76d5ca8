//! Line items of invoices. Their amounts are kept in major units, as they were typed; here they become minor units, which
//! are exact or null.

use async_graphql::SimpleObject;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};

use crate::schema::Money;

/// SQL of the money of one line, from an expression in major units: null where it is unknown, has more decimals than the
/// currency, or is beyond any money. Nothing is rounded.
macro_rules! money {
    ($major:literal) => {
        concat!(
            "(select json_build_object('minor', trunc(m.minor)::text, 'currency', {t}.currency)
                from (select (",
            $major,
            ") * power(10::numeric, {t}.currency_places) as minor) m
               where m.minor % 1 = 0 and abs(m.minor) < 1e27)"
        )
    };
}

/// SQL of the field `lineItems`.
pub(super) const LINE_ITEMS: &str = concat!(
    "(select coalesce(json_agg(json_build_object('description', l.description,
                'quantity', trim_scale(l.quantity)::text, 'taxRate', trim_scale(l.tax_rate)::text,
                'unitPrice', ",
    money!("l.unit_price"),
    ", 'total', ",
    money!("coalesce(l.total, l.quantity * l.unit_price)"),
    ") order by l.position, l.source_created_at, l.close_id, l.id), '[]')
        from receivable_line l where l.connection_id = {t}.connection_id and l.receivable_id = {t}.id)"
);

/// SQL of the field `flags`: those that were found while mapping, and whether lines that all have a total come to
/// neither the invoice's total nor that less the tax.
pub(super) const FLAGS: &str =
    "({t}.flags || (select case when bool_and(s.total is not null) and sum(s.total) <> {t}.total_minor
                                 and sum(s.total) <> {t}.total_minor - coalesce({t}.tax_minor, 0)
                                then '[\"lines_differ\"]'::jsonb else '[]' end
        from (select coalesce(l.total, l.quantity * l.unit_price) * power(10::numeric, {t}.currency_places) as total
                from receivable_line l
               where l.connection_id = {t}.connection_id and l.receivable_id = {t}.id) s))";

/// A line of an invoice.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct LineItem {
    /// What was sold.
    description: Option<String>,
    /// How much of it; exact.
    #[serde(deserialize_with = "exact")]
    quantity: Option<Decimal>,
    /// Null where it is unknown, or has more decimals than the currency: nothing is rounded.
    unit_price: Option<Money>,
    /// Per cent.
    #[serde(deserialize_with = "exact")]
    tax_rate: Option<Decimal>,
    /// What the line says, else quantity times unit price; null where that is unknown, or has more decimals than the
    /// currency.
    total: Option<Money>,
}

/// A number as text; what 28 digits can't hold is unknown rather than rounded.
fn exact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| Decimal::from_str_exact(&text).ok()))
}
