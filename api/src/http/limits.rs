//! What a document may cost. Its text is counted before it is parsed, which is dear; its fields before it is validated:
//! once a fragment, in time that is linear in the document.

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use std::collections::HashMap;
use std::time::Duration;

/// Limits of a request. Each has an error code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body; more is answered 413.
    pub body_bytes: usize,
    /// Words, numbers, texts and signs of a document. Code `TOKEN_LIMIT`.
    pub tokens: usize,
    /// Brackets inside brackets, of any kind. Code `NESTING_LIMIT`.
    pub nesting: usize,
    /// Levels of fields, fragments spread. Code `DEPTH_LIMIT`.
    pub depth: u64,
    /// Fields in all, fragments spread. Code `FIELD_LIMIT`.
    pub fields: u64,
    /// Fields of an operation itself: each is a statement. Code `ROOT_FIELD_LIMIT`.
    pub root_fields: u64,
    /// Aliases in all, fragments spread. Code `ALIAS_LIMIT`.
    pub aliases: u64,
    /// Fragment definitions: they may spread each other as deep as that. Code `FRAGMENT_LIMIT`.
    pub fragments: usize,
    /// Directives as written. Code `DIRECTIVE_LIMIT`.
    pub directives: u64,
    /// Milliseconds that a body may take to arrive; later is answered 408. Code `BODY_TIMEOUT`.
    pub body_ms: u64,
}

impl Limits {
    pub(super) fn body_time(&self) -> Duration {
        Duration::from_millis(self.body_ms)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            tokens: 10_000,
            nesting: 64,
            depth: 20,
            fields: 2_000,
            root_fields: 20,
            aliases: 200,
            fragments: 100,
            directives: 100,
            body_ms: 10_000,
        }
    }
}

/// A limit that a document exceeds.
#[derive(Debug)]
pub(super) struct Exceeded {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// Refuses a text that would be dear to parse.
pub(super) fn check_text(text: &str, limits: &Limits) -> Result<(), Exceeded> {
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
                    format!("the document has more than the {allowed} {what} that are allowed");
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

/// What a selection amounts to once fragments are spread.
#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    depth: u64,
    fields: u64,
    aliases: u64,
    roots: u64,
}

impl Measure {
    fn add(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.roots = self.roots.saturating_add(other.roots);
    }
}

/// Refuses a document that exceeds a limit.
pub(super) fn check(document: &ExecutableDocument, limits: &Limits) -> Result<(), Exceeded> {
    // First of all, since measuring follows fragments into each other.
    let fragments = document.fragments.len();
    if fragments > limits.fragments {
        let allowed = limits.fragments;
        let message =
            format!("the document has {fragments} fragments, at most {allowed} are allowed");
        return Err(Exceeded {
            code: "FRAGMENT_LIMIT",
            message,
        });
    }
    let mut ruler = Ruler {
        document,
        known: HashMap::new(),
        directives: 0,
    };
    let mut whole = Measure::default();
    for (_, operation) in document.operations.iter() {
        ruler.directives += operation.node.directives.len() as u64;
        whole.add(ruler.measure(&operation.node.selection_set.node));
    }
    for (code, what, found, allowed) in [
        ("DEPTH_LIMIT", "levels of fields", whole.depth, limits.depth),
        ("FIELD_LIMIT", "fields", whole.fields, limits.fields),
        (
            "ROOT_FIELD_LIMIT",
            "root fields",
            whole.roots,
            limits.root_fields,
        ),
        ("ALIAS_LIMIT", "aliases", whole.aliases, limits.aliases),
        (
            "DIRECTIVE_LIMIT",
            "directives",
            ruler.directives,
            limits.directives,
        ),
    ] {
        if found > allowed {
            let message = format!("the document has {found} {what}, at most {allowed} are allowed");
            return Err(Exceeded { code, message });
        }
    }
    Ok(())
}

struct Ruler<'a> {
    document: &'a ExecutableDocument,
    /// Fragments that were measured; `None` while one is being measured, so that a cycle ends (validation refuses it).
    known: HashMap<&'a Name, Option<Measure>>,
    directives: u64,
}

