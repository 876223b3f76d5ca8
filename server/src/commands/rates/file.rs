//! A file of rates: all of it is right, or nothing is taken.

use anyhow::{Context, ensure};
use chrono::NaiveDate;
use iso_currency::Currency;
use rust_decimal::Decimal;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;

/// Decimals of a rate at most: sums of converted amounts stay exact.
const MAX_PLACES: u32 = 12;

/// One line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    date: NaiveDate,
    base: String,
    quote: String,
    rate: String,
}

/// The columns of a file.
#[derive(Debug, Default)]
pub(super) struct Rates {
    pub days: Vec<NaiveDate>,
    pub bases: Vec<String>,
    pub quotes: Vec<String>,
    /// Decimal text.
    pub rates: Vec<String>,
}

pub(super) fn read(file: impl Read) -> anyhow::Result<Rates> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(file);
    let mut known: BTreeMap<(String, String, NaiveDate), Decimal> = BTreeMap::new();
    for (number, line) in reader.deserialize::<Line>().enumerate() {
        let place = || format!("rate {} of the file", number + 1);
        let (key, rate) = line
            .map_err(Into::into)
            .and_then(check)
            .with_context(place)?;
        let before = known.insert(key, rate);
        ensure!(
            before.is_none_or(|before| before == rate),
            "{}: another rate of the same day and currencies stands before it",
            place()
        );
    }
    ensure!(
        !known.is_empty(),
        "there is no rate in it; its first line is date,base,quote,rate"
    );
    let mut rates = Rates::default();
    for ((base, quote, day), rate) in known {
        rates.days.push(day);
        rates.bases.push(base);
        rates.quotes.push(quote);
        rates.rates.push(rate.to_string());
    }
    Ok(rates)
}

fn check(line: Line) -> anyhow::Result<((String, String, NaiveDate), Decimal)> {
    for code in [&line.base, &line.quote] {
        ensure!(
            Currency::from_code(code).is_some(),
            "{code:?} is no currency of ISO 4217, such as EUR"
        );
    }
    ensure!(
        line.base != line.quote,
        "{} to itself needs no rate",
        line.base
    );
    let rate = Decimal::from_str_exact(&line.rate)
        .with_context(|| format!("{:?} is no decimal number, such as 1.0834", line.rate))?;
    ensure!(rate > Decimal::ZERO, "a rate is above zero, this is {rate}");
    let rate = rate.normalize();
    ensure!(
        rate.scale() <= MAX_PLACES,
        "{rate} has more than {MAX_PLACES} decimals"
    );
    Ok(((line.base, line.quote, line.date), rate))
}
