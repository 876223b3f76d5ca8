//! Custom objects and custom activities as REST, search, events and webhooks show them.

use close_sim::{InvoiceLayout, SimulatorConfig};
use serde_json::{Value, json};

use crate::harness::{Arrived, Receiver, Sim, config, ids, start, text};

async fn with(invoices: InvoiceLayout) -> Sim {
    start(SimulatorConfig {
        invoices,
        ..config()
    })
    .await
}

/// The id of the type with this name, and the key of its field with that name.
async fn keys<const N: usize>(
    sim: &Sim,
    list: &str,
    name: &str,
    fields: [&str; N],
) -> (String, [String; N]) {
    let types = sim.get(list).await.ok();
    let types = types["data"].as_array().unwrap();
    let one = types.iter().find(|one| one["name"] == name).unwrap();
    let key = |name: &str| {
        let fields = one["fields"].as_array().unwrap();
        let field = fields.iter().find(|field| field["name"] == name).unwrap();
        format!("custom.{}", text(field, "id"))
    };
    (text(one, "id").to_owned(), fields.map(key))
}

async fn a_lead(sim: &Sim, name: &str) -> Value {
    let body = json!({ "name": name, "contacts": [{ "name": "Ada Byron" }] });
    sim.send("POST", "lead/", body).await.ok()
}

#[tokio::test]
async fn types_carry_their_fields_and_the_fields_stand_in_every_list() {
    let sim = with(InvoiceLayout::English).await;
    let types = sim.get("custom_object_type/").await.ok();
    assert!(types.get("has_more").is_none(), "a whole list");
    let [invoice, line] = types["data"].as_array().unwrap().as_slice() else {
        panic!("{types}");
    };
    assert_eq!(
        (text(invoice, "name"), text(line, "name")),
        ("Invoice", "Invoice Line")
    );
    let id = text(invoice, "id");
    assert!(id.starts_with("cotype_") && id.len() == 29);
    assert_eq!(
        sim.get(&format!("custom_object_type/{id}/")).await.ok(),
        *invoice
    );
    assert_eq!(sim.get("custom_object_type/cotype_none/").await.status, 404);
    let reference = &line["fields"][0];
    assert_eq!(
        (&reference["type"], &reference["referenced_custom_type_id"]),
        (&json!("custom_object"), &invoice["id"])
    );
    let schema = sim
        .get(&format!("custom_field_schema/custom_object/{id}/"))
        .await
        .ok();
    assert_eq!(schema["fields"], invoice["fields"]);
    let all = sim.get("custom_field/custom_object_type/").await.ok();
    let all = all["data"].as_array().unwrap();
    assert_eq!(all.len(), 20);
    assert_eq!(all[0]["custom_object_type_id"], *id);
    let one = format!("custom_field/custom_object_type/{}/", text(&all[0], "id"));
    assert_eq!(sim.get(&one).await.ok(), all[0]);
    let kinds: Vec<&str> = all.iter().map(|field| text(field, "type")).collect();
    for kind in [
        "text", "textarea", "number", "date", "choices", "user", "contact",
    ] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    assert_eq!(
        sim.get("custom_activity/").await.ok(),
        json!({ "data": [] })
    );

    let sim = with(InvoiceLayout::German).await;
    let types = sim.get("custom_activity/").await.ok();
    let id = text(&types["data"][0], "id");
    assert!(id.starts_with("actitype_"));
    let one = sim.get(&format!("custom_activity/{id}/")).await.ok();
    assert_eq!(one, types["data"][0]);
    let fields = sim.get("custom_field/activity/").await.ok();
    assert_eq!(
        (&fields["data"], &fields["has_more"]),
        (&one["fields"], &json!(false))
    );
    let schema = sim
        .get(&format!("custom_field_schema/activity/{id}/"))
        .await
        .ok();
    assert_eq!(schema["fields"], one["fields"]);
    let none = with(InvoiceLayout::None).await;
    assert_eq!(
        none.get("custom_object_type/").await.ok(),
        json!({ "data": [] })
    );
}

