//! List answers: `{"data": […], "has_more": …}`, with what a list adds to it.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::world::fields::Selection;
use crate::world::organization::Organization;
use crate::world::records::{Shown, View};

/// One page of objects, written straight from their shared versions.
#[derive(Debug)]
pub(crate) struct Page<'p, T> {
    pub(crate) organization: &'p Organization,
    pub(crate) selection: &'p Selection,
    pub(crate) views: &'p [View],
    pub(crate) has_more: bool,
    /// Only leads, opportunities and tasks tell it (dossier 3.1).
    pub(crate) total: Option<usize>,
    /// Further keys at the top level.
    pub(crate) more: T,
}

impl<T: Serialize> Serialize for Page<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Flat<'p, T> {
            data: Data<'p>,
            has_more: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            total_results: Option<usize>,
            #[serde(flatten)]
            more: &'p T,
        }
        Flat {
            data: Data(self.organization, self.selection, self.views),
            has_more: self.has_more,
            total_results: self.total,
            more: &self.more,
        }
        .serialize(serializer)
    }
}

struct Data<'p>(&'p Organization, &'p Selection, &'p [View]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(organization, selection, views) = *self;
        serializer.collect_seq(views.iter().map(|view| Shown {
            organization,
            selection,
            view,
        }))
    }
}

/// Nothing more at the top level.
#[derive(Debug)]
pub(crate) struct Plain;

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}
