//! `/me/` and `/user/` (dossier 4.1, 4.2).

use axum::Extension;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Failure, ok};
use super::auth::Credential;
use super::params::Params;
use crate::world::organization::{Organization, User};

pub(crate) fn user(organization: &Organization, user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "image": null,
        "google_profile_image_url": null,
        "last_used_timezone": user.timezone,
        "email_verified_at": user.created,
        "organizations": [organization.id],
        "date_created": user.created,
        "date_updated": user.updated,
    })
}

pub(super) async fn list(State(app): Shared, params: Params) -> Answer {
    let limit = params.limit(100, 1_000)?;
    let skip = params.skip(usize::MAX)?;
    let organization = app.organization();
    let mut users: Vec<&User> = organization.users.iter().collect();
    match params.get("_order_by") {
        None => {}
        Some("last_name,first_name") => {
            users.sort_by_key(|user| (&user.last_name, &user.first_name));
        }
        Some("first_name,last_name") => {
            users.sort_by_key(|user| (&user.first_name, &user.last_name));
        }
        Some(_) => return Err(Failure::field("_order_by", "Cannot order by this.")),
    }
    let page: Vec<Value> = users
        .iter()
        .skip(skip)
        .take(limit)
        .map(|one| user(&organization, one))
        .collect();
    let has_more = skip + page.len() < users.len();
    Ok(ok(&json!({ "data": page, "has_more": has_more })))
}

pub(super) async fn one(State(app): Shared, Path(id): Path<String>) -> Answer {
    let organization = app.organization();
    let mut users = organization.users.iter();
    let found = users
        .find(|user| user.id.as_str() == id)
        .ok_or(Failure::NotFound)?;
    Ok(ok(&user(&organization, found)))
}

/// The caller, with whole organizations instead of their ids.
pub(super) async fn me(State(app): Shared, Extension(by): Extension<Credential>) -> Answer {
    let organization = &*app.organization();
    let caller = organization.user(by.user()).ok_or(Failure::NotFound)?;
    let permissions: &[&str] = if by.is_admin() {
        &["manage_organization", "view_all_leads"]
    } else {
        &[]
    };
    let mut me = user(organization, caller);
    let more = json!({
        "organizations": [super::organization::object(organization)],
        "country": null,
        "is_passwordless": false,
        "memberships": [{
            "id": caller.membership,
            "organization_id": organization.id,
            "user_id": caller.id,
            "role": caller.role,
            "role_id": caller.role,
            "permissions_granted": permissions,
            "is_free": false,
            "onboarding_status": "completed",
        }],
        "email_accounts": [],
        "email_signatures": [],
        "phone_numbers": [],
        "connected_accounts": [],
        "all_group_numbers": [],
    });
    if let (Some(me), Value::Object(more)) = (me.as_object_mut(), more) {
        me.extend(more);
    }
    Ok(ok(&me))
}
