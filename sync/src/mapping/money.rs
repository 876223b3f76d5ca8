//! Close's integers to minor units.

use super::{MappingContext, MappingError};
use crate::close::Object;
use iso_currency::Currency;

/// Decimal places of a currency by ISO 4217; 2 for codes that are not in it.
pub(super) fn exponent(currency: &str) -> u32 {
    Currency::from_code(currency)
        .and_then(Currency::exponent)
        .map_or(2, u32::from)
}

/// The currency that an object names, else the organization's.
pub(super) fn currency(object: &Object, context: &MappingContext) -> Result<String, MappingError> {
    let Some(code) = object.text("value_currency") else {
        return Ok(context.currency.clone());
    };
    let code = code.trim().to_ascii_uppercase();
    if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Ok(code);
    }
    let allowed = "a code of three letters such as USD";
    Err(MappingError::Value {
        field: "value_currency",
        given: code,
        allowed,
    })
}

/// An amount in minor units of `currency`. Close sends integers in which the organization's currency has
/// `value_exponent` places whatever ISO 4217 says; an amount that would have to be rounded is refused.
pub(super) fn amount(
    object: &Object,
    field: &'static str,
    currency: &str,
    context: &MappingContext,
) -> Result<Option<i64>, MappingError> {
    let Some(text) = object.text(field) else {
        return Ok(None);
    };
    let refused = |allowed| MappingError::Value {
        field,
        given: text.clone(),
        allowed,
    };
    let sent: i64 = text
        .strip_suffix(".0")
        .unwrap_or(&text)
        .parse()
        .map_err(|_| refused("an integer of 64 bits, or null"))?;
    let places = exponent(currency);
    let scaled = if places >= context.value_exponent {
        10_i64
            .checked_pow(places - context.value_exponent)
            .and_then(|factor| sent.checked_mul(factor))
    } else {
        let factor = 10_i64.checked_pow(context.value_exponent - places);
        factor
            .filter(|factor| sent % factor == 0)
            .map(|factor| sent / factor)
    };
    scaled
        .map(Some)
        .ok_or_else(|| refused("an amount that the currency's minor units can express"))
}

#[cfg(test)]
mod tests {
    use super::amount;
    use crate::close::Object;
    use crate::mapping::MappingContext;
    use std::sync::Arc;

    fn minor(value: &str, currency: &str) -> Result<Option<i64>, String> {
        let object = Object::parse(&format!(r#"{{"value":{value}}}"#)).unwrap();
        let context = MappingContext {
            connection_id: uuid::Uuid::nil(),
            currency: currency.to_owned(),
            value_exponent: 2,
            labels: Arc::default(),
            time_zone: chrono_tz::UTC,
            invoices: None,
            categories: Arc::default(),
        };
        amount(&object, "value", currency, &context).map_err(|error| error.to_string())
    }

    #[test]
    fn amounts_become_minor_units_of_their_currency() {
        assert_eq!(minor("100000", "USD"), Ok(Some(100_000)));
        assert_eq!(minor("100000", "JPY"), Ok(Some(1_000)));
        assert_eq!(minor("100000", "KWD"), Ok(Some(1_000_000)));
        assert_eq!(minor("null", "USD"), Ok(None));
        assert_eq!(minor("0", "USD"), Ok(Some(0)));
    }

    #[test]
    fn an_amount_that_would_be_rounded_is_refused() {
        assert!(minor("150", "JPY").is_err());
        assert!(minor("12.5", "USD").is_err());
        assert!(minor("9223372036854775807", "KWD").is_err());
    }
}