#[tokio::test]
async fn custom_objects_are_listed_within_a_lead_and_searched_across() {
    let sim = with(InvoiceLayout::English).await;
    sim.get("custom_object/").await.field_error("lead_id");
    let name = ["Amount"];
    let (invoice, [amount]) = keys(&sim, "custom_object_type/", "Invoice", name).await;
    let field = |name: &str| json!({ "type": "regular_field", "object_type": "custom_object", "field_name": name });
    let body = |since: &str| {
        json!({
            "query": { "type": "and", "queries": [
                { "type": "object_type", "object_type": "custom_object" },
                { "type": "field_condition", "field": field("custom_object_type_id"),
                  "condition": { "type": "term", "values": [invoice] } },
                { "type": "field_condition", "field": field("date_updated"),
                  "condition": { "type": "moment_range", "on_or_after": { "type": "fixed_utc", "value": since } } },
            ]},
            "_fields": { "custom_object": ["id", "lead_id", "date_updated", amount] },
            "sort": [{ "direction": "asc", "field": field("date_updated") }],
            "_limit": 200, "include_counts": true,
        })
    };
    let found = sim.search(body("2000-01-01T00:00:00+00:00")).await.ok();
    let rows = found["data"].as_array().unwrap();
    let state = sim.control("GET", "state", Value::Null).await.ok();
    assert!(
        rows.len() > 20 && state["counts"]["custom_object"].as_u64().unwrap() > rows.len() as u64
    );
    assert!(rows.is_sorted_by_key(|row| text(row, "date_updated").to_owned()));
    assert!(
        rows.iter()
            .any(|row| row.get(&amount).is_some_and(Value::is_number))
    );
    assert_eq!(rows[0]["__object_type"], "custom_object");
    let later = text(&rows[10], "date_updated");
    let later = sim.search(body(later)).await.ok();
    assert_eq!(later["count"]["total"], rows.len() - 10);

    let lead = text(&rows[0], "lead_id");
    let all = sim.all(&format!("custom_object/?lead_id={lead}")).await;
    let invoices = sim
        .all(&format!(
            "custom_object/?lead_id={lead}&custom_object_type_id={invoice}"
        ))
        .await;
    assert!(all.len() > invoices.len() && !invoices.is_empty());
    assert!(all.iter().all(|object| object["lead_id"] == *lead));
    assert!(
        invoices
            .iter()
            .all(|object| object["custom_object_type_id"] == *invoice)
    );
    let path = format!("custom_object/{}/", text(&rows[0], "id"));
    let one = sim.get(&path).await.ok();
    assert!(invoices.contains(&one) && text(&one, "id").len() == 30);
    let few = sim.get(&format!("{path}?_fields=id,{amount}")).await.ok();
    assert!(few.as_object().unwrap().len() <= 2);
    let related = json!({ "type": "has_related", "this_object_type": "lead", "related_object_type": "custom_object" });
    let leads = sim
        .search(json!({ "query": related, "_limit": 200 }))
        .await
        .ok();
    assert!(ids(&leads).iter().any(|id| id == lead));
    let by_id = json!({ "query": { "type": "id", "value": rows[0]["id"] } });
    assert_eq!(ids(&sim.search(by_id).await.ok()), [text(&rows[0], "id")]);
}

#[tokio::test]
async fn a_custom_object_is_made_changed_unset_and_deleted_with_its_events() {
    let sim = with(InvoiceLayout::English).await;
    let names = ["Amount", "Due Date", "Status"];
    let (of_type, [amount, due, status]) =
        keys(&sim, "custom_object_type/", "Invoice", names).await;
    let lead = a_lead(&sim, "Northwind").await;
    let body = json!({
        "custom_object_type_id": of_type, "lead_id": lead["id"], "name": "INV-1",
        &amount: 1250.5, &due: "2026-07-19", &status: "Sent",
    });
    let without = |key: &str| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove(key);
        body
    };
    for key in ["custom_object_type_id", "lead_id", "name"] {
        let refused = sim.send("POST", "custom_object/", without(key)).await;
        refused.field_error(key);
    }
    let made = sim.send("POST", "custom_object/", body.clone()).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    assert_eq!(
        (&made[&amount], &made["name"]),
        (&json!(1250.5), &json!("INV-1"))
    );
    let path = format!("custom_object/{}/", text(&made, "id"));
    sim.send("PUT", &path, json!({ &status: "Unknown" }))
        .await
        .field_error(&status);
    let changed = sim
        .send("PUT", &path, json!({ &status: "Paid", &due: null }))
        .await
        .ok();
    assert!(changed.get(&due).is_none());
    let gone = sim.send("DELETE", &path, json!({})).await;
    assert_eq!((gone.status, gone.body), (204, json!("")));
    assert_eq!(sim.get(&path).await.status, 404);

    let filter = format!("?object_type=custom_object&object_id={}", text(&made, "id"));
    let [created, updated, deleted] = &sim.events(&filter).await[..] else {
        panic!("three events");
    };
    assert_eq!(
        (&created["data"], &created["changed_fields"]),
        (&made, &json!([]))
    );
    assert_eq!(updated["lead_id"], lead["id"]);
    let mut expected = vec![due.as_str(), status.as_str(), "date_updated"];
    expected.sort_unstable();
    assert_eq!(updated["changed_fields"], json!(expected));
    assert_eq!(updated["previous_data"][&due], "2026-07-19");
    assert_eq!(updated["previous_data"][&status], "Sent");
    assert!(updated["data"].get(&due).is_none(), "unset is absent");
    assert_eq!(
        (&deleted["action"], &deleted["data"]),
        (&json!("deleted"), &Value::Null)
    );
    assert_eq!(deleted["previous_data"][&amount], 1250.5);
    assert!(
        sim.get(&format!("lead/{}/", text(&lead, "id"))).await.ok()["date_updated"]
            == lead["date_updated"]
    );
}

