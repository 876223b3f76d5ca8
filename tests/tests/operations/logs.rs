//! Logs tell what happened to which event of which connection on which request, and nothing of what stands in it.

use crate::deployment::Deployment;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Whatever of an object is a person's: names, addresses, numbers.
fn personal(object: &Value, found: &mut BTreeSet<String>) {
    match object {
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_personal = [
                    "name",
                    "display_name",
                    "email",
                    "phone",
                    "phone_formatted",
                    "first_name",
                    "last_name",
                ];
                if let Value::String(text) = value
                    && is_personal.contains(&key.as_str())
                    && text.trim().len() >= 6
                {
                    found.insert(text.trim().to_owned());
                }
                personal(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| personal(item, found)),
        _ => {}
    }
}

fn event(id: &str, object_id: &str, data: Value) -> String {
    let now = chrono::Utc::now().to_rfc3339();
    let mut data = data;
    data["id"] = object_id.into();
    data["date_updated"] = now.as_str().into();
    data["date_created"] = now.as_str().into();
    json!({"subscription_id": "whsub_x", "event": {
        "id": id, "object_type": "opportunity", "action": "created", "object_id": object_id, "lead_id": null,
        "date_created": now, "date_updated": now, "changed_fields": [], "previous_data": {}, "meta": {}, "data": data,
        "organization_id": "orga_x", "user_id": null, "request_id": null, "api_key_id": null,
    }})
    .to_string()
}

/// Things go wrong at each place where an error could quote what it is about.
async fn failures(deployment: &Deployment, token: &str) {
    let address = "jane.doe.secret@example.com";
    assert_eq!(
        deployment
            .deliver(&event("ev_1", "oppo_1", json!({})), false)
            .await,
        401
    );
    for body in [
        format!(r#"{{"event": "{address}"}}"#),
        format!(r#"{{"event": {{"id": 5, "object_type": "{address}", "action": {{}}}}}}"#),
        format!(
            r#"{{"event": {{"id": "ev_2", "object_type": "lead", "action": "created", "date_updated": "{address}"}}}}"#
        ),
    ] {
        assert_eq!(deployment.deliver(&body, true).await, 400, "{body}");
    }
    // Dead letters whose error quotes what was sent.
    let data = json!({"status_type": address, "value": 1});
    assert_eq!(
        deployment
            .deliver(&event("ev_3", "oppo_3", data), true)
            .await,
        200
    );
    let data = json!({"status_type": "won", "value": address, "value_currency": "USD", "date_won": "2026-01-01"});
    assert_eq!(
        deployment
            .deliver(&event("ev_4", "oppo_4", data), true)
            .await,
        200
    );
    deployment.wait("select count(*) = 2 from event where state = 'dead' and error like '%jane.doe.secret%'").await;
    // Close fails in all the ways that it has.
    let faults = json!({"server_errors": 0.2, "too_many_requests": 0.05, "burst_length": 1, "resets": 0.1, "truncations": 0.1});
    deployment.sim.faults(&faults).await.unwrap();
    deployment.traffic(20.0, Duration::from_secs(4)).await;
    deployment.sim.faults(&json!({})).await.unwrap();
    // Callers that are refused, or ask for what is not there.
    let query = format!(
        r#"{{ people(filter: {{ primaryEmail: {{ eq: "{address}" }} }}) {{ nodes {{ nothing }} }} }}"#
    );
    assert!(deployment.ask(token, &query).await["errors"].is_array());
    assert!(deployment.ask("cg_not_a_token_at_all", &query).await["errors"].is_array());
    let url = format!(
        "{}/graphql?query={{people(filter:{{primaryEmail:{{eq:\"{address}\"}}}}){{totalCount}}}}",
        deployment.address()
    );
    assert_eq!(
        reqwest::Client::new()
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

/// Whether a line, or what it happened in, has the field.
fn has(line: &Value, key: &str) -> bool {
    let in_span = line["spans"]
        .as_array()
        .is_some_and(|spans| spans.iter().any(|span| !span[key].is_null()));
    in_span || !line[key].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_name_event_connection_and_request_and_hold_no_secret_and_nothing_personal() {
    let chatty = [
        ("CLOSEGRAPH_LOG_FILTER", "debug"),
        ("CLOSEGRAPH_LOG_FORMAT", "json"),
        ("CLOSEGRAPH_SYNC_SWEEP_S", "2"),
        ("CLOSEGRAPH_SYNC_VERIFY_S", "2"),
        ("CLOSEGRAPH_SYNC_SETTINGS_S", "1"),
        ("CLOSEGRAPH_SYNC_SUBSCRIPTION_S", "1"),
    ];
    let deployment = Deployment::start(&chatty).await;
    let token = deployment.token();
    deployment.traffic(30.0, Duration::from_secs(3)).await;
    failures(&deployment, &token).await;

    let mut forbidden = BTreeSet::from([
        "jane.doe.secret".to_owned(),
        "cg_not_a_token_at_all".to_owned(),
    ]);
    for object_type in ["lead", "contact", "opportunity"] {
        for object in deployment.sim.objects(object_type).await.unwrap() {
            // The names of statuses, pipelines and fields are the organization's own words.
            let kept = ["name", "display_name", "contacts", "emails", "phones"];
            let kept = kept
                .iter()
                .map(|key| ((*key).to_owned(), object[key].clone()));
            personal(&Value::Object(kept.collect()), &mut forbidden);
        }
    }
    assert!(
        forbidden.len() > 300,
        "only {} texts are looked for",
        forbidden.len()
    );
    forbidden.insert(deployment.sim.api_key().to_owned());
    forbidden.insert(token.clone());
    let hooks = deployment.sim.control("webhooks").await.unwrap();
    forbidden.insert(
        hooks["data"][0]["signature_key"]
            .as_str()
            .unwrap()
            .to_owned(),
    );
    for secret in ["vault.key", "postgres.password"] {
        let text = std::fs::read_to_string(deployment.data_dir.path().join(secret)).unwrap();
        forbidden.insert(text.trim().to_owned());
    }

    let log = std::fs::read_to_string(deployment.data_dir.path().join("serve.log")).unwrap();
    for text in &forbidden {
        let line = log.lines().find(|line| line.contains(text.as_str()));
        assert!(line.is_none(), "{text:?} stands in the log: {line:?}");
    }
    the_fields_are_there(&log);
}

fn the_fields_are_there(log: &str) {
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (message, fields) in [
        (
            "a delivery is stored",
            ["connection", "event", "close_event", "request_id"].as_slice(),
        ),
        (
            "a delivery is refused",
            &["connection", "reason", "request_id"],
        ),
        ("an event is settled", &["connection", "event", "state"]),
        (
            "an event is dead: a person decides",
            &["connection", "event", "error"],
        ),
        (
            "a batch is worked off",
            &["connection", "state", "count", "duration_ms"],
        ),
        ("Close answered", &["request_id", "path", "status"]),
        (
            "asking Close again",
            &["request_id", "path", "error", "delay_ms"],
        ),
        (
            "a request is answered",
            &["request_id", "route", "status", "duration_ms"],
        ),
    ] {
        let mut found = 0;
        for line in lines.iter().filter(|line| line["message"] == message) {
            found += 1;
            for field in fields {
                assert!(has(line, field), "{field} is missing: {line}");
            }
        }
        assert!(found > 0, "nothing says: {message}");
    }
    let taken_over = lines.iter().any(|line| {
        line["spans"].as_array().is_some_and(|spans| {
            spans
                .iter()
                .any(|span| span["request_id"] == "from-the-test")
        })
    });
    assert!(taken_over, "the caller's request id is not taken over");
}
