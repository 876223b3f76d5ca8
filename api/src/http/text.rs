//! A document's text, counted before it is parsed, which is dear.

use super::limits::{Exceeded, Limits};

/// Refuses a text that would be dear to parse.
pub(super) fn check(text: &str, limits: &Limits) -> Result<(), Exceeded> {
    let (length, allowed) = (text.len(), limits.document_bytes);
    if length > allowed {
        return Err(Exceeded::new(
            "DOCUMENT_LIMIT",
            "bytes",
            length as u64,
            allowed as u64,
        ));
    }
    let mut tokens = 0_usize;
    let mut nesting = 0_usize;
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = match first {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => behind,
            b'#' => after(behind, |byte| byte != b'\n'),
            b'"' => {
                tokens += 1;
                after_string(behind)
            }
            first if is_word(*first) => {
                tokens += 1;
                after(behind, is_word)
            }
            sign => {
                tokens += 1;
                match sign {
                    b'{' | b'(' | b'[' => nesting += 1,
                    b'}' | b')' | b']' => nesting = nesting.saturating_sub(1),
                    _ => {}
                }
                behind
            }
        };
        for (code, what, found, allowed) in [
            ("TOKEN_LIMIT", "tokens", tokens, limits.tokens),
            ("NESTING_LIMIT", "nested brackets", nesting, limits.nesting),
        ] {
            if found > allowed {
                let message =
                    format!("the request has more than the {allowed} {what} that are allowed");
                return Err(Exceeded { code, message });
            }
        }
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn after(bytes: &[u8], inside: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|byte| !inside(*byte));
    bytes.get(end.unwrap_or(bytes.len())..).unwrap_or_default()
}

/// What follows a string whose first quote was read.
fn after_string(bytes: &[u8]) -> &[u8] {
    let (closing, mut rest): (&[u8], _) = match bytes.strip_prefix(b"\"\"") {
        Some(block) => (b"\"\"\"", block),
        None => (b"\"", bytes),
    };
    loop {
        if let Some(behind) = rest.strip_prefix(closing) {
            return behind;
        }
        let Some((first, behind)) = rest.split_first() else {
            return rest;
        };
        rest = match first {
            b'\\' => behind.get(1..).unwrap_or_default(),
            _ => behind,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, check};

    fn unread(document: &str) -> Option<&'static str> {
        check(document, &Limits::default())
            .err()
            .map(|exceeded| exceeded.code)
    }

    #[test]
    fn a_text_is_counted_before_it_is_parsed() {
        assert_eq!(
            unread(&format!("{{ {} }}", "a ".repeat(10_000))),
            Some("TOKEN_LIMIT")
        );
        assert_eq!(unread(&"{a".repeat(100)), Some("NESTING_LIMIT"));
        let strings = r#"{ a(x: "{{{ \" {{{", y: """ [[ " [[ """, z: "") b } # {{{"#;
        let brackets = Limits {
            nesting: 2,
            tokens: 15,
            ..Limits::default()
        };
        assert!(
            check(strings, &brackets).is_ok(),
            "what stands in strings and comments is no bracket"
        );
        let fewer = Limits {
            tokens: 14,
            ..brackets
        };
        assert!(
            check(strings, &fewer).is_err(),
            "{{ a ( x : s y : s z : s ) b }} are 15"
        );
        assert_eq!(unread("\"\\"), None);
        assert_eq!(unread("\"\"\""), None);
    }

    #[test]
    fn a_text_that_is_too_long_is_not_counted() {
        let long = format!("{{ a(b: \"{}\") }}", "x".repeat(300_000));
        assert_eq!(unread(&long), Some("DOCUMENT_LIMIT"));
    }
}
