//! How Close words an amount: symbol, thousands, zero cents dropped, the period appended when
//! it is not one-time (dossier 4.5). The amount is always read as hundredths (dossier 9.2).

use serde::{Serialize, Serializer};

use super::opportunity::ValuePeriod;

/// The symbol before an amount.
pub(crate) fn symbol(currency: &str) -> &str {
    match currency {
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        "JPY" => "¥",
        "CAD" => "C$",
        "AUD" => "A$",
        "INR" => "₹",
        "BRL" => "R$",
        other => other,
    }
}

/// `"$1,250.50 annual"`.
#[derive(Debug)]
pub(crate) struct Formatted<'c> {
    pub(crate) minor: i64,
    pub(crate) currency: &'c str,
    pub(crate) period: ValuePeriod,
}

impl std::fmt::Display for Formatted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.minor < 0 {
            f.write_str("-")?;
        }
        f.write_str(symbol(self.currency))?;
        let minor = self.minor.unsigned_abs();
        let digits = (minor / 100).to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        if !minor.is_multiple_of(100) {
            write!(f, ".{:02}", minor % 100)?;
        }
        match self.period {
            ValuePeriod::OneTime => Ok(()),
            ValuePeriod::Monthly => f.write_str(" monthly"),
            ValuePeriod::Annual => f.write_str(" annual"),
        }
    }
}

impl Serialize for Formatted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{Formatted, ValuePeriod};

    #[test]
    fn amounts_are_worded_as_close_words_them() {
        let worded = |minor, period| {
            Formatted {
                minor,
                currency: "USD",
                period,
            }
            .to_string()
        };
        assert_eq!(worded(50_000, ValuePeriod::OneTime), "$500");
        assert_eq!(worded(50_000, ValuePeriod::Annual), "$500 annual");
        assert_eq!(worded(7_500_000, ValuePeriod::OneTime), "$75,000");
        assert_eq!(
            worded(123_456_789, ValuePeriod::Monthly),
            "$1,234,567.89 monthly"
        );
        assert_eq!(worded(-5, ValuePeriod::OneTime), "-$0.05");
    }
}
