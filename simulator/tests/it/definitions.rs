//! What fields mean when a client writes them, and changes of the fields themselves.

use close_sim::InvoiceLayout;
use serde_json::{Value, json};

use crate::harness::text;
use crate::layouts::{STATES, check, lines, names, some_traffic, with};

#[tokio::test]
async fn what_a_client_writes_into_the_fields_is_the_truth() {
    let sim = with(InvoiceLayout::English, 120).await;
    let names = names(&sim).await;
    let key = |wanted: &str| {
        let (key, _) = names.iter().find(|(_, name)| *name == wanted).unwrap();
        key.clone()
    };
    let (id, before) = lines(&sim, "invoices")
        .await
        .into_iter()
        .find(|(_, one)| one["currency"] == "USD" && one["state"] == "issued")
        .unwrap();
    let path = format!("custom_object/{id}/");
    let body = json!({ key("Amount"): 1234.5, key("Amount Paid"): 0.07, key("Status"): "Partially Paid", key("Due Date"): null });
    sim.send("PUT", &path, body).await.ok();
    let after = &lines(&sim, "invoices").await[&id];
    assert_eq!(
        (
            &after["total_minor"],
            &after["paid_minor"],
            &after["due_on"]
        ),
        (&json!(123_450), &json!(7), &Value::Null)
    );
    assert_eq!(
        (&after["number"], &after["lines"]),
        (&before["number"], &before["lines"])
    );
    sim.send("PUT", &path, json!({ key("Currency"): "JPY" }))
        .await
        .ok();
    let after = &lines(&sim, "invoices").await[&id];
    assert_eq!(after["total_minor"], Value::Null, "there is no half yen");
}

#[tokio::test]
async fn a_renamed_field_and_new_words_are_told_by_schema_events() {
    for (layout, field, schema) in [
        (
            InvoiceLayout::English,
            "Status",
            "custom_fields.custom_object",
        ),
        (
            InvoiceLayout::German,
            "Zahlungsstatus",
            "custom_fields.activity",
        ),
    ] {
        let sim = with(layout, 120).await;
        let place = usize::from(layout == InvoiceLayout::German);
        let truth = check(&sim, place).await;
        let paid = STATES[place].1[3];
        let body = json!({ "name": "Stage", "choices": { paid: "Settled" } });
        let changed = sim
            .control("PUT", &format!("custom_field/{field}"), body)
            .await
            .ok();
        let events = sim
            .events(&format!("?object_type={schema}&action=updated"))
            .await;
        let [event] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(
            (&event["object_id"], &event["lead_id"]),
            (&changed["id"], &Value::Null)
        );
        assert_eq!(
            event["changed_fields"],
            json!(["choices", "date_updated", "name"])
        );
        assert_eq!(
            (&event["previous_data"]["name"], &event["data"]["name"]),
            (&json!(field), &json!("Stage"))
        );
        assert_eq!(lines(&sim, "invoices").await, truth);
        let kind = ["custom_object", "custom_activity"][place];
        let key = format!("custom.{}", text(&changed, "id"));
        let objects = lines(&sim, &format!("objects/{kind}")).await;
        let settled = objects
            .values()
            .filter(|one| one[&key] == "Settled")
            .count();
        assert_eq!(
            settled,
            truth.values().filter(|one| one["state"] == "paid").count()
        );
        // A client that still sends the old word is told that there is no such choice.
        let list = ["custom_object", "activity/custom"][place];
        let path = format!("{list}/{}/", truth.keys().next().unwrap());
        sim.send("PUT", &path, json!({ &key: paid }))
            .await
            .field_error(&key);
        some_traffic(&sim).await;
        let unknown = sim
            .control("PUT", "custom_field/Nothing", json!({ "name": "A" }))
            .await;
        assert_eq!(unknown.status, 404);
    }
}

#[tokio::test]
async fn objects_may_keep_the_old_words_and_types_are_renamed() {
    let sim = with(InvoiceLayout::English, 120).await;
    let body = json!({ "choices": { "Paid": "Settled" }, "rewrite": false });
    sim.control("PUT", "custom_field/Status", body).await.ok();
    assert_eq!(
        sim.events("?object_type=custom_object&action=updated")
            .await,
        [Value::Null; 0]
    );
    sim.control(
        "PUT",
        "custom_field/Status",
        json!({ "choices": { "Gone": "A" } }),
    )
    .await
    .field_error("choices");
    sim.control("PUT", "custom_type/Invoice", json!({ "name": "Bill" }))
        .await
        .ok();
    let events = sim
        .events("?object_type=custom_object_type&action=updated")
        .await;
    assert_eq!(events[0]["data"]["name"], "Bill");
    assert_eq!(events[0]["previous_data"]["name"], "Invoice");
    let types = sim.get("custom_object_type/").await.ok();
    assert_eq!(types["data"][0]["name"], "Bill");
    let german = with(InvoiceLayout::German, 20).await;
    german
        .control("PUT", "custom_type/Rechnung", json!({ "name": "Beleg" }))
        .await
        .ok();
    let events = german
        .events("?object_type=custom_activity_type&action=updated")
        .await;
    assert_eq!(events[0]["data"]["name"], "Beleg");
}

#[tokio::test]
async fn the_library_tells_and_changes_the_same_in_process() {
    let sim = with(InvoiceLayout::Spanish, 120).await;
    let truth = lines(&sim, "invoices").await;
    let told = sim.simulator.invoices();
    assert!(told.iter().all(|one| truth[text(one, "id")] == *one) && told.len() == truth.len());
    assert!(sim.simulator.rename_custom_field("Folio", "Referencia"));
    assert!(
        sim.simulator
            .reword_choices("Estado", &[("Pagada", "Cobrada")])
    );
    assert!(!sim.simulator.rename_custom_field("Folio", "Otra"));
    assert!(
        !sim.simulator
            .reword_choices("Estado", &[("Pagada", "Otra")])
    );
    let names = names(&sim).await;
    assert!(names.values().any(|name| name == "Referencia"));
    let events = sim
        .events("?object_type=custom_fields.custom_object&action=updated")
        .await;
    assert_eq!(events.len(), 2);
}
