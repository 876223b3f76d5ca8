//! What a person may do and see, by the claims of the ID token.

use super::OpenIdConnect;
use closegraph_entity::api_token::Role;
use serde_json::Value;
use uuid::Uuid;

/// The highest role that follows from the claims.
pub(super) fn role(options: &OpenIdConnect, claims: &Value) -> Option<Role> {
    let values = values(claims, &options.role_claim);
    let roles = values.iter().filter_map(|value| options.roles.get(*value));
    roles.max().copied()
}

/// The connections that the claims name, of those that the provider's people may see; `None` where they name none of them,
/// `Some(None)` for all.
pub(super) fn connections(options: &OpenIdConnect, claims: &Value) -> Option<Option<Vec<Uuid>>> {
    let Some(claim) = &options.connections_claim else {
        return Some(options.connections.clone());
    };
    let named = values(claims, claim).into_iter();
    let named = named.filter_map(|value| value.parse().ok());
    let allowed = options.connections.as_ref();
    let mut seen: Vec<Uuid> = named
        .filter(|id| allowed.is_none_or(|allowed| allowed.contains(id)))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    (!seen.is_empty()).then_some(Some(seen))
}

/// The texts of a claim: a text, or a list of them.
fn values<'a>(claims: &'a Value, name: &str) -> Vec<&'a str> {
    let found = match name.starts_with('/') {
        true => claims.pointer(name),
        false => claims.get(name),
    };
    match found {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{connections, role};
    use crate::OpenIdConnect;
    use closegraph_entity::api_token::Role;
    use serde_json::json;
    use uuid::Uuid;

    fn options() -> OpenIdConnect {
        let roles = [("crm", Role::Viewer), ("crm-admins", Role::Admin)];
        OpenIdConnect {
            issuer: "https://id.example.com".to_owned(),
            client_id: "closegraph".to_owned(),
            client_secret: None,
            scopes: Vec::new(),
            role_claim: "groups".to_owned(),
            roles: roles
                .into_iter()
                .map(|(name, role)| (name.to_owned(), role))
                .collect(),
            connections: None,
            connections_claim: None,
            label: String::new(),
        }
    }

    #[test]
    fn the_highest_role_of_a_text_a_list_or_a_pointer_counts() {
        let mut options = options();
        let of = |options: &OpenIdConnect, claims| role(options, &claims);
        assert_eq!(of(&options, json!({ "groups": "crm" })), Some(Role::Viewer));
        assert_eq!(
            of(&options, json!({ "groups": ["crm", "crm-admins", 7] })),
            Some(Role::Admin)
        );
        for none in [
            json!({}),
            json!({ "groups": null }),
            json!({ "groups": ["CRM", "crm "] }),
            json!({ "groups": { "crm": true } }),
        ] {
            assert_eq!(of(&options, none.clone()), None, "{none}");
        }
        options.role_claim = "/realm_access/roles".to_owned();
        let nested = json!({ "groups": "crm-admins", "realm_access": { "roles": ["crm"] } });
        assert_eq!(of(&options, nested), Some(Role::Viewer));
    }

    #[test]
    fn a_claim_narrows_the_connections_and_never_widens_them() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut options = options();
        let claims = json!({ "orgs": [other, one, one, "nonsense"], "none": [] });
        assert_eq!(connections(&options, &claims), Some(None));
        options.connections = Some(vec![one]);
        assert_eq!(connections(&options, &claims), Some(Some(vec![one])));
        options.connections_claim = Some("orgs".to_owned());
        assert_eq!(connections(&options, &claims), Some(Some(vec![one])));
        options.connections = None;
        assert_eq!(connections(&options, &claims), Some(Some(vec![one, other])));
        for claim in ["none", "absent"] {
            options.connections_claim = Some(claim.to_owned());
            assert_eq!(connections(&options, &claims), None, "{claim}");
        }
    }
}