#[tokio::test]
async fn custom_activities_are_drafted_published_and_filtered() {
    let sim = with(InvoiceLayout::German).await;
    let names = ["Bruttobetrag", "Zahlungsstatus"];
    let (of_type, [amount, status]) = keys(&sim, "custom_activity/", "Rechnung", names).await;
    let lead = a_lead(&sim, "Nordwind").await;
    let (id, contact) = (text(&lead, "id"), text(&lead["contacts"][0], "id"));
    let body = json!({
        "custom_activity_type_id": of_type, "lead_id": id, "contact_id": contact, "status": "draft",
        &amount: "1.234,56", &status: "Entwurf",
    });
    let made = sim.send("POST", "activity/custom/", body).await;
    assert_eq!(made.status, 200);
    let made = made.ok();
    assert_eq!(
        (&made["_type"], &made["status"], &made["contact_id"]),
        (&json!("Custom"), &json!("draft"), &json!(contact))
    );
    let path = format!("activity/custom/{}/", text(&made, "id"));
    let body = json!({ "status": "published", &status: "Offen" });
    sim.send("PUT", &path, body).await.ok();
    let filter = format!(
        "?object_type=activity.custom_activity&object_id={}",
        text(&made, "id")
    );
    let events = sim.events(&filter).await;
    let updated = events.last().unwrap();
    let fields = updated["changed_fields"].as_array().unwrap();
    assert!(fields.contains(&json!("status")) && fields.contains(&json!(status)));
    assert_eq!(updated["previous_data"]["status"], "draft");

    for query in ["custom_activity_type_id", "user_id", "contact_id"] {
        let refused = sim.get(&format!("activity/custom/?{query}=x")).await;
        refused.field_error(query);
    }
    let own = sim
        .get(&format!(
            "activity/custom/?lead_id={id}&custom_activity_type_id={of_type}"
        ))
        .await;
    assert_eq!(ids(&own.ok()), [text(&made, "id")]);
    let other = sim
        .get(&format!(
            "activity/custom/?lead_id={id}&custom_activity_type_id=actitype_x"
        ))
        .await;
    assert_eq!(ids(&other.ok()).len(), 0);
    let all = sim.all("activity/custom/").await;
    assert!(all.is_sorted_by_key(|one| std::cmp::Reverse(text(one, "date_created").to_owned())));
    let since = text(&all[5], "date_created").replace('+', "%2B");
    let recent = sim
        .all(&format!("activity/custom/?date_created__gte={since}"))
        .await;
    assert_eq!(recent, all[..6]);
    let before = sim
        .all(&format!("activity/custom/?date_created__lt={since}"))
        .await;
    assert_eq!(before, all[6..]);
    let some = [text(&all[3], "id"), text(&all[1], "id")];
    let some = sim
        .get(&format!("activity/custom/?id__in={}", some.join(",")))
        .await
        .ok();
    assert_eq!(ids(&some), [text(&all[1], "id"), text(&all[3], "id")]);
    let condition = json!({ "type": "field_condition",
        "field": { "type": "regular_field", "object_type": "activity.custom_activity", "field_name": "custom_activity_type_id" },
        "condition": { "type": "term", "values": [of_type] } });
    let found = json!({ "query": condition, "include_counts": true, "_fields": { "activity.custom_activity": ["status"] } });
    let found = sim.search(found).await.ok();
    assert_eq!(found["count"]["total"], all.len());
    assert_eq!(
        found["data"][0]["__object_type"],
        "activity.custom_activity"
    );
    assert!(found["data"][0]["status"].is_string());
    sim.send("DELETE", &format!("contact/{contact}/"), json!({}))
        .await
        .ok();
    assert_eq!(sim.get(&path).await.ok()["contact_id"], Value::Null);
    let gone = sim.send("DELETE", &path, json!({})).await;
    assert_eq!((gone.status, gone.body), (200, json!({})));
}

