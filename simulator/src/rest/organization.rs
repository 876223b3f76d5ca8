//! `/organization/{id}/`, and the organization object inside `/me/` (dossier 4.1).

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Failure, ok};
use super::custom_field::definitions;
use super::status::{lead_status, opportunity_status, pipeline};
use crate::world::custom_field::FieldOn;
use crate::world::money;
use crate::world::organization::Organization;

pub(super) async fn one(State(app): Shared, Path(id): Path<String>) -> Answer {
    let organization = &app.organization();
    if organization.id.as_str() != id {
        return Err(Failure::NotFound);
    }
    let memberships: Vec<Value> = organization
        .users
        .iter()
        .map(|user| {
            json!({
                "id": user.membership,
                "user_id": user.id,
                "user_full_name": user.name(),
                "user_email": user.email,
                "role_id": user.role,
            })
        })
        .collect();
    let mut object = object(organization);
    if let Some(map) = object.as_object_mut() {
        map.insert("memberships".into(), memberships.into());
        map.insert("inactive_memberships".into(), json!([]));
    }
    Ok(ok(&object))
}

/// The organization as `/me/` embeds it.
pub(super) fn object(organization: &Organization) -> Value {
    let statuses = organization.opportunity_statuses.iter();
    let statuses: Vec<Value> = statuses
        .map(|status| opportunity_status(organization, status))
        .collect();
    json!({
        "id": organization.id,
        "name": organization.name,
        "currency": organization.currency,
        "currency_symbol": money::symbol(&organization.currency),
        "billing_account_id": organization.billing_account,
        "created_by": organization.users.first().map(|user| user.id),
        "date_created": organization.created,
        "date_updated": organization.updated,
        "features": ["custom_fields", "pipelines", "webhooks"],
        "lead_custom_fields": definitions(organization, FieldOn::Lead),
        "lead_statuses": organization.lead_statuses.iter()
            .map(|status| lead_status(organization, status)).collect::<Vec<_>>(),
        "opportunity_statuses": statuses,
        "pipelines": (0_u8..).zip(&organization.pipelines)
            .map(|(place, one)| pipeline(organization, place, one)).collect::<Vec<_>>(),
        "leads_email": null,
        "enable_unsubscribe_link": true,
        "abandonment_message_url": null,
        "limit_of_connected_accounts_per_membership": 5,
    })
}
