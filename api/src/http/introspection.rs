//! Whom the API tells its schema.

use closegraph_entity::api_token::Role;
use serde::Deserialize;

/// Whom GraphQL tells its schema. `__typename` is always answered, and names are never suggested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Told")]
pub enum Introspection {
    /// Every token. In the configuration also `true`.
    #[default]
    All,
    /// Tokens with the role operator or admin.
    Operators,
    /// Nobody. In the configuration also `false`.
    Off,
}

impl Introspection {
    pub(super) fn allows(self, role: Role) -> bool {
        match self {
            Self::All => true,
            Self::Operators => role > Role::Viewer,
            Self::Off => false,
        }
    }
}

/// What the configuration says: a word, or only whether.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Whether(bool),
    Whom(Whom),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Whom {
    All,
    Operators,
    Off,
}

impl From<Told> for Introspection {
    fn from(told: Told) -> Self {
        match told {
            Told::Whether(true) | Told::Whom(Whom::All) => Self::All,
            Told::Whom(Whom::Operators) => Self::Operators,
            Told::Whether(false) | Told::Whom(Whom::Off) => Self::Off,
        }
    }
}
