use serde_json::{Value, json};

use crate::harness::{Sim, config, start, text};

async fn status(sim: &Sim, kind: &str) -> String {
    let statuses = sim.get("status/opportunity/").await.ok();
    let statuses = statuses["data"].as_array().unwrap();
    text(
        statuses
            .iter()
            .find(|status| status["type"] == kind)
            .unwrap(),
        "id",
    )
    .to_owned()
}

async fn deal(sim: &Sim) -> Value {
    let lead = sim
        .send("POST", "lead/", json!({ "name": "Northwind" }))
        .await
        .ok();
    sim.send(
        "POST",
        "opportunity/",
        json!({ "lead_id": lead["id"], "value": 50_000 }),
    )
    .await
    .ok()
}

#[tokio::test]
async fn winning_dates_the_win_unless_a_date_is_there_and_reverting_keeps_it() {
    let sim = start(config()).await;
    let (won, active) = (status(&sim, "won").await, status(&sim, "active").await);
    let new = deal(&sim).await;
    assert_eq!(
        (&new["confidence"], &new["status_type"], &new["date_won"]),
        (&json!(50), &json!("active"), &Value::Null)
    );
    assert_eq!(
        (&new["expected_value"], &new["value_formatted"]),
        (&json!(25_000), &json!("$500"))
    );
    let path = format!("opportunity/{}/", text(&new, "id"));
    let request = sim
        .request("PUT", &path)
        .header("x-tz-offset", "13")
        .json(&json!({ "status_id": won }));
    let after: Value = request.send().await.unwrap().json().await.unwrap();
    // Noon of the 19th in UTC is the 20th thirteen hours east.
    assert_eq!(
        (&after["status_type"], &after["date_won"]),
        (&json!("won"), &json!("2026-06-20"))
    );
    let back = sim
        .send("PUT", &path, json!({ "status_id": active }))
        .await
        .ok();
    assert_eq!(
        (&back["status_type"], &back["date_won"]),
        (&json!("active"), &json!("2026-06-20"))
    );

    let estimated = deal(&sim).await;
    let path = format!("opportunity/{}/", text(&estimated, "id"));
    sim.send("PUT", &path, json!({ "date_won": "2026-09-30" }))
        .await
        .ok();
    let after = sim
        .send("PUT", &path, json!({ "status_id": won }))
        .await
        .ok();
    assert_eq!(after["date_won"], "2026-09-30");

    let events = sim
        .events(&format!(
            "?object_type=opportunity&object_id={}",
            text(&new, "id")
        ))
        .await;
    assert_eq!(events[0]["action"], "created");
    assert_eq!(events.last().unwrap()["data"]["status_type"], "active");
}

#[tokio::test]
async fn wrong_values_are_refused_and_unknown_keys_are_not() {
    let sim = start(config()).await;
    let new = deal(&sim).await;
    let path = format!("opportunity/{}/", text(&new, "id"));
    for (field, value) in [
        ("value", json!("12")),
        ("value_period", json!("weekly")),
        ("confidence", json!(101)),
        ("status_id", json!("stat_none")),
        ("contact_id", json!("cont_none")),
        ("date_won", json!("soon")),
    ] {
        sim.send("PUT", &path, json!({ field: value }))
            .await
            .field_error(field);
    }
    let lead = sim
        .send("POST", "lead/", json!({ "name": "A", "shoe_size": 44 }))
        .await
        .ok();
    assert!(lead.get("shoe_size").is_none());
    assert_eq!(
        sim.send("PUT", "lead/lead_none/", json!({})).await.status,
        404
    );
}