#[tokio::test]
async fn a_lead_takes_its_custom_objects_along_when_it_is_merged_or_deleted() {
    let sim = with(InvoiceLayout::English).await;
    let (invoice, []) = keys(&sim, "custom_object_type/", "Invoice", []).await;
    let (line, [of]) = keys(&sim, "custom_object_type/", "Invoice Line", ["Invoice"]).await;
    let (source, destination) = (a_lead(&sim, "Old").await, a_lead(&sim, "New").await);
    let body = json!({ "custom_object_type_id": invoice, "lead_id": source["id"], "name": "1" });
    let made = sim.send("POST", "custom_object/", body).await.ok();
    let body = json!({ "custom_object_type_id": line, "lead_id": source["id"], "name": "L", &of: made["id"] });
    let line = sim.send("POST", "custom_object/", body).await.ok();
    let merge = json!({ "source": source["id"], "destination": destination["id"] });
    sim.send("POST", "lead/merge/", merge).await.ok();
    for id in [text(&made, "id"), text(&line, "id")] {
        let moved = sim.get(&format!("custom_object/{id}/")).await.ok();
        assert_eq!(moved["lead_id"], destination["id"]);
        let events = sim
            .events(&format!("?object_type=custom_object&object_id={id}"))
            .await;
        let event = events.last().unwrap();
        assert_eq!(event["changed_fields"], json!(["date_updated", "lead_id"]));
        assert_eq!(event["lead_id"], destination["id"]);
        assert_eq!(event["meta"]["merge_source_lead_id"], source["id"]);
    }
    // A line whose invoice goes names none any more.
    let path = format!("custom_object/{}/", text(&made, "id"));
    sim.send("DELETE", &path, json!({})).await;
    let left = sim
        .get(&format!("custom_object/{}/", text(&line, "id")))
        .await
        .ok();
    assert!(left.get(&of).is_none());
    let path = format!("lead/{}/", text(&destination, "id"));
    sim.send("DELETE", &path, json!({})).await.ok();
    let id = text(&line, "id");
    assert_eq!(sim.get(&format!("custom_object/{id}/")).await.status, 404);
    let events = sim.events(&format!("?object_id={id}&action=deleted")).await;
    assert_eq!(events[0]["previous_data"]["id"], *id);
}

#[tokio::test]
async fn webhooks_are_told_of_custom_objects_and_activities() {
    let sim = with(InvoiceLayout::English).await;
    let receiver = Receiver::start(0).await;
    let events = ["created", "updated", "deleted"]
        .map(|action| json!({ "object_type": "custom_object", "action": action }));
    let body = json!({ "url": receiver.url, "events": events });
    sim.send("POST", "webhook/", body).await.ok();
    let (invoice, [amount]) = keys(&sim, "custom_object_type/", "Invoice", ["Amount"]).await;
    let lead = a_lead(&sim, "Northwind").await;
    let body = json!({ "custom_object_type_id": invoice, "lead_id": lead["id"], "name": "1" });
    let made = sim.send("POST", "custom_object/", body).await.ok();
    let path = format!("custom_object/{}/", text(&made, "id"));
    sim.send("PUT", &path, json!({ &amount: 12.25 })).await.ok();
    let arrived = receiver.wait(2).await;
    let what: Vec<String> = arrived.iter().map(Arrived::what).collect();
    assert_eq!(what, ["custom_object created", "custom_object updated"]);
    assert_eq!(arrived[1].event()["data"][&amount], 12.25);
}
