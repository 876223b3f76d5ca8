//! Money: exact, with its currency, never blended.

use async_graphql::{InputValueError, InputValueResult, Object, Scalar, ScalarType, Value};
use iso_currency::Currency;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};

use crate::error::ApiError;
use crate::query::scalars::BigInt;

/// An ISO 4217 code, such as EUR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CurrencyCode(pub String);

/// An ISO 4217 code, such as EUR.
#[Scalar]
impl ScalarType for CurrencyCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(code) if code.len() == 3 => Ok(Self(code.to_ascii_uppercase())),
            _ => Err(InputValueError::custom(
                "a code of three letters is needed, such as EUR",
            )),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// An amount of one currency.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Money {
    #[serde(deserialize_with = "integer")]
    pub minor: i128,
    pub currency: String,
}

/// A JSON number, or the text of a sum, which may be larger than 64 bits.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Integer {
        Number(i64),
        Text(String),
    }

    match Integer::deserialize(deserializer)? {
        Integer::Number(number) => Ok(number.into()),
        Integer::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// The exact decimal of an integer; sums beyond 96 bits are refused rather than rounded.
pub(crate) fn decimal(integer: i128, places: u32) -> crate::error::Result<Decimal> {
    Decimal::try_from_i128_with_scale(integer, places)
        .map_err(|_| ApiError::BadInput(format!("{integer} minor units are too many to be shown")))
}

/// An exact amount in one currency. Amounts of different currencies are never added up.
#[Object]
impl Money {
    /// The amount in major units, such as "12500.00".
    async fn amount(&self) -> async_graphql::Result<Decimal> {
        Ok(self.decimal()?)
    }

    /// The amount in the currency's smallest units, such as cents.
    async fn minor_units(&self) -> BigInt {
        BigInt(self.minor)
    }

    /// ISO 4217, such as EUR.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.currency.clone())
    }

    /// For people, such as "$12,500.00".
    async fn formatted(&self) -> async_graphql::Result<String> {
        Ok(self.text()?)
    }
}

impl Money {
    /// For people, such as "$12,500.00".
    pub(crate) fn text(&self) -> crate::error::Result<String> {
        let text = self.decimal()?.abs().to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let point = if fraction.is_empty() { "" } else { "." };
        let sign = if self.minor < 0 { "-" } else { "" };
        let symbol = match self.currency.as_str() {
            "USD" => "$".to_owned(),
            "EUR" => "€".to_owned(),
            "GBP" => "£".to_owned(),
            "JPY" => "¥".to_owned(),
            code => format!("{code} "),
        };
        Ok(format!("{sign}{symbol}{grouped}{point}{fraction}"))
    }

    /// The exact amount in major units.
    pub(crate) fn decimal(&self) -> crate::error::Result<Decimal> {
        let places = Currency::from_code(&self.currency)
            .and_then(Currency::exponent)
            .unwrap_or(2);
        decimal(self.minor, places.into())
    }
}
