//! What invoices, their fields and their states are called, in several languages: `words.toml`.

use closegraph_entity::invoice_mapping::{LineRole, Role};
use closegraph_entity::receivable::Status;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The words that come with the program.
static WORDS: LazyLock<Words> =
    LazyLock::new(|| toml::from_str(include_str!("words.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) types: TypeWords,
    fields: HashMap<Role, Vec<String>>,
    line_fields: HashMap<LineRole, Vec<String>>,
    status: HashMap<Status, Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypeWords {
    pub(super) invoice: Vec<String>,
    pub(super) not_receivable: Vec<String>,
    pub(super) part: Vec<String>,
    pub(super) lines: Vec<String>,
}

pub(super) fn words() -> &'static Words {
    &WORDS
}

impl Words {
    /// What a field of a role is called.
    pub(super) fn names(&self, role: Role) -> &[String] {
        self.fields.get(&role).map_or(&[], Vec::as_slice)
    }

    /// What a field of a line is called.
    pub(super) fn line_names(&self, role: LineRole) -> &[String] {
        self.line_fields.get(&role).map_or(&[], Vec::as_slice)
    }
}

/// Lower case, without accents, words parted by one space.
pub(super) fn plain(text: &str) -> String {
    let folded: String = text
        .nfd()
        .filter(|character| !is_combining_mark(*character))
        .flat_map(char::to_lowercase)
        .map(|character| {
            if character.is_alphanumeric() {
                character
            } else {
                ' '
            }
        })
        .collect();
    let folded = folded
        .replace('ß', "ss")
        .replace('ø', "o")
        .replace('ł', "l");
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the words of `phrase` stand one after the other in a text of plain words.
pub(super) fn says(text: &str, phrase: &str) -> bool {
    format!(" {text} ").contains(&format!(" {phrase} "))
}

/// What status words mean, by the words in lower case; words that are not known are left out.
pub(super) fn status_words(choices: &[String]) -> BTreeMap<String, Status> {
    let known = choices.iter().filter_map(|choice| {
        let status = status(&plain(choice))?;
        Some((choice.trim().to_lowercase(), status))
    });
    known.collect()
}

/// The longest phrase that a status says decides: "not paid" is not "paid".
fn status(word: &str) -> Option<Status> {
    let said = words().status.iter().flat_map(|(status, phrases)| {
        let said = phrases.iter().filter(|phrase| says(word, phrase));
        said.map(move |phrase| (phrase.len(), *status))
    });
    let mut said: Vec<(usize, Status)> = said.collect();
    said.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    match said.as_slice() {
        // Two that say as much, of different meaning: nobody can tell.
        [(one, first), (other, second), ..] if one == other && first != second => None,
        [(_, status), ..] => Some(*status),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{WORDS, Words, plain, status};
    use closegraph_entity::receivable::Status;

    #[test]
    fn the_words_can_be_read_and_are_plain() {
        let words: Words = toml::from_str(include_str!("words.toml")).unwrap();
        let lists = words
            .fields
            .values()
            .chain(words.line_fields.values())
            .chain(words.status.values());
        for word in lists
            .flatten()
            .chain(&words.types.invoice)
            .chain(&words.types.lines)
        {
            assert_eq!(*word, plain(word));
        }
    }

    #[test]
    fn no_status_word_has_two_meanings() {
        for (means, phrases) in &WORDS.status {
            for phrase in phrases {
                assert_eq!(status(phrase), Some(*means), "{phrase}");
            }
        }
    }

    #[test]
    fn the_longest_phrase_counts() {
        assert_eq!(status("not paid"), Some(Status::Issued));
        assert_eq!(status(&plain("Bezahlt (vollständig)")), Some(Status::Paid));
        assert_eq!(status(&plain("Überfällig")), Some(Status::Issued));
        assert_eq!(status("disputed"), None);
    }
}