#[tokio::test]
async fn deleting_a_lead_deletes_what_it_has_with_an_event_each() {
    let sim = start(config()).await;
    let body = json!({ "name": "Brief", "contacts": [{ "name": "Ada Byron" }] });
    let lead = sim.send("POST", "lead/", body).await.ok();
    let id = text(&lead, "id");
    let deal = sim
        .send("POST", "opportunity/", json!({ "lead_id": id }))
        .await
        .ok();
    let gone = sim.send("DELETE", &format!("lead/{id}/"), json!({})).await;
    assert_eq!((gone.status, &gone.body), (200, &json!({})));
    assert_eq!(sim.get(&format!("lead/{id}/")).await.status, 404);
    assert_eq!(
        sim.get(&format!("opportunity/{}/", text(&deal, "id")))
            .await
            .status,
        404
    );
    let events = sim.events(&format!("?lead_id={id}")).await;
    let deleted: Vec<_> = events
        .iter()
        .filter(|event| event["action"] == "deleted")
        .collect();
    assert_eq!(deleted.len(), 3);
    for event in deleted {
        assert_eq!(event["data"], Value::Null);
        assert_eq!(event["previous_data"]["id"], event["object_id"]);
        assert_eq!(event["changed_fields"], json!([]));
    }
}

#[tokio::test]
async fn a_merge_moves_the_children_with_their_ids_and_ends_the_source() {
    let sim = start(config()).await;
    let source = sim
        .send(
            "POST",
            "lead/",
            json!({ "name": "Old", "contacts": [{ "name": "Ada" }] }),
        )
        .await
        .ok();
    let deal = sim
        .send("POST", "opportunity/", json!({ "lead_id": source["id"] }))
        .await
        .ok();
    let destination = sim
        .send("POST", "lead/", json!({ "name": "New" }))
        .await
        .ok();
    sim.send(
        "POST",
        "lead/merge/",
        json!({ "source": source["id"], "destination": destination["id"] }),
    )
    .await
    .ok();
    assert_eq!(
        sim.get(&format!("lead/{}/", text(&source, "id")))
            .await
            .status,
        404
    );
    let merged = sim
        .get(&format!("lead/{}/", text(&destination, "id")))
        .await
        .ok();
    assert_eq!(merged["contacts"][0]["id"], source["contacts"][0]["id"]);
    assert_eq!(merged["opportunities"][0]["id"], deal["id"]);
    assert_eq!(merged["opportunities"][0]["lead_name"], "New");

    let marked: Vec<Value> = sim
        .events("")
        .await
        .into_iter()
        .filter(|event| event["meta"]["merge_source_lead_id"] == source["id"])
        .collect();
    let what: Vec<String> = marked
        .iter()
        .map(|event| format!("{} {}", text(event, "object_type"), text(event, "action")))
        .collect();
    for expected in [
        "contact updated",
        "opportunity updated",
        "lead merged",
        "lead deleted",
    ] {
        assert!(
            what.iter().any(|one| one == expected),
            "{expected} in {what:?}"
        );
    }
    let merged = marked
        .iter()
        .find(|event| event["action"] == "merged")
        .unwrap();
    assert_eq!(
        (&merged["object_id"], &merged["lead_id"]),
        (&destination["id"], &destination["id"])
    );
    assert!(
        marked
            .iter()
            .all(|event| event["meta"]["merge_destination_lead_id"] == destination["id"])
    );
    let same = json!({ "source": destination["id"], "destination": destination["id"] });
    sim.send("POST", "lead/merge/", same)
        .await
        .field_error("destination");
}

#[tokio::test]
async fn a_contact_or_an_opportunity_without_a_lead_brings_one_about() {
    let sim = start(config()).await;
    let contact = sim
        .send("POST", "contact/", json!({ "name": "Grace Hopper" }))
        .await
        .ok();
    let lead = sim
        .get(&format!("lead/{}/", text(&contact, "lead_id")))
        .await
        .ok();
    assert_eq!(
        (&lead["name"], &lead["contacts"][0]["id"]),
        (&json!("Grace Hopper"), &contact["id"])
    );
    let deal = sim
        .send("POST", "opportunity/", json!({ "value": 100 }))
        .await
        .ok();
    assert_eq!(deal["lead_name"], "Untitled");
    let lead = sim
        .get(&format!("lead/{}/", text(&deal, "lead_id")))
        .await
        .ok();
    assert_eq!(lead["name"], "Untitled");
}

