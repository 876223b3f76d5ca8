//! Answers against the response schemas of Close's own OpenAPI file, as far as it has any: leads,
//! contacts and opportunities. Its schemas for users, webhooks, events, pipelines, statuses and
//! custom fields are empty; for those the keys recorded from live answers are pinned here.
//!
//! Where the file and live answers disagree, live wins: the file requires `contact_ids` of a
//! lead, which default answers lack, so it is asked for.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::harness::{Sim, config, start, subscription};

fn schema(text: &str) -> Validator {
    let schema: Value = serde_json::from_str(text).unwrap();
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
}

fn check(schema: &Validator, object: &Value) {
    let errors: Vec<String> = schema
        .iter_errors(object)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?} in {object:#}");
}

async fn check_all(sim: &Sim) {
    let contact = schema(include_str!("../openapi/contact.json"));
    for object in sim.all("contact/").await {
        check(&contact, &object);
    }
    let opportunity = schema(include_str!("../openapi/opportunity.json"));
    for object in sim.all("opportunity/").await {
        check(&opportunity, &object);
    }
    let lead = schema(include_str!("../openapi/lead.json"));
    for object in sim.all("lead/?_fields=_all").await {
        check(&lead, &object);
    }
}

#[tokio::test]
async fn leads_contacts_and_opportunities_fit_their_schemas() {
    let sim = start(config()).await;
    check_all(&sim).await;
    sim.simulator.set_traffic(400.0);
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    sim.simulator.set_traffic(0.0);
    check_all(&sim).await;
}

#[track_caller]
fn has_keys(object: &Value, keys: &str) {
    let there: BTreeSet<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(there, keys.split_whitespace().collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn what_has_no_schema_has_the_keys_of_recorded_answers() {
    let sim = start(config()).await;
    let first = async |path: &str| sim.get(path).await.ok()["data"][0].clone();
    has_keys(
        &first("user/").await,
        "id email first_name last_name image google_profile_image_url last_used_timezone \
         email_verified_at organizations date_created date_updated",
    );
    has_keys(
        &first("pipeline/").await,
        "id organization_id name created_by updated_by date_created date_updated statuses",
    );
    has_keys(&first("pipeline/").await["statuses"][0], "id label type");
    has_keys(&first("status/lead/").await, "id organization_id label");
    has_keys(
        &first("status/opportunity/").await,
        "id organization_id label type pipeline_id",
    );
    has_keys(
        &first("custom_field/contact/").await,
        "id organization_id name description type choices accepts_multiple_values \
         editable_with_roles is_shared referenced_custom_type_id back_reference_is_visible \
         created_by updated_by date_created date_updated",
    );
    sim.send(
        "POST",
        "webhook/",
        subscription("https://hooks.example/close"),
    )
    .await
    .ok();
    has_keys(
        &first("webhook/").await,
        "id url verify_ssl status events event_filter counters history health_status latest_error \
         pause_reason recent_consecutive_fail_buckets_cnt created_by updated_by date_created \
         date_updated",
    );
    sim.send("POST", "contact/", json!({ "name": "Ada" }))
        .await
        .ok();
    has_keys(
        &first("event/").await,
        "id date_created date_updated organization_id user_id request_id api_key_id object_type \
         object_id lead_id action changed_fields data previous_data meta",
    );
    has_keys(
        &sim.get("contact/?_limit=1&_fields=_all").await.ok()["data"][0],
        "created_by date_created date_updated display_name emails id integration_links lead_id name \
         organization_id phones timezone timezone_source title updated_by urls",
    );
}
