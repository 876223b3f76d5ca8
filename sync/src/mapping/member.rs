//! User to member.

use super::row::columns;
use super::{Mapped, MappingContext, MappingError, indexed};
use crate::close::Object;

columns! {
    /// The columns of `member`.
    MemberColumns in "member", raw true {
        name: Option<String> => "text" / "text",
        first_name: Option<String> => "text" / "text",
        last_name: Option<String> => "text" / "text",
        email: Option<String> => "text" / "text",
        time_zone: Option<String> => "text" / "text",
    }
}

impl Mapped for MemberColumns {
    fn map(user: &Object, _: &MappingContext) -> Result<Self, MappingError> {
        let (first_name, last_name) = (user.text("first_name"), user.text("last_name"));
        let email = user.text("email");
        let name = match (&first_name, &last_name) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (first, last) => first
                .clone()
                .or_else(|| last.clone())
                .or_else(|| email.clone()),
        };
        let time_zone = user.text("last_used_timezone");
        Ok(Self {
            name: name.map(indexed),
            first_name,
            last_name,
            email,
            time_zone,
        })
    }
}
