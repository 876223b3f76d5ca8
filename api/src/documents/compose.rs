//! Operations with the fragments that they use, wherever those stand.

use super::DocumentFault;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Pos};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A file of documents.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) text: String,
}

/// An operation of a composed text.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) position: Pos,
    pub(super) variables: Vec<String>,
}

/// The text of a file, followed by the fragments of others.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) text: String,
    pub(super) operations: Vec<Operation>,
    /// From which line on which file's lines stand, and the first of them.
    parts: Vec<(usize, PathBuf, usize)>,
}

impl Composed {
    /// File, line and column of a place in the text.
    pub(super) fn place(&self, at: Pos) -> (PathBuf, usize, usize) {
        let part = self.parts.iter().rev().find(|(from, ..)| *from <= at.line);
        match part {
            Some((from, file, line)) => (file.clone(), at.line - from + line, at.column),
            None => (PathBuf::new(), at.line, at.column),
        }
    }
}

/// A file that was parsed.
struct Parsed<'a> {
    source: &'a Source,
    document: ExecutableDocument,
}

/// An operation that makes a file of fragments a document; of a name that no file has.
const NOTHING: &str = "\nquery __nothing { __typename }";

/// Every file that has operations, and what can't be composed.
pub(super) fn all(sources: &[Source]) -> (Vec<Composed>, Vec<DocumentFault>) {
    let mut faults = Vec::new();
    let mut parsed = Vec::new();
    for source in sources {
        match parse(&source.text) {
            Ok(document) => parsed.push(Parsed { source, document }),
            Err(error) => {
                let place = error.positions().next();
                faults.push(DocumentFault {
                    file: source.file.clone(),
                    place: place.map(|at| (at.line, at.column)),
                    message: error.to_string().trim().replace('\n', " "),
                });
            }
        }
    }
    let mut fragments: BTreeMap<&Name, &Parsed<'_>> = BTreeMap::new();
    for one in &parsed {
        for (name, fragment) in &one.document.fragments {
            if fragments.insert(name, one).is_some() {
                faults.push(DocumentFault {
                    file: one.source.file.clone(),
                    place: Some((fragment.pos.line, fragment.pos.column)),
                    message: format!("another fragment is named {name}"),
                });
            }
        }
    }
    let composed = parsed
        .iter()
        .filter(|one| {
            one.document
                .operations
                .iter()
                .any(|(name, _)| !is_nothing(name))
        })
        .map(|one| compose(one, &fragments));
    let (composed, unnamed): (Vec<_>, Vec<_>) = composed.partition(Result::is_ok);
    faults.extend(unnamed.into_iter().filter_map(Result::err));
    (
        composed.into_iter().filter_map(Result::ok).collect(),
        faults,
    )
}

fn is_nothing(name: Option<&Name>) -> bool {
    name.is_some_and(|name| name == "__nothing")
}

/// A file of fragments alone is no document for the parser.
fn parse(text: &str) -> Result<ExecutableDocument, async_graphql::parser::Error> {
    match parse_query(text) {
        Err(async_graphql::parser::Error::MissingOperation) => {
            parse_query(format!("{text}{NOTHING}"))
        }
        parsed => parsed,
    }
}

fn compose(
    one: &Parsed<'_>,
    fragments: &BTreeMap<&Name, &Parsed<'_>>,
) -> Result<Composed, DocumentFault> {
    let file = &one.source.file;
    let mut composed = Composed {
        text: one.source.text.clone(),
        operations: Vec::new(),
        parts: vec![(1, file.clone(), 1)],
    };
    let mut used = BTreeSet::new();
    for (name, operation) in one.document.operations.iter() {
        let Some(name) = name else {
            return Err(DocumentFault {
                file: file.clone(),
                place: Some((operation.pos.line, operation.pos.column)),
                message: "the operation has no name, by which it could be asked for".to_owned(),
            });
        };
        let operation_variables = operation.node.variable_definitions.iter();
        composed.operations.push(Operation {
            name: name.to_string(),
            position: operation.pos,
            variables: operation_variables
                .map(|definition| definition.node.name.node.to_string())
                .collect(),
        });
        spread(&operation.node.selection_set.node, fragments, &mut used);
    }
    composed
        .operations
        .sort_by_key(|operation| (operation.position.line, operation.position.column));
    for name in used {
        if let Some(from) = fragments.get(name).filter(|from| from.source.file != *file) {
            append(&mut composed, from, name);
        }
    }
    Ok(composed)
}

/// Collects the fragments of a selection, and those that they use.
fn spread<'a>(
    set: &'a SelectionSet,
    fragments: &BTreeMap<&'a Name, &'a Parsed<'_>>,
    used: &mut BTreeSet<&'a Name>,
) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => spread(&field.node.selection_set.node, fragments, used),
            Selection::InlineFragment(inline) => {
                spread(&inline.node.selection_set.node, fragments, used);
            }
            Selection::FragmentSpread(named) => {
                let name = &named.node.fragment_name.node;
                let found = fragments
                    .get(name)
                    .and_then(|of| of.document.fragments.get(name));
                if let Some(fragment) = found
                    && used.insert(name)
                {
                    spread(&fragment.node.selection_set.node, fragments, used);
                }
            }
        }
    }
}

/// Adds a fragment as it is written: from its own place to that of the next definition.
fn append(composed: &mut Composed, from: &Parsed<'_>, name: &Name) {
    let Some(fragment) = from.document.fragments.get(name) else {
        return;
    };
    let start = offset(&from.source.text, fragment.pos);
    let others = from.document.fragments.values().map(|other| other.pos);
    let operations = from.document.operations.iter();
    let others = others.chain(operations.map(|(_, operation)| operation.pos));
    let end = others
        .map(|other| offset(&from.source.text, other))
        .filter(|other| *other > start)
        .min()
        .unwrap_or(from.source.text.len());
    let text = from.source.text.get(start..end).unwrap_or_default();
    if !composed.text.ends_with('\n') {
        composed.text.push('\n');
    }
    let line = composed.text.matches('\n').count() + 1;
    let at = (line, from.source.file.clone(), fragment.pos.line);
    composed.parts.push(at);
    composed.text.push_str(text.trim_end());
    composed.text.push('\n');
}

/// Where a line and column stand, in bytes.
fn offset(text: &str, at: Pos) -> usize {
    let lines = text.split_inclusive('\n').take(at.line.saturating_sub(1));
    let before: usize = lines.map(str::len).sum();
    let line = text.get(before..).unwrap_or_default();
    let columns = line.chars().take(at.column.saturating_sub(1));
    before + columns.map(char::len_utf8).sum::<usize>()
}
