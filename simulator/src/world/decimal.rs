//! Exact decimals: amounts in major units, quantities, rates. Never a float on the way out.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Decimals of a currency's amounts (ISO 4217), of those that invoices are written in.
pub(crate) fn exponent(currency: &str) -> u32 {
    match currency {
        "JPY" | "KRW" | "CLP" | "VND" => 0,
        "KWD" | "BHD" | "TND" | "OMR" | "JOD" => 3,
        _ => 2,
    }
}

/// `units` divided by ten to the power of `scale`. Serialises as a JSON number of exactly its
/// digits, without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    units: i64,
    scale: u32,
}

impl Decimal {
    pub(crate) const fn new(units: i64, scale: u32) -> Self {
        Self { units, scale }
    }

    /// The same number with another count of decimals; none when digits would be lost.
    pub(crate) fn units_at(self, scale: u32) -> Option<i64> {
        if scale >= self.scale {
            let factor = 10_i64.checked_pow(scale - self.scale)?;
            return self.units.checked_mul(factor);
        }
        let factor = 10_i64.checked_pow(self.scale - scale)?;
        (self.units % factor == 0).then_some(self.units / factor)
    }

    /// `minor` times this, rounded half away from zero.
    pub(crate) fn times(self, minor: i64) -> i64 {
        let divisor = 10_i64.checked_pow(self.scale).unwrap_or(1);
        let product = self.units.saturating_mul(minor);
        let half = divisor / 2 * product.signum();
        product.saturating_add(half) / divisor
    }

    /// The part of a tax-inclusive amount that is the tax at this rate in percent.
    pub(crate) fn tax_within(self, gross: i64) -> i64 {
        let hundred = 100 * 10_i64.checked_pow(self.scale).unwrap_or(1);
        let product = gross.saturating_mul(self.units);
        let divisor = hundred.saturating_add(self.units).max(1);
        product.saturating_add(divisor / 2 * product.signum()) / divisor
    }

    /// Reads digits with a decimal point.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = match text.trim().strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text.trim()),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) {
            return None;
        }
        let units: i64 = format!("{whole}{fraction}").parse().ok()?;
        let scale = u32::try_from(fraction.len()).ok()?;
        Some(Self::new(sign * units, scale))
    }

    /// Reads digits grouped by points with a decimal comma: `1.234,56`.
    pub(crate) fn parse_german(text: &str) -> Option<Self> {
        Self::parse(&text.replace('.', "").replace(',', "."))
    }

    /// With all its decimals: `1234.50`.
    pub(crate) fn fixed(self) -> String {
        let sign = if self.units < 0 { "-" } else { "" };
        let scale = usize::try_from(self.scale).unwrap_or(0);
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let point = if scale > 0 { "." } else { "" };
        format!("{sign}{whole}{point}{fraction}")
    }

    /// With all its decimals as in Germany: `1.234,50`.
    pub(crate) fn german(self) -> String {
        let fixed = self.fixed();
        let (sign, digits) = fixed.split_at(usize::from(self.units < 0));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut text = String::from(sign);
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place).is_multiple_of(3) {
                text.push('.');
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(',');
            text.push_str(fraction);
        }
        text
    }
}

impl std::fmt::Display for Decimal {
    /// Without trailing zeros: `1234.5`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fixed = self.fixed();
        f.write_str(if self.scale > 0 {
            fixed.trim_end_matches('0').trim_end_matches('.')
        } else {
            &fixed
        })
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn a_number_is_written_in_each_form_and_read_again() {
        for (units, scale, plain, fixed, german) in [
            (123_450, 2, "1234.5", "1234.50", "1.234,50"),
            (-7, 2, "-0.07", "-0.07", "-0,07"),
            (1_234_567, 0, "1234567", "1234567", "1.234.567"),
            (1_000, 3, "1", "1.000", "1,000"),
            (0, 2, "0", "0.00", "0,00"),
        ] {
            let number = Decimal::new(units, scale);
            assert_eq!(number.to_string(), plain);
            assert_eq!(serde_json::to_string(&number).unwrap(), plain);
            assert_eq!(serde_json::to_value(number).unwrap().to_string(), plain);
            assert_eq!(
                (number.fixed(), number.german()),
                (fixed.into(), german.into())
            );
            assert_eq!(Decimal::parse(plain).unwrap().units_at(scale), Some(units));
            assert_eq!(Decimal::parse_german(german), Some(number));
        }
        assert_eq!(Decimal::parse("1.2.3"), None);
        assert_eq!(Decimal::parse("1.23").unwrap().units_at(0), None);
    }

    #[test]
    fn products_and_taxes_are_rounded_half_away_from_zero() {
        assert_eq!(Decimal::new(15, 1).times(333), 500);
        assert_eq!(Decimal::new(15, 1).times(-333), -500);
        assert_eq!(Decimal::new(19, 0).tax_within(11_900), 1_900);
        assert_eq!(Decimal::new(77, 1).tax_within(10_770), 770);
    }
}
