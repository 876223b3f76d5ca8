//! Revenue in another currency, by the rates that the operator has loaded.
//!
//! Each amount is multiplied by the last rate at or before its day, the products are added up exactly, and the sum is
//! rounded once. A rate of the opposite direction is turned round, to 12 decimals, where it is newer or the only one.

use async_graphql::SimpleObject;
use iso_currency::Currency;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;

use crate::error::{ApiError, Result};
use crate::query::scalars::Date;
use crate::schema::{CurrencyCode, Money, decimal, integer};

/// The rate of each currency and day that is summed.
pub(super) fn rates(to: &str) -> String {
    format!(
        ",
               rates as (
                 select d.currency, d.day, x.rate, x.known_on
                   from (select distinct s.currency, s.day from shown s where s.current and s.amount is not null) d
                  cross join lateral (
                    select r.rate, r.known_on from (
                      (select e.rate, e.day as known_on, 1 as place from exchange_rate e
                        where e.base = d.currency and e.quote = {to}::text and e.day <= d.day order by e.day desc limit 1)
                      union all
                      (select round(1.00000000000000000000 / e.rate, 12), e.day, 2 from exchange_rate e
                        where e.base = {to}::text and e.quote = d.currency and e.day <= d.day order by e.day desc limit 1)
                      union all
                      select 1, d.day, 0 where d.currency = {to}::text) r
                     order by r.known_on desc, r.place limit 1) x)"
    )
}

pub(super) const JOIN: &str = "left join rates x on x.currency = s.currency and x.day = s.day";

pub(super) const SUMS: &str = ",
                            trim_scale(coalesce(sum(s.amount * x.rate) filter (where s.current), 0)) as converted,
                            coalesce(sum(s.amount) filter (where s.current and x.rate is null), 0) as missing,
                            coalesce(sum(s.known) filter (where s.current and x.rate is null), 0) as missing_count,
                            jsonb_agg(distinct jsonb_build_object('rate', trim_scale(x.rate)::text, 'on', x.known_on))
                              filter (where s.current and s.amount is not null and x.rate is not null) as rates";

pub(super) const JSON: &str =
    "json_build_object('to', {to}::text, 'sum', r.converted::text, 'missing', r.missing::text,
                 'missingCount', r.missing_count, 'rates', coalesce(r.rates, '[]'))";

/// The code of a currency that there is.
pub(crate) fn known(CurrencyCode(code): CurrencyCode) -> Result<String> {
    match Currency::from_code(&code) {
        Some(_) => Ok(code),
        None => Err(ApiError::BadInput(format!(
            "{code} is no currency of ISO 4217, such as EUR"
        ))),
    }
}

/// A converted row as the database answers it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Converted {
    to: String,
    /// Minor units of the row's own currency times rates.
    sum: String,
    #[serde(deserialize_with = "integer")]
    missing: i128,
    missing_count: i64,
    rates: Vec<Rate>,
}

#[derive(Debug, Deserialize)]
struct Rate {
    rate: Decimal,
    on: Date,
}

/// A rate that was used.
#[derive(Debug, SimpleObject)]
pub(crate) struct ExchangeRate {
    /// The currency of the amounts, ISO 4217.
    from: CurrencyCode,
    /// The currency that they were converted to, ISO 4217.
    to: CurrencyCode,
    /// Units of `to` for one of `from`, such as "0.923".
    rate: Decimal,
    /// The day since which the rate holds.
    on: Date,
}

/// What could not be converted: no rate is known at or before its day.
#[derive(Debug, SimpleObject)]
pub(crate) struct Unconverted {
    /// What it adds up to in its own currency.
    total: Money,
    /// Deals or payments.
    count: i64,
}

/// Revenue in the currency that was asked for. The row's own total stays what it is.
#[derive(Debug, SimpleObject)]
pub(crate) struct ConvertedRevenue {
    /// What could be converted, each amount at the rate of its day, added up exactly, and rounded once, half to even, to
    /// the minor unit.
    total: Money,
    /// The rates that were used, the oldest first; none where the currency is the same.
    rates: Vec<ExchangeRate>,
    /// What could not be converted; null where there is nothing of the kind.
    missing: Option<Unconverted>,
}

impl Converted {
    /// The row in the currency that was asked for; `from` is its own.
    pub(super) fn shown(&self, from: &str) -> Result<ConvertedRevenue> {
        let too_large = || {
            ApiError::BadInput(format!(
                "{from} {} can't be converted: it is too large",
                self.sum
            ))
        };
        let sum = Decimal::from_str_exact(&self.sum).map_err(|_| too_large())?;
        let places = places(&self.to) - places(from);
        let power = decimal(10_i128.pow(places.unsigned_abs()), 0)?;
        let minor = if places < 0 {
            sum.checked_div(power)
        } else {
            sum.checked_mul(power)
        };
        let minor = minor.ok_or_else(too_large)?;
        let rounded = minor.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven);
        let mut rates: Vec<ExchangeRate> = self
            .rates
            .iter()
            .filter(|_| from != self.to)
            .map(|rate| ExchangeRate {
                from: CurrencyCode(from.to_owned()),
                to: CurrencyCode(self.to.clone()),
                rate: rate.rate,
                on: rate.on,
            })
            .collect();
        rates.sort_by_key(|rate| rate.on.0);
        Ok(ConvertedRevenue {
            total: Money {
                minor: rounded.mantissa(),
                currency: self.to.clone(),
            },
            rates,
            missing: (self.missing_count > 0).then(|| Unconverted {
                total: Money {
                    minor: self.missing,
                    currency: from.to_owned(),
                },
                count: self.missing_count,
            }),
        })
    }
}

/// Decimals of a currency's minor unit.
fn places(currency: &str) -> i32 {
    Currency::from_code(currency)
        .and_then(Currency::exponent)
        .unwrap_or(2)
        .into()
}
