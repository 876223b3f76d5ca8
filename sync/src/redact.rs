//! What may stand in a log. An error can quote the data that it is about: the inbox and the runs keep it whole, beside
//! that data; a log gets it without what is quoted.

use std::error::Error;

/// The chain of an error in one line, each message once, without values.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut whole = String::new();
    let mut shown = String::new();
    let mut next = Some(error);
    while let Some(inner) = next {
        let message = inner.to_string();
        if !whole.ends_with(&message) {
            if !whole.is_empty() {
                shown.push_str(": ");
            }
            shown.push_str(&link(inner, &message));
            whole = message;
        }
        next = inner.source();
    }
    shown
}

/// What Postgres says names our own tables and columns, unless it is about a value (SQLSTATE class 22).
fn link(error: &(dyn Error + 'static), message: &str) -> String {
    match error.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(refused))
            if refused.code().is_some_and(|code| !code.starts_with("22")) =>
        {
            message.to_owned()
        }
        _ => without_values(message),
    }
}

/// A text without what stands in double quotes or backticks, and without what looks like an e-mail address.
pub(crate) fn without_values(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        shown.push(letter);
        if matches!(letter, '"' | '`') {
            shown.push('…');
            while let Some(quoted) = letters.next() {
                match quoted {
                    '\\' => drop(letters.next()),
                    end if end == letter => break,
                    _ => {}
                }
            }
            shown.push(letter);
        }
    }
    if !shown.contains('@') {
        return shown;
    }
    let words = shown.split(' ');
    let words = words.map(|word| if word.contains('@') { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{chain, without_values};
    use crate::error::SyncError;

    #[test]
    fn quoted_values_and_addresses_are_left_out() {
        for (text, shown) in [
            ("no answer from lead/lead_1/", "no answer from lead/lead_1/"),
            (
                r#"value is "a \"lot\"", allowed: 1"#,
                r#"value is "…", allowed: 1"#,
            ),
            (
                "unknown variant `Ann Lee`, expected `a`",
                "unknown variant `…`, expected `…`",
            ),
            ("email: ann@example.com is taken", "email: … is taken"),
            ("never \"ends", "never \"…\""),
        ] {
            assert_eq!(without_values(text), shown);
        }
    }

    #[test]
    fn a_chain_is_told_without_values_and_each_message_once() {
        let source = serde_json::from_str::<u8>(r#""Ann Lee""#).unwrap_err();
        let error = SyncError::Checkpoint {
            stream: "sweep",
            source,
        };
        let shown = chain(&error);
        assert!(error.chain().contains("Ann Lee"));
        assert!(!shown.contains("Ann Lee"), "{shown}");
        assert!(
            shown.starts_with("the kept position of sweep can't be read: invalid type"),
            "{shown}"
        );
        let error = SyncError::Database(sqlx::Error::PoolClosed);
        assert_eq!(chain(&error), error.chain());
    }
}
