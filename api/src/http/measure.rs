//! A parsed document, measured before it is validated: each fragment once, in time that is linear in the document.
//!
//! Validation follows every spread, and so do checks before it, even of fragments that are nowhere defined: what they
//! would walk is what is counted here.

use super::limits::{Exceeded, Limits};
use async_graphql::Name;
use async_graphql::Positioned;
use async_graphql::parser::types::{
    Directive, ExecutableDocument, OperationDefinition, Selection, SelectionSet,
};
use std::collections::HashMap;

/// What a selection amounts to once fragments are spread.
#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    depth: u64,
    fields: u64,
    aliases: u64,
    roots: u64,
    spreads: u64,
}

impl Measure {
    fn add(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.roots = self.roots.saturating_add(other.roots);
        self.spreads = self.spreads.saturating_add(other.spreads);
    }

    fn check(&self, limits: &Limits) -> Result<(), Exceeded> {
        for (code, what, found, allowed) in [
            ("DEPTH_LIMIT", "levels of fields", self.depth, limits.depth),
            ("FIELD_LIMIT", "fields", self.fields, limits.fields),
            ("SPREAD_LIMIT", "spreads", self.spreads, limits.spreads),
            ("ALIAS_LIMIT", "aliases", self.aliases, limits.aliases),
        ] {
            if found > allowed {
                return Err(Exceeded::new(code, what, found, allowed));
            }
        }
        Ok(())
    }
}

/// What was found in a document that exceeds no limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// Whether the schema is asked for.
    pub(super) introspects: bool,
}

/// Refuses a document that exceeds a limit.
pub(super) fn check(document: &ExecutableDocument, limits: &Limits) -> Result<Measured, Exceeded> {
    // First of all, since measuring follows fragments into each other.
    for (code, what, found, allowed) in [
        (
            "FRAGMENT_LIMIT",
            "fragments",
            document.fragments.len(),
            limits.fragments,
        ),
        (
            "OPERATION_LIMIT",
            "operations",
            document.operations.iter().len(),
            limits.operations,
        ),
    ] {
        if found > allowed {
            return Err(Exceeded::new(code, what, found as u64, allowed as u64));
        }
    }
    let mut ruler = Ruler {
        document,
        known: HashMap::new(),
        cycle: None,
        directives: 0,
        arguments: 0,
        introspects: false,
    };
    let mut whole = Measure::default();
    let mut variables = 0;
    for (_, operation) in document.operations.iter() {
        whole.add(ruler.operation(&operation.node));
        variables = variables.max(operation.node.variable_definitions.len());
    }
    // Validation looks into those that nothing spreads, too.
    let mut fragments = Vec::with_capacity(document.fragments.len());
    for name in document.fragments.keys() {
        fragments.push(ruler.fragment(name));
    }
    if let Some(name) = ruler.cycle {
        return Err(Exceeded {
            code: "FRAGMENT_CYCLE",
            message: format!("the fragment {name} spreads itself"),
        });
    }
    for measure in [&whole].into_iter().chain(&fragments) {
        measure.check(limits)?;
    }
    let (roots, directives) = (whole.roots, ruler.directives);
    for (code, what, found, allowed) in [
        ("ROOT_FIELD_LIMIT", "root fields", roots, limits.root_fields),
        (
            "DIRECTIVE_LIMIT",
            "directives",
            directives,
            limits.directives,
        ),
        (
            "ARGUMENT_LIMIT",
            "arguments on one field",
            ruler.arguments,
            limits.arguments,
        ),
        (
            "VARIABLE_LIMIT",
            "variables",
            variables as u64,
            limits.variables as u64,
        ),
    ] {
        if found > allowed {
            return Err(Exceeded::new(code, what, found, allowed));
        }
    }
    Ok(Measured {
        introspects: ruler.introspects,
    })
}

struct Ruler<'a> {
    document: &'a ExecutableDocument,
    /// Fragments that were measured; `None` while one is being measured, so that a cycle ends.
    known: HashMap<&'a Name, Option<Measure>>,
    /// A fragment that spreads itself, by others or directly.
    cycle: Option<&'a Name>,
    directives: u64,
    /// Most arguments of one field or directive.
    arguments: u64,
    introspects: bool,
}

impl<'a> Ruler<'a> {
    fn operation(&mut self, operation: &'a OperationDefinition) -> Measure {
        self.directives(&operation.directives);
        for definition in &operation.variable_definitions {
            self.directives(&definition.node.directives);
        }
        self.measure(&operation.selection_set.node)
    }

    fn directives(&mut self, directives: &'a [Positioned<Directive>]) {
        self.directives += directives.len() as u64;
        for directive in directives {
            self.arguments = self.arguments.max(directive.node.arguments.len() as u64);
        }
    }

    fn measure(&mut self, set: &'a SelectionSet) -> Measure {
        let mut whole = Measure::default();
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    self.directives(&field.directives);
                    self.arguments = self.arguments.max(field.arguments.len() as u64);
                    self.introspects |= matches!(field.name.node.as_str(), "__schema" | "__type");
                    let below = self.measure(&field.selection_set.node);
                    whole.add(Measure {
                        depth: below.depth.saturating_add(1),
                        fields: below.fields.saturating_add(1),
                        aliases: below.aliases.saturating_add(field.alias.is_some().into()),
                        roots: 1,
                        spreads: below.spreads,
                    });
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.node.directives);
                    whole.add(self.measure(&fragment.node.selection_set.node));
                    whole.spreads = whole.spreads.saturating_add(1);
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.node.directives);
                    whole.add(self.fragment(&spread.node.fragment_name.node));
                    whole.spreads = whole.spreads.saturating_add(1);
                }
            }
        }
        whole
    }

    fn fragment(&mut self, name: &'a Name) -> Measure {
        if let Some(known) = self.known.get(name) {
            if known.is_none() {
                self.cycle = Some(name);
            }
            return known.unwrap_or_default();
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Measure::default();
        };
        self.known.insert(name, None);
        self.directives(&fragment.node.directives);
        let measured = self.measure(&fragment.node.selection_set.node);
        self.known.insert(name, Some(measured));
        measured
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, check};
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
        let nowhere = document.replace("connections { id }", "...nowhere");
        assert_eq!(refused(&nowhere), Some("SPREAD_LIMIT"));
        let unused = document.replace("{ ...f0 }", "{ connections { id } }");
        assert_eq!(refused(&unused), Some("FIELD_LIMIT"));
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
        for cycle in [
            "{ ...a } fragment a on Query { ...a x }",
            "{ x } fragment a on Query { ...b } fragment b on Query { x { ...a ...a } }",
        ] {
            assert_eq!(refused(cycle), Some("FRAGMENT_CYCLE"), "{cycle}");
        }
        let operations: String = (0..21).map(|at| format!("query q{at} {{ x }} ")).collect();
        assert_eq!(refused(&operations), Some("OPERATION_LIMIT"));
        let arguments: String = (0..51).map(|at| format!("a{at}: 1 ")).collect();
        assert_eq!(
            refused(&format!("{{ x({arguments}) }}")),
            Some("ARGUMENT_LIMIT")
        );
        let variables: String = (0..101).map(|at| format!("$v{at}: Int ")).collect();
        assert_eq!(
            refused(&format!("query ({variables}) {{ x }}")),
            Some("VARIABLE_LIMIT")
        );
        assert_eq!(
            refused(&format!("{{ x {} }}", "@skip(if: true) ".repeat(101))),
            Some("DIRECTIVE_LIMIT")
        );
    }
}
