//! Invoices in every layout: what the fields say is what `/_sim/invoices` knows, at rest and after
//! a while of traffic.

use std::collections::{BTreeMap, BTreeSet};

use close_sim::InvoiceLayout;
use serde_json::{Value, json};

use crate::harness::text;
use crate::layouts::{amount, check, lines, named, names, some_traffic, with};

#[tokio::test]
async fn every_layouts_fields_say_what_the_truth_is_before_and_after_traffic() {
    let layouts = [
        InvoiceLayout::English,
        InvoiceLayout::German,
        InvoiceLayout::Spanish,
    ];
    for (place, layout) in layouts.into_iter().enumerate() {
        let sim = with(layout, 400).await;
        let before = check(&sim, place).await;
        assert!(before.len() > 60);
        some_traffic(&sim).await;
        let after = check(&sim, place).await;
        assert_ne!(before, after);
        assert!(after.keys().any(|id| !before.contains_key(id)), "issued");
        assert!(before.keys().any(|id| !after.contains_key(id)), "deleted");
    }
}

#[tokio::test]
async fn line_objects_are_the_lines_of_their_invoice() {
    let sim = with(InvoiceLayout::English, 400).await;
    some_traffic(&sim).await;
    let truth = lines(&sim, "invoices").await;
    let names = names(&sim).await;
    let mut told: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for object in lines(&sim, "objects/custom_object").await.values() {
        let line = named(object, &names);
        let Some(invoice) = line.get("Invoice").and_then(Value::as_str) else {
            continue;
        };
        let currency = text(&truth[invoice], "currency");
        told.entry(invoice.to_owned()).or_default().push(json!({
            "description": line["Description"],
            "quantity": line["Quantity"].to_string(),
            "unit_price_minor": amount(line.get("Unit Price"), currency),
            "total_minor": amount(line.get("Line Total"), currency),
            "tax_rate": line["Tax Rate"].to_string(),
        }));
    }
    let order = |lines: &[Value]| lines.iter().map(Value::to_string).collect::<BTreeSet<_>>();
    for (id, invoice) in &truth {
        let told = told.get(id).map_or(&[][..], Vec::as_slice);
        assert_eq!(
            order(invoice["lines"].as_array().unwrap()),
            order(told),
            "{invoice}"
        );
    }
}

#[tokio::test]
async fn invoices_are_as_odd_as_peoples() {
    let sim = with(InvoiceLayout::English, 2_000).await;
    let truth: Vec<Value> = lines(&sim, "invoices").await.into_values().collect();
    let count = |holds: &dyn Fn(&Value) -> bool| truth.iter().filter(|one| holds(one)).count();
    let number = |one: &Value, key: &str| one[key].as_i64();
    let today = "2026-06-19";
    let owed = |one: &Value| one["state"] == "issued" && number(one, "total_minor") > Some(0);
    let won = sim.control("GET", "state", Value::Null).await.ok()["counts"]["won_opportunity"]
        .as_u64()
        .unwrap();
    let share = truth.len() as f64 / won as f64;
    assert!((0.65..0.95).contains(&share), "{share}");
    let few = 1..truth.len() / 10;
    let lines_total = |one: &Value| -> i64 {
        one["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["total_minor"].as_i64().unwrap())
            .sum()
    };
    let wrong =
        |one: &Value| number(one, "total_minor").is_some_and(|total| total != lines_total(one));
    assert!(
        few.contains(&count(&wrong)),
        "lines that do not make the total"
    );
    assert!(few.contains(&count(&|one| one["total_minor"].is_null())));
    assert!(few.contains(&count(&|one| one["due_on"].is_null())));
    assert!(few.contains(&count(
        &|one| number(one, "total_minor") < Some(0) && !one["total_minor"].is_null()
    )));
    assert!(few.contains(&count(&|one| number(one, "paid_minor")
        > number(one, "total_minor")
        && one["state"] == "paid")));
    assert!(few.contains(&count(
        &|one| number(one, "paid_minor") > Some(0) && one["paid_on"].is_null()
    )));
    assert!(few.contains(&count(&|one| one["state"] == "draft")));
    assert!(few.contains(&count(&|one| one["state"] == "void")));
    assert!(count(&|one| owed(one) && number(one, "paid_minor") > Some(0)) > 5);
    assert!(count(&|one| owed(one) && one["due_on"].as_str().is_some_and(|due| due < today)) > 5);
    assert!(count(&|one| owed(one) && one["due_on"].as_str().is_some_and(|due| due > today)) > 5);
    assert!((1..truth.len() / 2).contains(&count(&|one| one["contact_id"].is_null())));
    for currency in ["USD", "EUR", "GBP", "JPY", "KWD"] {
        assert!(count(&|one| one["currency"] == currency) > 0, "{currency}");
    }
    let deals: BTreeSet<String> = sim
        .all("opportunity/?status_type=won")
        .await
        .iter()
        .map(|deal| text(deal, "id").to_owned())
        .collect();
    let linked = count(&|one| {
        one["opportunity_id"]
            .as_str()
            .is_some_and(|id| deals.contains(id))
    });
    assert!(linked > truth.len() / 3 && linked < truth.len());
}

#[tokio::test]
async fn the_rest_of_the_organization_is_the_same_with_invoices_and_without() {
    let mut worlds = Vec::new();
    for layout in InvoiceLayout::ALL {
        let sim = with(layout, 120).await;
        let mut all = Vec::new();
        for list in ["lead/", "contact/", "opportunity/", "custom_field/lead/"] {
            all.extend(sim.all(list).await);
        }
        worlds.push(all);
    }
    assert!(worlds.iter().all(|world| *world == worlds[0]));
    let (one, other) = (
        with(InvoiceLayout::English, 120).await,
        with(InvoiceLayout::English, 120).await,
    );
    assert_eq!(
        lines(&one, "invoices").await,
        lines(&other, "invoices").await
    );
}

#[tokio::test]
async fn what_only_looks_like_invoices_is_none() {
    let sim = with(InvoiceLayout::Misleading, 120).await;
    some_traffic(&sim).await;
    assert!(lines(&sim, "invoices").await.is_empty());
    let types = sim.get("custom_object_type/").await.ok();
    assert_eq!(types["data"][0]["name"], "Invoice");
    let (objects, bills) = (
        lines(&sim, "objects/custom_object").await,
        lines(&sim, "objects/custom_activity").await,
    );
    assert!(objects.len() > 10 && bills.len() > 10);
}
