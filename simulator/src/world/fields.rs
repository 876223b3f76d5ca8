//! Which keys of an object an answer carries, and the writer that leaves the others out.

use std::collections::HashSet;

use serde::Serialize;
use serde::ser::SerializeMap;

/// The keys that an answer carries.
#[derive(Debug, Clone)]
pub(crate) enum Selection {
    /// What Close sends without `_fields`: leads with embedded contacts, opportunities, tasks.
    Usual,
    /// As [`Selection::Usual`], leads without embedded children.
    Bare,
    /// The object inside an event: leads with `contact_ids`, without children and `custom`
    /// (dossier 5.8).
    Event,
    /// `_fields=_all`: everything that the simulator knows.
    All,
    /// Exactly these.
    Only(HashSet<Box<str>>),
}

impl Selection {
    /// Reads a comma-separated `_fields`.
    pub(crate) fn parse(fields: &str) -> Self {
        Self::named(
            fields
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty()),
        )
    }

    pub(crate) fn named<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: HashSet<Box<str>> = names.map(Box::from).collect();
        if names.contains("_all") {
            Self::All
        } else {
            Self::Only(names)
        }
    }

    /// A key of the default answer.
    pub(crate) fn wants(&self, name: &str) -> bool {
        match self {
            Self::Usual | Self::Bare | Self::Event | Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// A key that comes only when asked for.
    pub(crate) fn wants_extra(&self, name: &str) -> bool {
        match self {
            Self::Usual | Self::Bare | Self::Event => false,
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// Contacts, opportunities and tasks inside a lead.
    pub(crate) fn wants_embedded(&self, name: &str) -> bool {
        !matches!(self, Self::Bare | Self::Event) && self.wants(name)
    }

    /// A flat custom key (`custom.cf_…`); asking for `custom` asks for all of them.
    pub(crate) fn wants_custom(&self, key: &str) -> bool {
        match self {
            Self::Only(names) => names.contains(key) || names.contains("custom"),
            _ => true,
        }
    }
}

/// Writes the selected keys of one object.
#[derive(Debug)]
pub(crate) struct Fields<'s, M> {
    pub(crate) map: M,
    pub(crate) selection: &'s Selection,
}

impl<M: SerializeMap> Fields<'_, M> {
    pub(crate) fn put<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), M::Error> {
        if self.selection.wants(name) {
            self.map.serialize_entry(name, value)
        } else {
            Ok(())
        }
    }
}
