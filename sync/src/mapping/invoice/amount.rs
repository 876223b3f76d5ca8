//! Amounts as people type them, in major units, to exact decimals and minor units.

use closegraph_entity::invoice_mapping::Decimals;
use rust_decimal::Decimal;

/// What can be added up and taken from each other in 64 bits.
const LARGEST: i64 = i64::MAX / 4;

/// Reads an amount. Currency signs and codes, spaces and marks between thousands are passed over; what is no amount, or
/// can be read in two ways, is `None`. `places` are the decimals that the currency has.
pub(super) fn read(text: &str, decimals: Decimals, places: u32) -> Option<Decimal> {
    let (negative, body) = sign(text)?;
    let plain = point(&body, decimals, places)?;
    let amount: Decimal = plain.parse().ok()?;
    Some(if negative { -amount } else { amount })
}

/// The amount in minor units; `None` where it has more decimals than the currency, or is larger than any invoice.
pub(super) fn minor(amount: Decimal, places: u32) -> Option<i64> {
    let amount = amount.normalize();
    let missing = places.checked_sub(amount.scale())?;
    let factor = 10_i128.checked_pow(missing)?;
    let minor = amount.mantissa().checked_mul(factor)?;
    let minor = i64::try_from(minor).ok()?;
    (-LARGEST..=LARGEST).contains(&minor).then_some(minor)
}

/// A number of JSON, exact.
pub(super) fn number(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) {
        return Decimal::from_scientific(text).ok();
    }
    Decimal::from_str_exact(text).ok()
}

/// Digits and separators, and whether the amount is negative: a minus on either side, or parentheses.
fn sign(text: &str) -> Option<(bool, String)> {
    let text = text.trim();
    let inner = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let mut negative = inner.is_some();
    let (mut body, mut words) = (String::new(), String::new());
    for character in inner.unwrap_or(text).chars() {
        match character {
            '0'..='9' | '.' | ',' => body.push(character),
            '-' | '\u{2212}' if !negative => negative = true,
            // Marks between thousands that can't be anything else.
            '\'' | '\u{2019}' => {}
            _ if character.is_whitespace() => {}
            _ if character.is_alphabetic() => words.push(character),
            '$' | '€' | '£' | '¥' | '₹' | '₩' | '₪' | '₫' | '₺' | '₽' | '฿' | '₴' | '₦' =>
                {}
            _ => return None,
        }
    }
    // A code such as EUR, or a sign such as kr; words make it no amount.
    (words.chars().count() <= 3 && body.contains(|c: char| c.is_ascii_digit()))
        .then_some((negative, body))
}

/// The amount with a point before its decimals and nothing between its thousands.
fn point(body: &str, decimals: Decimals, places: u32) -> Option<String> {
    let last = body.rfind(['.', ',']);
    let Some(last) = last else {
        return Some(body.to_owned());
    };
    let mark = if body.get(last..)?.starts_with('.') {
        '.'
    } else {
        ','
    };
    let other = if mark == '.' { ',' } else { '.' };
    let is_decimal = match decimals {
        Decimals::Point => mark == '.',
        Decimals::Comma => mark == ',',
        Decimals::Auto => is_decimal(body, mark, other, places)?,
    };
    let (whole, fraction) = if is_decimal {
        (body.get(..last)?, body.get(last + 1..)?)
    } else {
        (body, "")
    };
    // Thousands have one kind of mark.
    let between = if is_decimal { other } else { mark };
    let digits = ungrouped(whole, between)?;
    Some(
        format!("{digits}.{fraction}")
            .trim_end_matches('.')
            .to_owned(),
    )
}

/// Whether the last mark stands before decimals; `None` where that can't be told.
fn is_decimal(body: &str, mark: char, other: char, places: u32) -> Option<bool> {
    if body.contains(other) {
        return Some(true);
    }
    let (whole, fraction) = body.rsplit_once(mark)?;
    if whole.contains(mark) {
        return Some(false);
    }
    let may_group =
        fraction.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0');
    if !may_group {
        return Some(true);
    }
    // 1.250 is a thousand and more where money has two decimals, and anything where it has three.
    (places != 3).then_some(false)
}

