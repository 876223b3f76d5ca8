//! What a text can mean: a name, an address, a number, an id.

use uuid::Uuid;

use crate::error::{ApiError, Result};

/// Letters of a text at most.
const MAX_LETTERS: usize = 200;
/// Letters from which on parts of words and slips are looked for; of shorter texts, how something begins.
const MIN_PART: usize = 3;
/// Digits from which on a text can be a telephone number.
const MIN_DIGITS: usize = 5;

/// A text in all that it can mean.
#[derive(Debug)]
pub(super) struct Sought {
    /// Without space around it.
    pub text: String,
    /// How much of the letters has to agree, as `pg_trgm` counts it, for a name with one slip to be found; none where
    /// the text is too short for that.
    pub alike: Option<f64>,
    /// Digits of what can be a telephone number, as they stand within any spelling of it.
    pub digits: Option<String>,
    /// What can be a domain, or a part of one.
    pub domain: Option<String>,
    /// What can be an e-mail address or its beginning.
    pub email: Option<String>,
    pub close_id: Option<String>,
    pub id: Option<Uuid>,
}

impl Sought {
    pub(super) fn read(text: &str) -> Result<Self> {
        let text = text.trim();
        let letters = text.chars().count();
        if letters > MAX_LETTERS {
            return Err(ApiError::BadInput(format!(
                "query has at most {MAX_LETTERS} letters, this has {letters}"
            )));
        }
        if !text.chars().any(char::is_alphanumeric) {
            return Err(ApiError::BadInput(
                "query has at least one letter or digit".to_owned(),
            ));
        }
        let one_word = letters >= MIN_PART && !text.contains(char::is_whitespace);
        Ok(Self {
            alike: (letters >= MIN_PART).then(|| alike(text)),
            digits: digits(text),
            domain: one_word.then(|| domain(text)).flatten(),
            email: one_word.then(|| text.to_lowercase()),
            close_id: is_close_id(text).then(|| text.to_owned()),
            id: Uuid::parse_str(text).ok(),
            text: text.to_owned(),
        })
    }
}

/// A word of n letters has n + 1 trigrams, of which two letters that changed places spoil four.
fn alike(text: &str) -> f64 {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    let letters = f64::from(u16::try_from(letters.count()).unwrap_or(u16::MAX));
    ((letters - 3.0) / (letters + 5.0) - 0.02).clamp(0.25, 0.6)
}

/// The digits that every spelling of a telephone number shares: without the zeros that lead out of a country or a town.
fn digits(text: &str) -> Option<String> {
    let text = text.replace("(0)", "");
    let spelling = |sign: char| sign.is_ascii_digit() || " \u{a0}+-./()".contains(sign);
    if !text.chars().all(spelling) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    (digits.len() >= MIN_DIGITS).then(|| digits.to_owned())
}

/// The host of an address of the web, as far as it was typed.
fn domain(text: &str) -> Option<String> {
    let text = text.to_lowercase();
    let host = text
        .split_once("://")
        .map_or(text.as_str(), |(_, rest)| rest);
    let host = host.split(['/', '?', '#', ':']).next().unwrap_or(host);
    let host = host.strip_prefix("www.").unwrap_or(host);
    let sign = |sign: char| sign.is_alphanumeric() || sign == '-' || sign == '.';
    (host.chars().count() >= MIN_PART && host.chars().all(sign)).then(|| host.to_owned())
}

fn is_close_id(text: &str) -> bool {
    text.split_once('_').is_some_and(|(prefix, rest)| {
        !prefix.is_empty()
            && !rest.is_empty()
            && prefix.chars().all(|sign| sign.is_ascii_lowercase())
            && rest
                .chars()
                .all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
    })
}