#[tokio::test]
async fn a_contact_edit_moves_the_leads_date_silently_and_an_opportunity_edit_does_not() {
    let sim = start(config()).await;
    let lead = sim
        .send(
            "POST",
            "lead/",
            json!({ "name": "A", "contacts": [{ "name": "B" }] }),
        )
        .await
        .ok();
    let path = format!("lead/{}/", text(&lead, "id"));
    let contact = text(&lead["contacts"][0], "id");
    sim.send(
        "PUT",
        &format!("contact/{contact}/"),
        json!({ "title": "CFO" }),
    )
    .await
    .ok();
    let after = sim.get(&path).await.ok();
    assert!(text(&after, "date_updated") > text(&lead, "date_updated"));
    let events = sim
        .events(&format!(
            "?object_type=lead&object_id={}",
            text(&lead, "id")
        ))
        .await;
    assert_eq!(events.len(), 1, "only its creation");

    let deal = sim
        .send("POST", "opportunity/", json!({ "lead_id": lead["id"] }))
        .await
        .ok();
    sim.send(
        "PUT",
        &format!("opportunity/{}/", text(&deal, "id")),
        json!({ "value": 5 }),
    )
    .await
    .ok();
    assert_eq!(
        sim.get(&path).await.ok()["date_updated"],
        after["date_updated"]
    );

    sim.send(
        "POST",
        "contact/",
        json!({ "lead_id": lead["id"], "name": "C" }),
    )
    .await
    .ok();
    let events = sim
        .events(&format!(
            "?object_type=lead&object_id={}",
            text(&lead, "id")
        ))
        .await;
    let added = events.last().unwrap();
    assert_eq!(
        (&added["action"], &added["changed_fields"]),
        (&json!("updated"), &json!(["contact_ids", "date_updated"]))
    );
    assert_eq!(added["previous_data"]["contact_ids"], json!([contact]));
}

#[tokio::test]
async fn custom_fields_are_set_changed_and_unset_in_both_forms() {
    let sim = start(config()).await;
    let fields = sim.get("custom_field/lead/").await.ok();
    let key = |name: &str| {
        let fields = fields["data"].as_array().unwrap();
        format!(
            "custom.{}",
            text(
                fields.iter().find(|field| field["name"] == name).unwrap(),
                "id"
            )
        )
    };
    let (size, regions) = (key("Company Size"), key("Regions"));
    let lead = sim
        .send(
            "POST",
            "lead/",
            json!({ "name": "A", &size: 12, &regions: ["Europe"] }),
        )
        .await
        .ok();
    assert_eq!(
        (&lead[&size], &lead["custom"]["Company Size"]),
        (&json!(12), &json!(12))
    );
    let path = format!("lead/{}/", text(&lead, "id"));
    let more = sim
        .send(
            "PUT",
            &path,
            json!({ format!("{regions}.add"): "Americas" }),
        )
        .await
        .ok();
    assert_eq!(more[&regions], json!(["Europe", "Americas"]));
    let less = sim
        .send(
            "PUT",
            &path,
            json!({ format!("{regions}.remove"): "Europe", &size: null }),
        )
        .await
        .ok();
    assert_eq!(
        (&less[&regions], less.get(&size)),
        (&json!(["Americas"]), None)
    );
    sim.send("PUT", &path, json!({ &size: "many" }))
        .await
        .field_error(&size);
    sim.send("PUT", &path, json!({ &regions: ["Atlantis"] }))
        .await
        .field_error(&regions);
    let schema = sim.get("custom_field_schema/lead/").await.ok();
    let names: Vec<_> = schema["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| text(field, "name"))
        .collect();
    assert!(
        names.contains(&"Segment"),
        "shared fields are in the schema: {names:?}"
    );
}
