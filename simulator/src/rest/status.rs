//! `/pipeline/`, `/status/lead/` and `/status/opportunity/` (dossier 4.6).

use axum::extract::State;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, ok};
use crate::world::organization::{LeadStatus, OpportunityStatus, Organization, Pipeline, user_id};

/// A pipeline with its board, as the newer resources write dates.
pub(super) fn pipeline(organization: &Organization, place: u8, pipeline: &Pipeline) -> Value {
    let statuses: Vec<Value> = organization
        .board(place)
        .map(|status| json!({ "id": status.id, "label": status.label, "type": status.kind }))
        .collect();
    json!({
        "id": pipeline.id,
        "organization_id": organization.id,
        "name": pipeline.name,
        "created_by": user_id(organization, pipeline.created_by),
        "updated_by": user_id(organization, pipeline.created_by),
        "date_created": pipeline.created.naive(),
        "date_updated": pipeline.updated.naive(),
        "statuses": statuses,
    })
}

pub(super) fn lead_status(organization: &Organization, status: &LeadStatus) -> Value {
    json!({ "id": status.id, "organization_id": organization.id, "label": status.label })
}

pub(super) fn opportunity_status(organization: &Organization, status: &OpportunityStatus) -> Value {
    json!({
        "id": status.id,
        "organization_id": organization.id,
        "label": status.label,
        "type": status.kind,
        "pipeline_id": organization.pipeline(status.pipeline).map(|pipeline| pipeline.id),
    })
}

pub(super) async fn pipelines(State(app): Shared) -> Answer {
    let organization = &*app.organization();
    let pipelines = (0_u8..).zip(&organization.pipelines);
    let data: Vec<Value> = pipelines
        .map(|(place, one)| pipeline(organization, place, one))
        .collect();
    Ok(ok(&json!({ "data": data, "has_more": false })))
}

pub(super) async fn lead_statuses(State(app): Shared) -> Answer {
    let organization = &*app.organization();
    let statuses = organization.lead_statuses.iter();
    let data: Vec<Value> = statuses
        .map(|status| lead_status(organization, status))
        .collect();
    Ok(ok(&json!({ "data": data })))
}

pub(super) async fn opportunity_statuses(State(app): Shared) -> Answer {
    let organization = &*app.organization();
    let statuses = organization.opportunity_statuses.iter();
    let data: Vec<Value> = statuses
        .map(|status| opportunity_status(organization, status))
        .collect();
    Ok(ok(&json!({ "data": data })))
}
