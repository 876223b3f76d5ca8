//! What a comparison finds.

use serde::Serialize;

/// Examples that are kept of one type.
const EXAMPLES: usize = 10;

/// What a comparison found of one type. All counts are of before a repair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drift {
    pub record_type: &'static str,
    /// Objects that Close has.
    pub compared: u64,
    /// Objects that Close has and the mirror lacks.
    pub missing: u64,
    /// Rows that Close has no object for.
    pub extra: u64,
    /// Rows whose content is older than Close's.
    pub stale: u64,
    /// How many of these were repaired.
    pub repaired: u64,
    pub examples: Vec<Example>,
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    pub close_id: String,
    /// missing, extra or stale.
    pub kind: &'static str,
}

/// A suspicion that proved right.
pub(super) struct Difference {
    pub(super) close_id: String,
    pub(super) kind: &'static str,
    pub(super) repaired: bool,
}

impl Drift {
    /// Differences in all.
    pub fn found(&self) -> u64 {
        self.missing + self.extra + self.stale
    }

    /// Differences that are left.
    pub fn left(&self) -> u64 {
        self.found().saturating_sub(self.repaired)
    }

    pub(super) fn count(&mut self, found: Difference) {
        let Difference {
            close_id,
            kind,
            repaired,
        } = found;
        match kind {
            "missing" => self.missing += 1,
            "extra" => self.extra += 1,
            _ => self.stale += 1,
        }
        self.repaired += u64::from(repaired);
        if self.examples.len() < EXAMPLES {
            self.examples.push(Example { close_id, kind });
        }
    }
}