/// Digits without the marks between thousands, which must stand where marks between thousands stand.
fn ungrouped(whole: &str, mark: char) -> Option<String> {
    let groups: Vec<&str> = whole.split(mark).collect();
    let is_digits = |group: &&str| group.bytes().all(|byte| byte.is_ascii_digit());
    if !groups.iter().all(is_digits) {
        return None;
    }
    if let [first, between @ .., last] = groups.as_slice() {
        // Hundreds of thousands are grouped by two in some places.
        let fit = (1..=3).contains(&first.len())
            && last.len() == 3
            && between.iter().all(|group| matches!(group.len(), 2 | 3));
        if !fit {
            return None;
        }
    }
    let digits = groups.concat();
    Some(if digits.is_empty() {
        "0".to_owned()
    } else {
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::{minor, number, read};
    use closegraph_entity::invoice_mapping::Decimals;
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    fn auto(text: &str) -> Option<String> {
        read(text, Decimals::Auto, 2).map(|amount| amount.to_string())
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, amount) in [
            ("1234.5", "1234.5"),
            ("1,234.50", "1234.50"),
            ("1.234,50 €", "1234.50"),
            ("EUR 1 234,50", "1234.50"),
            ("CHF 1'234.50", "1234.50"),
            ("1.234.567", "1234567"),
            ("12,50", "12.50"),
            ("12,345", "12345"),
            ("0.125", "0.125"),
            ("1234.567", "1234.567"),
            ("12,34,567.00", "1234567.00"),
            ("-12.00", "-12.00"),
            ("(12.00)", "-12.00"),
            ("12,00-", "-12.00"),
            ("$5", "5"),
            (",5", "0.5"),
        ] {
            assert_eq!(auto(text).as_deref(), Some(amount), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in [
            "",
            "TBD",
            "about 500",
            "1.2.3",
            "1,23,4",
            "12/50",
            "1.23.456,7.8",
            "--5",
            ".",
        ] {
            assert_eq!(auto(text), None, "{text}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_none_unless_the_mapping_says_how() {
        assert_eq!(read("1.250", Decimals::Auto, 3), None);
        let said = |decimals| read("1.250", decimals, 3).map(|amount| amount.to_string());
        assert_eq!(said(Decimals::Point).as_deref(), Some("1.250"));
        assert_eq!(said(Decimals::Comma).as_deref(), Some("1250"));
    }

    #[test]
    fn minor_units_are_exact_or_none() {
        let of = |text: &str, places| minor(number(text).unwrap(), places);
        assert_eq!(of("1250.5", 2), Some(125_050));
        assert_eq!(of("1250.500", 2), Some(125_050));
        assert_eq!(of("1250", 0), Some(1_250));
        assert_eq!(of("1.5e3", 2), Some(150_000));
        assert_eq!(of("1250.5", 0), None);
        assert_eq!(of("0.001", 2), None);
        assert_eq!(of("99999999999999999999", 2), None);
        assert_eq!(of("-0.01", 2), Some(-1));
    }

    proptest! {
        /// An amount written in any of the usual ways is read as what it was, for currencies of up to two decimals.
        #[test]
        fn reading_undoes_writing(minor_units in -10_i64.pow(15)..10_i64.pow(15), places in 0_u32..=2, comma: bool, grouped: bool) {
            let amount = Decimal::new(minor_units, places);
            let text = amount.abs().to_string();
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let (mark, between) = if comma { (",", ".") } else { (".", ",") };
            let whole: String = if grouped {
                let digits = whole.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap());
                digits.collect::<Vec<_>>().join(between)
            } else {
                whole.to_owned()
            };
            let sign = if minor_units < 0 { "-" } else { "" };
            let written = if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}{mark}{fraction}") };
            let read = read(&written, Decimals::Auto, places).and_then(|amount| minor(amount, places));
            prop_assert_eq!(read, Some(minor_units), "{}", written);
        }
    }
}