impl<'a> Ruler<'a> {
    fn measure(&mut self, set: &'a SelectionSet) -> Measure {
        let mut whole = Measure::default();
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    self.directives += field.node.directives.len() as u64;
                    let below = self.measure(&field.node.selection_set.node);
                    whole.add(Measure {
                        depth: below.depth.saturating_add(1),
                        fields: below.fields.saturating_add(1),
                        aliases: below
                            .aliases
                            .saturating_add(field.node.alias.is_some().into()),
                        roots: 1,
                    });
                }
                Selection::InlineFragment(fragment) => {
                    self.directives += fragment.node.directives.len() as u64;
                    whole.add(self.measure(&fragment.node.selection_set.node));
                }
                Selection::FragmentSpread(spread) => {
                    self.directives += spread.node.directives.len() as u64;
                    whole.add(self.fragment(&spread.node.fragment_name.node));
                }
            }
        }
        whole
    }

    fn fragment(&mut self, name: &'a Name) -> Measure {
        if let Some(known) = self.known.get(name) {
            return known.unwrap_or_default();
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Measure::default();
        };
        self.known.insert(name, None);
        let measured = self.measure(&fragment.node.selection_set.node);
        self.known.insert(name, Some(measured));
        measured
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, check, check_text};
    use std::fmt::Write;

    fn refused(document: &str) -> Option<&'static str> {
        let document = async_graphql::parser::parse_query(document).unwrap();
        check(&document, &Limits::default())
            .err()
            .map(|exceeded| exceeded.code)
    }

    #[test]
    fn fragments_that_double_are_refused_without_being_spread() {
        let mut document = "{ ...f0 }".to_owned();
        for level in 0..60 {
            write!(
                document,
                " fragment f{level} on Query {{ ...f{} ...f{} }}",
                level + 1,
                level + 1
            )
            .unwrap();
        }
        document.push_str(" fragment f60 on Query { connections { id } }");
        assert_eq!(refused(&document), Some("FIELD_LIMIT"));
    }

    fn unread(document: &str) -> Option<&'static str> {
        check_text(document, &Limits::default())
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
            check_text(strings, &brackets).is_ok(),
            "what stands in strings and comments is no bracket"
        );
        let fewer = Limits {
            tokens: 14,
            ..brackets
        };
        assert!(
            check_text(strings, &fewer).is_err(),
            "{{ a ( x : s y : s z : s ) b }} are 15"
        );
        assert_eq!(unread("\"\\"), None);
        assert_eq!(unread("\"\"\""), None);
    }

    #[test]
    fn each_limit_has_its_code_and_an_ordinary_document_passes() {
        let deep = format!("{{ {} x {} }}", "a {".repeat(25), "}".repeat(25));
        assert_eq!(refused(&deep), Some("DEPTH_LIMIT"));
        let aliases: String = (0..300).map(|index| format!("a{index}: b ")).collect();
        assert_eq!(
            refused(&format!("{{ x {{ {aliases} }} }}")),
            Some("ALIAS_LIMIT")
        );
        assert_eq!(
            refused(&format!("{{ {} }}", "x ".repeat(21))),
            Some("ROOT_FIELD_LIMIT")
        );
        let chain: String = (0..30_000)
            .map(|at| format!("fragment f{at} on Q {{ ...f{} }} ", at + 1))
            .collect();
        assert_eq!(
            refused(&format!("{{ ...f0 }} {chain}")),
            Some("FRAGMENT_LIMIT")
        );
        assert_eq!(refused("{ connections { id } }"), None);
        assert_eq!(refused("{ ...a } fragment a on Query { ...a x }"), None);
    }
}
