//! Places in the feed.

use crate::error::{ApiError, Result};
use crate::query::cursor;

/// Behind an entry: all up to it have been seen. Entries stand in the order of the transactions that wrote them, then in
/// that of their numbers; no transaction below the oldest running one adds any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The transaction.
    pub(crate) xid: u64,
    pub(crate) seq: i64,
}

/// The name of the feed's order in cursors.
const ORDER: &str = "feed";

impl Position {
    /// Before all that this transaction and later ones write.
    pub(crate) fn before(xid: u64) -> Self {
        Self { xid, seq: 0 }
    }

    /// The place as clients have it.
    pub(crate) fn cursor(self) -> String {
        let keys = vec![Some(self.xid.to_string()), Some(self.seq.to_string())];
        cursor::encode(ORDER, &keys)
    }

    /// The place that a client names.
    pub(crate) fn of(cursor: &str) -> Result<Self> {
        let keys = cursor::decode_of(cursor, ORDER, 2)?;
        let [Some(xid), Some(seq)] = keys.as_slice() else {
            return Err(cursor::unreadable());
        };
        let bad = |_| -> ApiError { cursor::unreadable() };
        Ok(Self {
            xid: xid.parse().map_err(bad)?,
            seq: seq.parse().map_err(bad)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn a_cursor_names_its_place_and_others_are_refused() {
        let place = Position { xid: 7, seq: 42 };
        assert_eq!(Position::of(&place.cursor()).unwrap(), place);
        let other = crate::query::cursor::encode("feed", &[Some("x".into()), None]);
        for cursor in ["", "nonsense", other.as_str()] {
            assert_eq!(Position::of(cursor).unwrap_err().code(), "BAD_CURSOR");
        }
    }
}
